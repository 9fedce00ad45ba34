"""The outcome of a cell: two witnesses who must agree."""

from types import SimpleNamespace
from typing import Any

import pytest

from mitmail.engine.finding import Finding
from mitmail.engine.verdict import Verdict
from mitmail.judge.client import Said
from mitmail.judge.outcome import decide
from mitmail.plan import Expectation
from mitmail.scenario import loader

REJECT = Expectation("reject", frozenset({"expired"}), "must")
ACCEPT = Expectation("accept", frozenset(), "must")


def session(
    verdict: str,
    reason: str | None = None,
    error: str | None = None,
    finding: Any = None,
    certainty: Any = "sure",
) -> Any:
    """A session as the outcome reads it."""
    found = Verdict(verdict, certainty, "as seen", reason)  # type: ignore[arg-type] # a word of the tables below
    return SimpleNamespace(verdict=found, error=error, finding=finding)


def pending() -> Any:
    """A session that is still open: nobody knows yet what the client does with it."""
    return SimpleNamespace(verdict=None, error=None, finding=None)


CAPABILITY = session("accept", certainty="suspected")


def said(verdict: str, reason: str | None = None) -> Said:
    return Said(verdict, reason, 0, "")  # type: ignore[arg-type] # a word of the tables below


@pytest.mark.parametrize(
    ("expected", "word", "sessions", "outcome"),
    [
        (ACCEPT, said("accept"), [session("accept")], "pass"),
        (REJECT, said("reject", "expired"), [session("reject")], "pass"),
        (REJECT, said("reject"), [session("reject", "expired")], "pass"),
        (REJECT, said("reject"), [session("reject")], "pass"),
        # For the wrong reason is not right.
        (REJECT, said("reject", "name-mismatch"), [session("reject")], "fail"),
        (REJECT, said("reject"), [session("reject", "unknown-issuer")], "fail"),
        # Not what it must do.
        (REJECT, said("accept"), [session("accept")], "fail"),
        (ACCEPT, said("reject"), [session("reject")], "fail"),
        # The witnesses disagree.
        (ACCEPT, said("accept"), [session("reject")], "error"),
        (REJECT, said("reject"), [session("accept")], "error"),
        # It asked for capabilities and then refused: true when it says why, and never spoke more.
        (REJECT, said("reject", "expired"), [CAPABILITY], "pass"),
        (REJECT, said("reject"), [CAPABILITY], "error"),
        (ACCEPT, said("reject"), [CAPABILITY], "error"),
        (REJECT, said("reject", "expired"), [CAPABILITY, session("accept")], "error"),
        (REJECT, said("reject", "expired"), [session("accept"), CAPABILITY], "error"),
        # Nobody saw, or nobody knows.
        (ACCEPT, said("accept"), [], "error"),
        (REJECT, said("reject"), [], "error"),
        (REJECT, said("reject"), [session("none")], "error"),
        (REJECT, said("reject"), [session("hang")], "error"),
        (REJECT, said("error"), [session("reject")], "error"),
        (REJECT, said("reject"), [session("reject", error="down")], "error"),
        (REJECT, said("reject"), [session("reject"), pending()], "error"),
        # The one names what is expected, the other something else.
        (REJECT, said("reject", "expired"), [session("reject", "unknown-issuer")], "error"),
        (REJECT, said("reject", "weak"), [session("reject", "expired")], "error"),
        # Several connections: any accept is an accept.
        (ACCEPT, said("accept"), [session("none"), session("accept")], "pass"),
        (REJECT, said("reject"), [session("reject"), session("accept")], "error"),
    ],
)
def test_the_outcome(expected: Expectation, word: Said, sessions: list[Any], outcome: str) -> None:
    assert decide(expected, word, sessions).word == outcome


@pytest.mark.parametrize(
    ("level", "outcome"), [("must", "fail"), ("should", "warn"), ("may", "pass")]
)
def test_what_is_not_met_counts_by_its_level(level: str, outcome: str) -> None:
    expected = Expectation("reject", frozenset({"expired"}), level)  # type: ignore[arg-type] # a word

    assert decide(expected, said("accept"), [session("accept")]).word == outcome


def attacked(verdict: str, finding: Any, certainty: Any = "sure", error: str | None = None) -> Any:
    """A session of a dialogue attack, and what it came to."""
    return session(verdict, None, error, Finding(finding, certainty, "LOGIN in clear", "a ***"))


