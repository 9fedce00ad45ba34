"""The comparison: the same client with an antivirus and without, and which of them is to blame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

type Fate = Literal["works", "fails", "undecided"]
type Blame = Literal["antivirus", "provider", "account", "nobody", "only-without", "undecided"]

# Of the sessions at one endpoint the strongest counts, as in every judgement.
STRENGTH: Final = ("accept", "reject", "hang", "none")
EXIT_CODES: Final[dict[Blame, int]] = {
    "nobody": 0, "antivirus": 1, "provider": 1, "account": 1, "only-without": 1, "undecided": 3,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Word:
    """The client's own word: whether it did its work; None with a clause that says why not."""

    worked: bool | None
    exit_code: int | None = None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What we saw of the client at one endpoint: the record of its strongest verdict.

    ``blocked``: the antivirus let it have no handshake, so that it could not judge anything.
    """

    endpoint: str
    verdict: str
    reason: str | None
    evidence: str
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Leg:
    """One half: the client with this antivirus, or with none; ``why`` is one clause."""

    antivirus: str
    word: Word
    seen: tuple[Seen, ...]
    fate: Fate
    why: str
    expected: Mapping[str, Any] = field(default_factory=dict)

    @property
    def refused(self) -> list[Seen]:
        """Where the client refused what it was shown."""
        return [x for x in self.seen if x.verdict == "reject"]

    @property
    def stopped(self) -> list[Seen]:
        """Where it got no further for what the antivirus did: refused it, or was blocked."""
        return [x for x in self.seen if x.verdict == "reject" or x.blocked]

    def record(self) -> dict[str, object]:
        """The half as JSON."""
        return {
            "antivirus": self.antivirus,
            "client": {"worked": self.word.worked, "exit_code": self.word.exit_code},
            "seen": [
                {
                    "endpoint": x.endpoint,
                    "verdict": x.verdict,
                    "reason": x.reason,
                    "evidence": x.evidence,
                }
                for x in self.seen
            ],
            "fate": self.fate,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both halves, and what they prove together; ``words`` say it, ``advice`` what to do."""

    shielded: Leg
    bare: Leg
    blame: Blame
    words: str
    advice: str

    @property
    def exit_code(self) -> int:
        """0 when the client works in both, 1 when it does not, 3 when that is not known."""
        return EXIT_CODES[self.blame]

    def record(self) -> dict[str, object]:
        """The comparison as one JSON document."""
        return {
            "schema": 1,
            "blame": self.blame,
            "words": self.words,
            "advice": self.advice,
            "with": self.shielded.record(),
            "without": self.bare.record(),
        }


def leg(state: Mapping[str, Any], word: Word, sessions: Sequence[Mapping[str, Any]]) -> Leg:
    """Hold the client's own word against what we saw: only where both agree it is decided.

    ``state`` is what was served, ``sessions`` those that began meanwhile, as far as serve
    remembers them.
    """
    seen = tuple(_seen(name, sessions) for name in dict.fromkeys(x["endpoint"] for x in sessions))
    if any(x[key] != state[key] for x in sessions for key in ("antivirus", "scenario", "showing")):
        fate, why = _SWITCHED
    elif min((x["session"] for x in sessions), default=0) > state["last_session"] + 1:
        fate, why = _FORGOTTEN
    else:
        fate, why = _fate(word, seen, sessions)
    return Leg(state["antivirus"], word, seen, fate, why, state["expect"])


_SWITCHED: Final[tuple[Fate, str]] = "undecided", "somebody else has switched meanwhile"
_FORGOTTEN: Final[tuple[Fate, str]] = (
    "undecided",
    "there were more sessions than serve remembers",
)


def _seen(endpoint: str, sessions: Sequence[Mapping[str, Any]]) -> Seen:
    found = [x["verdict"] for x in sessions if x["endpoint"] == endpoint and x["verdict"]]
    best = min(found, key=lambda x: STRENGTH.index(x["verdict"]), default=None)
    if best is None:
        return Seen(endpoint, "none", None, "there is no verdict yet")
    blocked = best["verdict"] == "none" and any(x["fact"] == "blocked" for x in best["facts"])
    return Seen(endpoint, best["verdict"], best["reason"], best["evidence"], blocked)


def _fate(
    word: Word, seen: Sequence[Seen], sessions: Sequence[Mapping[str, Any]]
) -> tuple[Fate, str]:
    if word.worked is None:
        return "undecided", word.missing
    if not seen:
        return "undecided", "the client did not connect"
    failed = next((x["end"]["error"] for x in sessions if x["end"] and x["end"]["error"]), None)
    if failed is not None:
        return "undecided", f"our side failed: {failed}"
    if any(x["verdict"] is None for x in sessions):
        return "undecided", "a session has no verdict yet"
    if unknown := next((x for x in seen if x.verdict in {"hang", "none"} and not x.blocked), None):
        return "undecided", f"{unknown.endpoint}: {unknown.evidence}"
    if blocked := next((x for x in seen if x.blocked), None):
        said = f"{blocked.endpoint}: {blocked.evidence}"
        return (
            ("undecided", f"the client says that all is well; {said}")
            if word.worked
            else ("fails", said)
        )
    refused = [x for x in seen if x.verdict == "reject"]
    if word.worked and not refused:
        return "works", "it went on through TLS"
    if word.worked:
        said = f"the client says that all is well, but refused {refused[0].endpoint}"
        return "undecided", f"{said}: {refused[0].evidence}"
    if not refused:
        return "fails", "it accepted the certificate, and failed at something else"
    return "fails", f"it refused {refused[0].endpoint}: {refused[0].evidence}"


