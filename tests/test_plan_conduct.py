"""A scenario's dialogue as the engine carries it out, session by session."""

from dataclasses import fields
from typing import Any

import pytest

from mitmail.conduct import PROPER, Canary, Capabilities, Conduct
from mitmail.pki.store import Store
from mitmail.plan import Plan, make
from mitmail.plan.conduct import conduct
from mitmail.scenario import loader
from mitmail.scenario.dialogue import Dialogue
from mitmail.scenario.model import Scenario


def conducted(protocol: Any = "imap", **said: Any) -> Conduct:
    return conduct(Dialogue.model_validate(said), protocol)


def plan(**said: Any) -> Plan:
    case = {
        "title": "A", "why": "B", "rule": "C", "id": "x", "group": "g", "file": "f",
        "expect": {"verdict": "accept"}, "server": {"dialogue": said} if said else {},
    }  # fmt: skip
    return make(Scenario.model_validate(case), None, Store(None))


SAID: list[tuple[str, Any, Any]] = [
    ("greeting", "* BAD\n", b"* BAD\r\n"),
    ("greeting", "", b""),
    ("offer", "masked", "masked"),
    ("clear", {"add": ["X-A"], "remove": ["ID"]}, Capabilities(add=("X-A",), remove=("ID",))),
    ("secured", {"remove": ["AUTH"]}, Capabilities(remove=("AUTH",))),
    ("denied", "{tag} BAD\n", b"{tag} BAD\r\n"),
    ("login", True, True),
    ("early", "{next} OK\n", b"{next} OK\r\n"),
    ("before", "hex:00ff", b"\x00\xff"),
    ("answer", "{tag} NO\n", b"{tag} NO\r\n"),
    ("behind", "no end", b"no end"),
    ("then", "reset", "reset"),
    ("pipelined", "relay", "relay"),
    ("withhold", 0.7, 0.7),
    ("canary", {"verbs": ["AUTH"], "word": "W", "ahead": True, "lure": True, "chance": ["EHLO"]},
     Canary(verbs=frozenset({"AUTH"}), word=b"W", ahead=True, lure=True,
            chance=frozenset({"EHLO"}))),
]  # fmt: skip


def test_nothing_said_is_the_proper_dialogue() -> None:
    assert conducted() == PROPER


@pytest.mark.parametrize(("field", "said", "expected"), SAID)
def test_what_is_said_is_the_conduct_of_the_same_name(
    field: str, said: Any, expected: Any
) -> None:
    made = conducted(**{field: said})
    changed = {x.name for x in fields(Conduct) if getattr(made, x.name) != getattr(PROPER, x.name)}
    assert getattr(made, field) == expected
    assert changed == {field}


def test_no_field_is_forgotten_here() -> None:
    assert {field for field, _, _ in SAID} == {x.name for x in fields(Conduct)} - {"is_control"}
    said = {x.name for x in fields(Conduct)} - {"is_control"} | {"from_session"}
    assert set(Dialogue.model_fields) == said


def test_each_protocol_has_its_own_words() -> None:
    said = {
        "answer": {"imap": "{tag} NO\n", "pop3": "-ERR\n", "smtp": "454 No\n"},
        "clear": {"add": {"imap": ["AUTH=PLAIN"], "pop3": ["SASL PLAIN"], "smtp": []}},
    }
    assert [conducted(x, **said).answer for x in ("imap", "pop3", "smtp")] == [
        b"{tag} NO\r\n", b"-ERR\r\n", b"454 No\r\n",
    ]  # fmt: skip
    assert [conducted(x, **said).clear.add for x in ("imap", "pop3", "smtp")] == [
        ("AUTH=PLAIN",), ("SASL PLAIN",), (),
    ]  # fmt: skip


# -- session by session ----


def test_a_server_without_a_dialogue_is_proper_in_every_session() -> None:
    ask = plan().conducting("smtp")
    assert [ask(), ask()] == [PROPER, PROPER]


def test_a_dialogue_is_the_same_in_every_session() -> None:
    ask = plan(offer="removed").conducting("smtp")
    assert [ask().offer, ask().offer] == ["removed", "removed"]


def test_a_downgrade_begins_with_its_session_on_each_endpoint_for_itself() -> None:
    made = plan(offer="removed", from_session=3)
    one, other = made.conducting("smtp"), made.conducting("imap")
    assert [one().offer for _ in range(4)] == ["shown", "shown", "removed", "removed"]
    assert other() == PROPER


def test_the_control_has_the_same_canary_and_nothing_wrong_in_clear() -> None:
    made = plan(
        offer="removed", behind="x", login=True, secured={"remove": ["AUTH"]},
        withhold=0.5, canary={"verbs": ["AUTH"]},
    )  # fmt: skip
    attack, control = made.conducting("smtp")(), made.control().conducting("smtp")()
    assert attack.is_attack
    assert not control.is_attack
    assert (control.canary, control.secured) == (attack.canary, attack.secured)
    assert control.withhold == 0.5
    assert control.canary is not None


def test_the_control_offers_nothing_in_clear_that_it_does_not_offer_through_tls() -> None:
    """Else a client that keeps the server's own word trips the canary of the control, too."""
    made = plan(
        clear={"add": ["SIZE 9"], "remove": ["SIZE"]}, secured={"remove": ["SIZE", "AUTH"]},
        canary={"verbs": ["MAIL"]},
    )  # fmt: skip
    control = made.control().conducting("smtp")()
    assert control.clear == Capabilities(remove=("SIZE", "AUTH"))
    assert not control.is_attack


# -- certificates ----


def test_what_is_said_in_clear_changes_no_certificate() -> None:
    """A client that has stored an exception for one case meets the same leaf in the next."""
    store = Store(None)
    leaves = {
        make(loader.find(x), None, store).door.leaf for x in ("starttls-stripped", "healthy")
    }
    assert len(leaves) == 1