@pytest.mark.parametrize(
    ("word", "sessions"),
    [
        (said("reject"), [attacked("none", "vulnerable")]),
        (said("accept"), [attacked("accept", "vulnerable")]),
        (said("error"), [attacked("hang", "vulnerable")]),
        # Whatever it does in its other sessions.
        (said("reject", "expired"), [attacked("none", "vulnerable"), session("reject")]),
        (said("reject", "expired"), [session("reject"), attacked("none", "vulnerable")]),
        (said("reject"), [attacked("none", "vulnerable"), pending()]),
        # And whatever our own side does.
        (said("error"), [attacked("none", "vulnerable", error="down")]),
        (said("reject"), [session("none", error="down"), attacked("none", "vulnerable")]),
    ],
)
@pytest.mark.parametrize("expected", [ACCEPT, REJECT])
def test_who_is_surely_vulnerable_has_failed(
    expected: Expectation, word: Said, sessions: list[Any]
) -> None:
    outcome = decide(expected, word, sessions)

    assert (outcome.word, outcome.why) == ("fail", "vulnerable: LOGIN in clear")


@pytest.mark.parametrize(
    ("sessions", "outcome"),
    [
        # Only its control shows whether it does so anyhow.
        ([attacked("none", "vulnerable", "suspected")], "error"),
        ([attacked("reject", "safe")], "pass"),
        ([attacked("reject", "aborted")], "pass"),
        ([attacked("none", "inconclusive")], "error"),
        ([attacked("none", "vulnerable", "suspected", error="down")], "error"),
    ],
)
def test_any_other_finding_leaves_the_outcome_as_it_was(sessions: list[Any], outcome: str) -> None:
    assert decide(REJECT, said("reject"), sessions).word == outcome


REFUSE_TLS = frozenset({"starttls"})
GO_OR_LEAVE = Expectation("reject", REFUSE_TLS, "may")
LEAVE = Expectation("reject", REFUSE_TLS, "must")


@pytest.mark.parametrize(
    ("expected", "verdict", "outcome"),
    [
        # Both verdicts are allowed: whether it was taken in is all that the case asks.
        (GO_OR_LEAVE, "accept", "error"),
        (GO_OR_LEAVE, "reject", "error"),
        # openssl s_client asks for STARTTLS before the attack, and leaves for its own reason.
        (LEAVE, "reject", "error"),
        # Nor has it failed when nothing of the attack reached it.
        (LEAVE, "accept", "error"),
        (ACCEPT, "reject", "error"),
        # Here its verdict is all that is asked, and both witnesses know it. Had it given
        # credentials in clear on its way, it would be vulnerable.
        (ACCEPT, "accept", "pass"),
    ],
)
def test_where_nobody_saw_what_the_attack_came_to_no_client_has_passed_it(
    expected: Expectation, verdict: str, outcome: str
) -> None:
    unseen = [attacked(verdict, "inconclusive")]

    assert decide(expected, said(verdict), unseen).word == outcome
    # Another session proves nothing for this one.
    assert decide(expected, said(verdict), [attacked(verdict, "safe"), *unseen]).word == outcome
    assert decide(LEAVE, said("reject"), [attacked("reject", "aborted")]).word == "pass"


@pytest.mark.parametrize(
    ("level", "certainty", "outcome"),
    [
        ("must", "sure", "fail"),
        ("should", "sure", "warn"),
        ("may", "sure", "error"),
        ("must", "suspected", "error"),
    ],
)
def test_who_accepts_a_certificate_to_refuse_has_failed_whatever_the_attack_came_to(
    level: Any, certainty: Any, outcome: str
) -> None:
    both = Expectation("reject", frozenset({"starttls", "unknown-issuer"}), level)
    unseen = Finding("inconclusive", "sure", "nothing of the attack reached the client")
    sessions = [session("accept", certainty=certainty, finding=unseen)]

    assert decide(both, said("accept"), sessions).word == outcome
    assert decide(both, said("reject", "unknown-issuer"), sessions).word == "error"


def test_a_known_exception_is_expected_to_show() -> None:
    (known,) = loader.find_vendor("norton").exceptions.values()

    shown = decide(ACCEPT, said("reject", "constraint"), [session("reject")], known)
    gone = decide(ACCEPT, said("accept"), [session("accept")], known)

    assert (shown.word, gone.word) == ("xfail", "fail")


def test_who_refuses_after_a_bare_capability_has_refused() -> None:
    """getmail6: its library asks for capabilities before it looks at the name itself."""
    late = session("accept")
    late.verdict = Verdict("accept", "suspected", "the client sent CAPABILITY through TLS")

    assert decide(REJECT, said("reject", "expired"), [late]).word == "pass"
    assert decide(REJECT, said("reject", "expired"), [session("accept")]).word == "error"
    assert decide(REJECT, said("accept"), [session("reject")]).word == "error"
