"""What a profile says of the dialogue becomes plain data, or a complaint that says where."""

from typing import Any

import pytest
from pydantic import ValidationError

from mitmail.conduct import PROPER, Conduct
from mitmail.fixup import NOTHING, Fixup
from mitmail.plan.conversation import handling
from mitmail.scenario.conversation import Conversation


def said(**fields: Any) -> Conversation:
    return Conversation.model_validate(fields)


def complaints(**fields: Any) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(ValidationError) as caught:
        said(**fields)
    return [(each["loc"], each["msg"]) for each in caught.value.errors()]


def test_what_is_not_said_changes_nothing() -> None:
    found = handling(said(), "imap")
    assert (found.conduct, found.fixup) == (PROPER, NOTHING)
    assert (found.in_clear, found.names_server) == (False, False)


def test_a_refused_starttls_leaves_everything_else_to_the_server() -> None:
    refusing = said(answer={"smtp": "500 Unsupported command.\n"})
    found = handling(refusing, "smtp")
    assert found.conduct == Conduct(
        login=True, answer=b"500 Unsupported command.\r\n", then="clear"
    )
    assert found.in_clear
    # What is said of one protocol only is said of that one only.
    assert handling(refusing, "imap").conduct == PROPER
    assert not handling(refusing, "imap").in_clear


def test_without_an_offer_a_starttls_is_an_unknown_command() -> None:
    found = handling(said(offer="masked", server="starttls"), "imap")
    assert found.conduct == Conduct(
        offer="masked", login=True, answer=b"{tag} BAD Unknown command\r\n", then="clear"
    )
    assert not found.in_clear


def test_texts_and_commands_are_those_of_the_protocol() -> None:
    talking = said(
        greeting="hello", farewell={"smtp": "bye"}, claim={"imap": ["ID"]}, refuse=["ID"],
        refusal={"imap": "{tag} NO never\n"}, names_server=True,
    )  # fmt: skip
    assert handling(talking, "imap").fixup == Fixup(
        greeting=b"hello", claim=("ID",), refuse=frozenset({"ID"}), refusal=b"{tag} NO never\r\n"
    )
    assert handling(talking, "smtp").fixup == Fixup(
        greeting=b"hello", farewell=b"bye", refuse=frozenset({"ID"})
    )
    assert handling(talking, "pop3").names_server
    assert not handling(talking, "imap").names_server


@pytest.mark.parametrize(
    ("fields", "where", "why"),
    [
        ({"answer": "500 no"}, ("answer", "imap"), "a reply ends its line"),
        ({"answer": {"smtp": "{tag} no\n"}}, ("answer", "smtp"), "only IMAP has tags"),
        ({"drop": ["STARTTLS"]}, ("drop",), "of STARTTLS and STLS say offer"),
        ({"claim": {"pop3": ["STLS"]}}, ("claim",), "of STARTTLS and STLS say offer"),
        ({"greeting": "a\nb"}, ("greeting", "imap"), "use one line"),
        ({"farewell": {"smtp": "{greeting}"}}, ("farewell", "smtp"), "use one line"),
        ({"server": "plain"}, ("server",), "STARTTLS is passed on: say answer"),
        ({"then": "close"}, ("then",), "STARTTLS is passed on: say answer"),
        ({"refuse": ["id"]}, ("refuse", 0), "String should match"),
    ],
)
def test_what_does_not_fit_says_where(
    fields: dict[str, Any], where: tuple[str | int, ...], why: str
) -> None:
    found = complaints(**fields)
    assert any(path == where and why in message for path, message in found), found
