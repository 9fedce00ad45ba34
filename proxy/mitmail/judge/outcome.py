"""The outcome of one cell: two witnesses, held against the expectation."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from mitmail.engine.finding import Finding
from mitmail.engine.session import Session
from mitmail.engine.verdict import Verdict
from mitmail.judge.client import Said
from mitmail.plan import Expectation

type OutcomeWord = Literal["pass", "fail", "warn", "error", "skip", "xfail"]

UNMET: dict[str, OutcomeWord] = {"must": "fail", "should": "warn", "may": "pass"}


SURE = ("vulnerable", "sure")
# What an attack on the dialogue, or a server that breaks off, gives a client to refuse for.
OF_ATTACK = frozenset({"starttls", "transport", "tls-version"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """``why`` is one clause for a person."""

    word: OutcomeWord
    why: str


class Known(Protocol):
    """What a client is known to do otherwise than a correct one: for these reasons, and why."""

    @property
    def verdict(self) -> Literal["accept", "reject"]:
        """What it does nevertheless."""

    @property
    def reasons(self) -> Collection[str]:
        """The reasons that it may give."""

    @property
    def why(self) -> str:
        """What it is that makes it do so."""


def decide(
    expected: Expectation,
    said: Said,
    sessions: Sequence[Session],
    exception: Known | None = None,
) -> Outcome:
    """Compare what the client said, and what we saw, with what a correct client does.

    The two witnesses must agree; where they contradict each other, or one of them could not
    judge, the outcome is ``error``, never ``pass``. But a client that is surely vulnerable to a
    dialogue attack in any session has failed, whatever it says and however its sessions ended,
    by our own failure too: what it sent in clear, nobody can take back. Where it was not to be
    seen what the attack came to, two things can still be said: that a client that is to be served
    was served, and that one has accepted a certificate that it is to refuse.
    """
    if not sessions:
        return Outcome("error", "the client never connected")
    if (proven := vulnerable(sessions)) is not None:
        return Outcome("fail", f"vulnerable: {proven.evidence}")
    if failed := next((x.error for x in sessions if x.error), None):
        return Outcome("error", f"our side failed: {failed}")
    seen = strongest(sessions)
    # A session that is still open may yet become an accept, which would outweigh all others.
    if seen is None or any(x.verdict is None for x in sessions):
        return Outcome("error", "a session of the client has no verdict")
    if said.verdict == "error":
        saw = f" ({seen.evidence})" if seen.verdict in {"none", "hang"} else ""
        return Outcome("error", f"the client failed: {' '.join(said.text.split())[-200:]}{saw}")
    if seen.verdict in {"none", "hang"}:
        return Outcome("error", seen.evidence)
    if said.verdict != seen.verdict and not _refused_late(said, seen):
        words = f"the client says {said.verdict}, we saw {seen.verdict}: {seen.evidence}"
        return Outcome("error", words)
    told = _served(expected, said) or _took_certificate(expected, said, seen)
    if (unseen := _inconclusive(sessions)) is not None and not told:
        return Outcome("error", f"it cannot be said whether it was taken in: {unseen.evidence}")
    if exception is not None:
        return _excepted(exception, said)
    return _compare(expected, said, seen)


def _refused_late(said: Said, seen: Verdict) -> bool:
    """Whether both are true: it asked for capabilities through TLS, and refused only then.

    getmail6 looks at the name after imaplib and poplib have said CAPABILITY and CAPA. A client
    that names no reason may have failed at anything.
    """
    suspected = (seen.verdict, seen.certainty) == ("accept", "suspected")
    return suspected and said.verdict == "reject" and said.reason is not None


def vulnerable(sessions: Sequence[Session]) -> Finding | None:
    """What proves, whatever else is known, that the client is vulnerable."""
    findings = [x.finding for x in sessions if x.finding is not None]
    return next((x for x in findings if (x.finding, x.certainty) == SURE), None)


def _inconclusive(sessions: Sequence[Session]) -> Finding | None:
    findings = [x.finding for x in sessions if x.finding is not None]
    return next((x for x in findings if x.finding == "inconclusive"), None)


def _served(expected: Expectation, said: Said) -> bool:
    """Whether it does what is asked of its verdict alone; credentials in clear are proven."""
    return expected.verdict == said.verdict == "accept"


def _took_certificate(expected: Expectation, said: Said, seen: Verdict) -> bool:
    """Whether both witnesses say that it accepted what it is to refuse, attacked or not.

    Where the attack alone is to be refused, it may never have reached the client.
    """
    accepted = said.verdict == "accept" and (seen.verdict, seen.certainty) == ("accept", "sure")
    refuses = expected.verdict == "reject" and expected.level != "may"
    return accepted and refuses and not expected.reasons <= OF_ATTACK


def strongest(sessions: Sequence[Session]) -> Verdict | None:
    """The verdict that counts when a client connected more than once: any accept is an accept.

    Of two alike, the one that is sure.
    """
    verdicts = [x.verdict for x in sessions if x.verdict is not None]
    order = ("accept", "reject", "hang", "none")
    return min(
        verdicts, key=lambda x: (order.index(x.verdict), x.certainty != "sure"), default=None
    )


def _excepted(exception: Known, said: Said) -> Outcome:
    if said.verdict == exception.verdict and said.reason in {None, *exception.reasons}:
        return Outcome("xfail", f"known of this client: {exception.why}")
    wanted = f"{exception.verdict} ({' or '.join(sorted(exception.reasons))})"
    named = f" for {said.reason}" if said.reason else ""
    words = f"expected the known exception {wanted}, but the client said {said.verdict}{named}"
    return Outcome("fail", words)


def _compare(expected: Expectation, said: Said, seen: Verdict) -> Outcome:
    if said.verdict != expected.verdict:
        wanted = " or ".join(sorted(expected.reasons)) or "nothing is wrong"
        return Outcome(UNMET[expected.level], f"expected {expected.verdict} ({wanted})")
    if said.verdict == "reject":
        return _compare_reasons(expected, {said.reason, seen.reason} - {None})
    return Outcome("pass", "as expected")


def _compare_reasons(expected: Expectation, named: set[str | None]) -> Outcome:
    wanted = " or ".join(sorted(expected.reasons))
    if not (strange := named - expected.reasons):
        return Outcome("pass", "as expected")
    words = " and ".join(sorted(map(str, strange)))
    if named & expected.reasons:
        return Outcome("error", f"of the witnesses one names {wanted}, the other {words}")
    return Outcome(UNMET[expected.level], f"refused for {words}, expected {wanted}")