def compare(shielded: Leg, bare: Leg, roots: Mapping[str, str | None]) -> Comparison:
    """What the two halves prove. ``roots`` are the files to import: ``server``, ``antivirus``."""
    blame = _blame(shielded, bare)
    names = {"antivirus": shielded.antivirus, "why": _reason(bare), "undecided": ""}
    if blame == "undecided":
        names["undecided"] = _undecided(shielded, bare)
    files = {f"{key}_root": file or "(none)" for key, file in roots.items()}
    words, advice = (text.format(**names, **files) for text in TEXTS[blame])
    if blame == "antivirus" and not _helps(shielded):
        advice = "Let the antivirus leave mail alone: it is no root of its own that is missing."
    if blame == "provider" and (other := _another_reason(shielded, bare)):
        told = {"antivirus": shielded.antivirus, "other": other} | files
        words, advice = (f"{x} {more.format(**told)}" for x, more in zip(
            (words, advice), BEHIND_IT, strict=True
        ))  # fmt: skip
    if blame == "account" and shielded.refused and not bare.refused:
        advice += f" Then import the antivirus' root, too ({files['antivirus_root']})."
    return Comparison(shielded, bare, blame, words, advice)


def _blame(shielded: Leg, bare: Leg) -> Blame:
    fates = shielded.fate, bare.fate
    if "undecided" in fates:
        return "undecided"
    if fates == ("works", "works"):
        return "nobody"
    if fates == ("works", "fails"):
        return "only-without"
    if fates == ("fails", "works"):
        # One that accepted the antivirus' certificate has failed for a reason that nobody saw.
        return "antivirus" if shielded.stopped else "undecided"
    return "provider" if _is_proven(bare) else "account"


def _is_proven(bare: Leg) -> bool:
    """Whether the evidence names what is wrong with the server's own certificate."""
    return any(
        x.reason in bare.expected[x.endpoint]["reasons"]
        for x in bare.refused
        if x.endpoint in bare.expected and bare.expected[x.endpoint]["verdict"] == "reject"
    )


def _helps(shielded: Leg) -> bool:
    """Whether an import of the antivirus' root may be all that is needed."""
    helped = {None, "unknown-issuer", "self-signed"}
    return all(not x.blocked and x.reason in helped for x in shielded.stopped)


def _reason(bare: Leg) -> str:
    return next((x.reason for x in bare.refused if x.reason), None) or "refused"


def _another_reason(shielded: Leg, bare: Leg) -> str | None:
    """What the client has against the antivirus' certificate alone, where both are known."""
    behind, without = ([x.reason for x in half.refused] for half in (shielded, bare))
    if any(x.blocked for x in shielded.stopped) or None in (*behind, *without):
        return None
    known = {_ALIKE.get(x or "", x) for x in without}
    return next((x for x in behind if _ALIKE.get(x or "", x) not in known), None)


# Whom nobody vouches for: one client says this of it, another that.
_ALIKE: Final = dict.fromkeys(("self-signed", "incomplete-chain"), "unknown-issuer")


def _undecided(shielded: Leg, bare: Leg) -> str:
    if "undecided" in (shielded.fate, bare.fate):
        one = shielded if shielded.fate == "undecided" else bare
        half = "without the antivirus" if one is bare else f"with {one.antivirus}"
        return f"{half}, {one.why}"
    return f"with {shielded.antivirus}, {shielded.why}"


BEHIND_IT: Final = (
    "Behind {antivirus} it fails for another reason, too ({other}): with the provider's mended it "
    "may still fail there.",
    "Then compare again; where it still fails behind {antivirus}, import the antivirus' root into "
    "the client ({antivirus_root}), or let the antivirus leave mail alone.",
)
TEXTS: Final[dict[Blame, tuple[str, str]]] = {
    "antivirus": (
        "It is the antivirus: the client fails with {antivirus}, and works without.",
        "Import the antivirus' own root into the client ({antivirus_root}), or let the antivirus "
        "leave mail alone.",
    ),
    "provider": (
        "It is the provider's certificate: the client fails in both, and refuses it without "
        "{antivirus} as well ({why}).",
        "Ask the provider for another certificate, or for the host name that this one is for.",
    ),
    "account": (
        "It is not {antivirus} alone: the client fails in both.",
        "Check the account: server, port, connection security, user, password; and whether the "
        "client knows the server's root ({server_root}).",
    ),
    "nobody": (
        "It is not {antivirus}: the client works in both.",
        "Look for what else is different on the customer's machine.",
    ),
    "only-without": (
        "It is not {antivirus}: the client works with it, and fails without.",
        "Import the server's root into the client ({server_root}), and compare again.",
    ),
    "undecided": (
        "Could not judge: {undecided}.",
        "Let the client do its work in each half until it is done or has said why not; then "
        "compare again.",
    ),
}
