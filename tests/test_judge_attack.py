"""What several sessions, a second run and a control make of a finding."""

from dataclasses import dataclass
from typing import cast

import pytest

from mitmail.engine.finding import Finding, FindingWord
from mitmail.engine.session import Session
from mitmail.engine.verdict import Certainty, Verdict, Word
from mitmail.judge.attack import Trial, combined, confirmed, controlled
from mitmail.judge.client import Said


@dataclass
class Ended:
    finding: Finding | None = None
    verdict: Verdict | None = None
    error: str | None = None
    over: bool = True


def found(word: FindingWord, certainty: Certainty = "sure") -> Finding:
    return Finding(word, certainty, f"{word} it is")


def sessions(*findings: Finding | None, verdict: Word = "accept") -> list[Session]:
    return [cast(Session, Ended(x, Verdict(verdict, "sure", ""))) for x in findings]


def test_who_tells_it_on_a_screen_has_told_whatever_his_exit_code() -> None:
    said = Said("reject", None, 0, "Could not negotiate TLS")
    assert Trial("x", "imap", "neomutt", found("aborted"), said, on_screen=True).word == "aborted"
    assert Trial("x", "imap", "neomutt", found("aborted"), said).word == "aborted, silently"


def trial(word: FindingWord, exit_code: int | None, text: str) -> Trial:
    return Trial("x", "imap", "curl", found(word), Said("reject", None, exit_code, text))


@pytest.mark.parametrize(
    ("words", "all_told"),
    [
        (("safe",), "safe"),
        (("aborted", "safe"), "safe"),
        (("safe", "inconclusive"), "inconclusive"),
        (("aborted", "inconclusive"), "inconclusive"),
        (("inconclusive", "vulnerable"), "vulnerable"),
        (("vulnerable", "aborted"), "vulnerable"),
    ],
)
def test_the_worst_that_is_proven_counts(
    words: tuple[FindingWord, ...], all_told: FindingWord
) -> None:
    assert combined(sessions(*map(found, words))).finding == all_told


def test_what_is_sure_counts_before_what_is_suspected() -> None:
    both = sessions(found("vulnerable", "suspected"), found("vulnerable"))
    assert combined(both).certainty == "sure"


def test_who_never_connects_is_not_judged() -> None:
    assert combined([]) == Finding("inconclusive", "sure", "the client never connected")


def test_what_failed_on_our_side_is_not_the_clients() -> None:
    failed = cast(Session, Ended(found("vulnerable", "suspected"), error="no server"))
    assert combined([failed]).evidence == "our side failed: no server"


def test_a_leak_is_one_whatever_failed_after_it() -> None:
    failed = cast(Session, Ended(found("safe"), error="no server"))
    leaked = cast(Session, Ended(found("vulnerable"), error="no server", over=False))
    assert combined([failed, leaked]) == found("vulnerable")


def test_a_session_that_is_still_open_leaves_the_run_open() -> None:
    accepted = Verdict("accept", "sure", "")
    assert combined([cast(Session, Ended(None, accepted, over=False))]).evidence == (
        "a session of the client is still open"
    )


def test_where_nothing_wrong_reached_the_client_it_is_safe_if_it_went_on_by_tls() -> None:
    assert combined(sessions(None)).finding == "safe"
    assert combined(sessions(None, verdict="reject")).finding == "inconclusive"
    assert combined(sessions(found("safe"), None, verdict="none")).finding == "inconclusive"


def test_vulnerable_is_who_is_so_twice() -> None:
    assert confirmed(found("vulnerable"), found("vulnerable")) == found("vulnerable")
    assert confirmed(found("vulnerable"), found("safe")).finding == "inconclusive"


def test_what_the_control_does_not_show_is_sure() -> None:
    suspected = found("vulnerable", "suspected")
    assert controlled(suspected, sessions(None)) == found("vulnerable")


def test_what_a_client_does_of_itself_proves_nothing() -> None:
    suspected = found("vulnerable", "suspected")
    alike = controlled(suspected, sessions(found("vulnerable", "suspected")))
    assert alike.finding == "inconclusive"


def test_a_control_that_was_left_after_a_greeting_proves_nothing() -> None:
    suspected = found("vulnerable", "suspected")
    left = [cast(Session, Ended(None, Verdict("accept", "suspected", "")))]
    assert controlled(suspected, left).finding == "inconclusive"


@pytest.mark.parametrize("verdict", ["reject", "none", "hang"])
def test_a_control_that_the_client_does_not_pass_proves_nothing(verdict: Word) -> None:
    suspected = found("vulnerable", "suspected")
    assert controlled(suspected, sessions(None, verdict=verdict)).finding == "inconclusive"
    assert controlled(suspected, []).finding == "inconclusive"


@pytest.mark.parametrize(
    ("word", "exit_code", "text", "shown"),
    [
        ("aborted", 1, "STARTTLS refused", "aborted"),
        ("aborted", 0, "done", "aborted, silently"),
        ("aborted", 1, " \n", "aborted, silently"),
        ("aborted", None, "", "aborted, silently"),
        ("aborted", -11, "", "crashed"),
        ("aborted", -13, "", "aborted, silently"),
        ("safe", -11, "", "safe"),
        ("inconclusive", -11, "", "crashed"),
        ("inconclusive", 0, "", "inconclusive"),
        ("safe", 0, "", "safe"),
        ("vulnerable", 0, "", "vulnerable"),
    ],
)
def test_who_leaves_should_tell_his_user(
    word: FindingWord, exit_code: int | None, text: str, shown: str
) -> None:
    assert trial(word, exit_code, text).word == shown
