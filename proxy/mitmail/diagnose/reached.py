"""What came of going to a server."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mitmail.diagnose.finding import Finding
from mitmail.diagnose.presented import Presented
from mitmail.diagnose.seen import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """``seen`` are the connections that showed a certificate, each with the name where there is
    one; the first is the one to judge. ``findings`` are about reaching it, TLS, differences and
    names, never about one certificate. ``seen`` is empty where findings say why.
    """

    host: str
    seen: tuple[Seen, ...]
    findings: tuple[Finding, ...]

    @property
    def presented(self) -> tuple[Presented, ...]:
        """Every chain that was shown, each once, the one to judge first."""
        found: dict[tuple[bytes, ...], Presented] = {}
        for one in self.seen:
            found.setdefault(one.presented.chain, one.presented)
        return tuple(found.values())


def of_silence(obstacles: Sequence[Finding]) -> str:
    """One line on a host of which no port can be judged."""
    said: dict[str, list[str]] = {}
    for one in obstacles:
        said.setdefault(one.words, []).append(one.where)
    first = obstacles[0]
    fix = f": {first.fix}" if first.fix else ""
    if len(said) == 1 and len(obstacles) == 1:
        return f"{first.where}: {first.words}{fix}"
    parts = [f"{words} ({', '.join(dict.fromkeys(where))})" for words, where in said.items()]
    return f"no certificate to look at: {'; '.join(parts)}{fix}"


def in_sentences(finding: Finding) -> Finding:
    """The finding with its clauses written as sentences."""
    return replace(finding, words=_sentence(finding.words), fix=_sentence(finding.fix))


def _sentence(clause: str) -> str:
    first = clause.partition(" ")[0]
    begun = clause[:1].upper() + clause[1:] if first.isalpha() else clause  # a name stays
    return begun if not begun or begun.endswith(".") else f"{begun}."
