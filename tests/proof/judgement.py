"""What a verifier said of a case, held against what the case's file says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from mitmail.scenario.fault import faults
from mitmail.scenario.model import Scenario
from mitmail.scenario.tls import MODERN
from proof.verifier import Verifier, Word

KNOWN = Path(__file__).with_name("known.yaml")

# What no verifier of a chain alone can see.
UNSEEN = {"tls", "staple"}
VARIES = "varies"
DOES = {"accepts", "refuses", "names", "cannot judge", VARIES}


@dataclass(frozen=True, slots=True)
class Known:
    """A disagreement that is known: these verifiers, in these cases, for this reason.

    ``does``: it ``accepts`` what is to be refused, ``refuses`` what is to be accepted, or
    ``names`` something else than what is wrong, ``cannot judge`` or ``varies``.
    """

    cases: tuple[str, ...]
    verifiers: tuple[str, ...]
    does: str
    because: str


@cache
def known() -> tuple[Known, ...]:
    """The known disagreements, as their file has them."""
    return tuple(
        Known(tuple(x["cases"]), tuple(x["verifiers"]), x["does"], x["because"])
        for x in _file()["known"]
    )


def is_measured(verifier: Verifier) -> bool:
    """Whether the known disagreements were measured with this version."""
    measured: dict[str, str] = _file()["measured"]
    return ".".join(verifier.version.split(".")[:2]) == measured[verifier.name]


@cache
def _file() -> Any:
    return YAML(typ="safe").load(KNOWN.read_text(encoding="utf-8"))


def disagreement(said: Scenario, verifier: Verifier, word: Word) -> tuple[str, str] | None:
    """What the verifier does that a correct one would not: ``Known.does``, and its words."""
    expect, reasons = said.expect, set(said.expect.reasons)
    if word.verdict == "error":
        silent = any("transport" in error.may_mean for error in word.errors)
        return None if silent and "transport" in reasons else ("cannot judge", word.text)
    if word.verdict == "accept":
        refusable = expect.verdict == "reject" and expect.level == "must"
        return ("accepts", "") if refusable else None
    if expect.verdict == "accept":
        return "refuses", word.text
    told = word.errors if verifier.complete else word.errors[:1]
    strange = [error.says for error in told if not error.may_mean & reasons]
    return ("names", "; ".join(strange)) if strange else None


def concerns(said: Scenario, verifier: Verifier) -> bool:
    """Whether this verifier can see what the case is about."""
    speaks = set(verifier.versions) & set(said.server.tls.versions)
    if verifier.judges == "chain":
        parts = {fault.part for fault in faults(said, said.connect_as or "mail.customer.test")}
        return not parts or bool(parts - UNSEEN)
    # That nothing is spoken in common is the case itself only where the server speaks old TLS.
    return bool(speaks) or not set(said.server.tls.versions) & set(MODERN)


def families(words: Mapping[Verifier, Word]) -> set[str]:
    """The TLS implementations that refused, each once however many verifiers stand on it."""
    return {
        verifier.family
        for verifier, word in words.items()
        if verifier.judges == "session" and _refused(word)
    }


def _refused(word: Word) -> bool:
    silent = any("transport" in error.may_mean for error in word.errors)
    return word.verdict == "reject" or (word.verdict == "error" and silent)


def vector(words: Iterable[Word]) -> str:
    """The verdicts of one verifier over several cases, a letter each."""
    return "".join(word.verdict[0] for word in words)
