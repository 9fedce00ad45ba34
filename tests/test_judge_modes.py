"""Both modes compared: who checks a certificate in one mode only is told apart from the rest."""

from dataclasses import replace
from typing import Any

import pytest

from mitmail.engine.verdict import Verdict
from mitmail.judge.case import BOTH_ROOTS, SERVER_ROOT, Case
from mitmail.judge.cell import Cell
from mitmail.judge.client import Said
from mitmail.judge.modes import compare
from mitmail.judge.outcome import Outcome, OutcomeWord
from mitmail.pki.store import Store
from mitmail.plan import make
from mitmail.plan.plan import Plan
from mitmail.scenario import loader

STORE = Store(None)


def plan(scenario: str, antivirus: str | None = None) -> Plan:
    vendor = None if antivirus is None else loader.find_vendor(antivirus)
    return make(loader.find(scenario), vendor, STORE)


def cell(
    endpoint: str,
    did: Any,
    scenario: str = "expired",
    word: OutcomeWord = "pass",
    *,
    seen: Any = "",
    case: Case | None = None,
) -> Cell:
    """What came of one client on one endpoint, by its own word and by what we saw."""
    case = case or Case(plan(scenario), SERVER_ROOT, "any")
    saw = Verdict(seen or did, "sure", "as seen") if seen is not None else None
    expected = case.expect(endpoint)
    said = Said(did, None, 0, "")
    return Cell(case, endpoint, "curl", expected, said, saw, Outcome(word, "as told"))


def both(starttls: Any, implicit: Any, **told: Any) -> list[Cell]:
    return [cell("imap", starttls, **told), cell("imaps", implicit, **told)]


@pytest.mark.parametrize("did", ["accept", "reject"])
def test_who_does_the_same_in_both_modes_differs_in_nothing(did: str) -> None:
    found = compare(both(did, did))

    assert (found.alike, found.differences, found.undecided) == (1, (), ())


def test_a_check_that_is_missing_over_starttls_is_said_in_words() -> None:
    (found,) = compare(both("accept", "reject")).differences

    assert found.words == (
        "curl accepts expired over STARTTLS (imap) and refuses it over SSL/TLS (imaps): "
        "its certificate check is missing or weaker over STARTTLS"
    )
    assert found.known is None


def test_a_check_that_is_missing_with_implicit_tls_is_said_of_that_mode() -> None:
    (found,) = compare(both("reject", "accept")).differences

    assert found.words.startswith("curl accepts expired over SSL/TLS (imaps) and refuses it over")
    assert found.words.endswith("missing or weaker over SSL/TLS")


def test_who_refuses_a_good_server_in_one_mode_misses_no_check() -> None:
    (found,) = compare(both("reject", "accept", scenario="healthy")).differences

    assert found.words.endswith("nothing is wrong with it, so STARTTLS refuses too much")


@pytest.mark.parametrize(
    ("starttls", "implicit"),
    [
        (cell("imap", "error"), cell("imaps", "reject")),
        (cell("imap", "accept", word="error"), cell("imaps", "reject")),
        # The witnesses disagree, whatever the outcome was for.
        (cell("imap", "accept", seen="reject", word="fail"), cell("imaps", "reject")),
        (cell("imap", "reject"), cell("imaps", "accept", seen="none")),
        (cell("imap", "reject"), cell("imaps", "accept", seen=None)),
    ],
)
def test_what_could_not_be_judged_is_not_compared_and_that_is_said(
    starttls: Cell, implicit: Cell
) -> None:
    found = compare([starttls, implicit])

    (undecided,) = found.undecided
    assert (found.alike, found.differences) == (0, ())
    assert undecided.words.startswith("curl in expired: imap")
    assert "could not be judged (as told)" in undecided.words


def test_one_mode_alone_is_compared_with_nothing() -> None:
    assert compare([cell("imap", "accept")]) == compare([])


@pytest.mark.parametrize(
    "change",
    [
        {"client": "python"},
        {"endpoint": "pop3s"},
        {"case": Case(plan("self-signed"), SERVER_ROOT, "any")},
        {"case": Case(plan("expired"), BOTH_ROOTS, "any")},
        {"case": Case(plan("expired"), SERVER_ROOT, "any", control=True)},
        {"case": Case(plan("expired", "norton"), SERVER_ROOT, "any")},
    ],
    ids=["client", "protocol", "scenario", "trust", "control", "antivirus"],
)
def test_only_the_same_client_case_and_protocol_are_compared(change: dict[str, Any]) -> None:
    starttls, implicit = both("accept", "reject")

    assert compare([starttls, replace(implicit, **change)]) == compare([])


def test_a_known_exception_is_a_difference_that_is_known() -> None:
    starttls = cell("imap", "accept", word="xfail")

    (found,) = compare([starttls, cell("imaps", "reject")]).differences

    assert found.known == "as told"


@pytest.mark.parametrize("scenario", ["close-after-clienthello", "starttls-masked"])
def test_a_server_that_speaks_differently_by_mode_may_be_taken_differently(scenario: str) -> None:
    assert compare(both("accept", "reject", scenario=scenario)) == compare([])


def test_an_antivirus_that_treats_one_mode_otherwise_explains_the_difference() -> None:
    case = Case(plan("healthy", "norton"), BOTH_ROOTS, "any")
    implicit = cell("imaps", "reject", case=case)
    expected = replace(implicit.expected, verdict="reject")

    told = [cell("imap", "accept", case=case), replace(implicit, expected=expected)]

    assert compare(told) == compare([])
