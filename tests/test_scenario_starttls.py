"""The group ``starttls``: what each of its files owes, and what all of them together cover."""

import re

import pytest

from bench import catalogue
from mitmail.mailstore import imap_session, pop3
from mitmail.scenario import sets
from mitmail.scenario.fault import faults
from mitmail.scenario.hostname import CUSTOMER
from mitmail.scenario.misconduct import answer_to_starttls
from mitmail.scenario.model import Scenario
from mitmail.scenario.spoken import PROTOCOLS, Protocol
from mitmail.wire.capability import rewrite

CASES = {x.id: x for x in catalogue().values() if x.group == "starttls"}
# STARTTLS is granted, and the handshake fails all the same.
TLS_FAILS = {x.id for x in CASES.values() if x.server.tls.instead is not None}
# What the mail server offers: its own words, before anything is rewritten.
OFFERED = {
    "imap": f"* CAPABILITY {imap_session.CAPABILITIES}\r\n".encode(),
    "pop3": b"+OK\r\n" + b"".join(x + b"\r\n" for x in pop3.CAPABILITIES) + b".\r\n",
    "smtp": b"250-mail\r\n250-SIZE 33554432\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
    b"250-AUTH LOGIN PLAIN\r\n250 HELP\r\n",
}


def test_there_are_at_least_seventy_five() -> None:
    assert len(CASES) >= 75


@pytest.mark.parametrize("said", CASES.values(), ids=CASES)
def test_each_says_why_and_what_the_user_sees(said: Scenario) -> None:
    assert said.why
    assert said.sees


@pytest.mark.parametrize("said", CASES.values(), ids=CASES)
def test_each_is_about_the_dialogue_and_of_a_name_that_says_so(said: Scenario) -> None:
    assert said.server.dialogue is not None
    assert re.match(r"starttls-|imap-|pretls-|tls-", said.id)
    assert set(said.endpoints) <= set(PROTOCOLS)


@pytest.mark.parametrize("attack", ["T1", "T2", "T3", "T4"])
def test_the_attacks_of_the_study_of_2025_are_members(attack: str) -> None:
    assert [x.id for x in CASES.values() if f"NDSS 2025 {attack}" in x.aka]


def test_each_attack_of_the_study_is_there_for_every_protocol() -> None:
    for attack in ("T1", "T2", "T3", "T4"):
        known = [x.endpoints for x in CASES.values() if f"NDSS 2025 {attack}" in x.aka]
        assert {y for endpoints in known for y in endpoints} == set(PROTOCOLS), attack


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_each_protocol_has_cases_that_must_be_rejected_and_that_must_be_accepted(
    protocol: str,
) -> None:
    levels = {
        (x.expect.verdict, x.expect.level) for x in CASES.values() if protocol in x.endpoints
    }
    assert levels >= {("reject", "must"), ("reject", "may"), ("accept", "must")}


def test_the_set_names_every_case_of_the_group() -> None:
    assert {*sets.load("starttls")} == {*CASES}


@pytest.mark.parametrize("said", CASES.values(), ids=CASES)
def test_where_tls_may_come_up_nobody_must_reject(said: Scenario) -> None:
    """Of a client that upgrades all the same, nobody could say that it did wrong."""
    dialogue = said.server.dialogue
    assert dialogue is not None
    shown = dialogue.on(said.endpoints)
    answers = {answer_to_starttls(shown, x) for x in PROTOCOLS if x in said.endpoints}
    comes_up = dialogue.then in {None, "tls"} and not answers & {"refusal", "odd"}
    if said.expect.verdict == "reject" and said.expect.level == "must":
        assert not comes_up or said.id in TLS_FAILS


@pytest.mark.parametrize("said", CASES.values(), ids=CASES)
def test_where_tls_never_comes_up_a_client_can_go_on_in_clear_and_be_caught(
    said: Scenario,
) -> None:
    if said.expect.verdict == "reject" and said.expect.level == "must":
        assert said.server.dialogue is not None
        assert said.server.dialogue.login


@pytest.mark.parametrize("said", CASES.values(), ids=CASES)
def test_a_canary_is_nothing_that_a_good_client_does(said: Scenario) -> None:
    """What is injected is missing in TLS, or every client would use it."""
    dialogue = said.server.dialogue
    assert dialogue is not None
    canary = dialogue.canary
    if canary is None or not (canary.verbs or dialogue.clear.add):
        return
    for protocol in (x for x in PROTOCOLS if x in said.endpoints):
        removed = dialogue.secured.remove.of(protocol) if dialogue.secured.remove else ()
        kept = rewrite(protocol, OFFERED[protocol], add=(), remove=removed).upper()
        for promised in _promised(said, protocol):
            assert not re.search(rf"\b{re.escape(promised)}\b".encode(), kept), promised


def _promised(said: Scenario, protocol: Protocol) -> set[str]:
    """The capabilities that are offered in clear, besides those that every server has."""
    dialogue = said.server.dialogue
    assert dialogue is not None
    added = dialogue.clear.add.of(protocol) if dialogue.clear.add else ()
    words = {x.split()[0].partition("=")[0] for x in added}
    for text in dialogue.texts(protocol).values():
        words |= set(re.findall(r"\b(AUTH|SASL(?:-IR)?)\b", text))
    return words


def test_few_cases_have_more_than_one_thing_wrong() -> None:
    """A refusal may stand beside what goes with it: the offer taken out, a greeting."""
    for said in CASES.values():
        found = [fault.words for fault in faults(said, CUSTOMER)]
        if len(found) > 1:
            assert {"refuses STARTTLS", "does not answer STARTTLS"} & {*found}, said.id
