"""The rules of a good dialogue: each one is broken by its example, and none by a good dialogue."""

from typing import Any

import pytest

from mitmail.scenario.dialogue import Dialogue
from mitmail.scenario.misconduct import DIALOGUE, answer_to_starttls

LINE = {"imap": "{tag} OK Go\n", "pop3": "+OK Go\n", "smtp": "220 Go\n"}
NO = {"imap": "{tag} NO\n", "pop3": "-ERR\n", "smtp": "454 No\n"}

EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "says that the client is logged in already": [
        {"greeting": {"imap": "* PREAUTH logged in\n"}},
        {"greeting": {"imap": "* preauth [CAPABILITY IMAP4rev1] logged in\n* 3 EXISTS\n"}},
    ],
    "greets as no server should": [
        {"greeting": ""},
        {"greeting": {"imap": "* BAD no\n"}},
        {"greeting": {"imap": "* OK [ALERT] read this\n"}},
        {"greeting": {"imap": "{greeting}\n* 3 EXISTS\n"}},
        {"greeting": {"imap": "A1 OK ready\n"}},
        {"greeting": {"pop3": "-ERR no\n"}},
        {"greeting": {"pop3": "+OK ready\n+OK really\n"}},
        {"greeting": {"smtp": "554 no\n"}},
        {"greeting": {"smtp": "220-ready\n"}},
        {"greeting": {"smtp": "220 ready"}},
        {"greeting": "hex:15030300020228"},
    ],
    "does not offer STARTTLS": [{"offer": "removed"}],
    "offers XXXXXXXX in place of STARTTLS": [{"offer": "masked"}],
    "does not tell its capabilities": [
        {"denied": {"smtp": "502 No\n"}},
        {"denied": {"imap": "* CAPABILITY IMAP4\n{tag} OK\n"}},
        {"denied": {"pop3": "+OK\nXSTLSX\n.\n"}},
    ],
    "promises in clear what does not hold in TLS": [
        {"clear": {"add": ["AUTH"]}},
        {"clear": {"add": ["A", "B"]}, "secured": {"add": ["A"]}},
    ],
    "answers before it is asked": [{"early": {"imap": "{next} OK\n"}}],
    "says more before its answer to STARTTLS": [{"before": "x"}],
    "says more behind its answer to STARTTLS": [{"behind": "x"}],
    "refuses STARTTLS": [
        {"answer": NO, "then": "clear"},
        {"answer": {"imap": "* BYE gone\n"}, "then": "close"},
        {"answer": {"smtp": "454-No\n454 really\n"}, "then": "clear"},
    ],
    "its go-ahead is more than a yes": [
        {"answer": {"imap": "{tag} OK [CAPABILITY IMAP4rev1] go\n"}, "then": "tls"},
    ],
    "answers STARTTLS with neither yes nor no": [
        {"answer": {x: y}, "then": "clear"}
        for x, y in [
            ("imap", "* OK go\n"), ("imap", "A1 OK go\n"), ("imap", "{tag} OKAY go\n"),
            ("imap", "+ go\n"), ("imap", "{tag} OK go"), ("pop3", "+ \n"), ("smtp", "220-go\n"),
            ("smtp", "250 Ok\n"), ("smtp", "2200 go\n"), ("smtp", "\n"), ("smtp", "go\n"),
        ]
    ],
    "does not answer STARTTLS": [{"answer": "", "then": "stall"}],
    "goes on in clear after its go-ahead": [{"then": "clear"}, {"answer": LINE, "then": "clear"}],
    "closes the connection after its go-ahead": [{"then": "close"}],
    "resets the connection after its go-ahead": [{"then": "reset"}],
    "falls silent after its go-ahead": [{"then": "stall"}],
}  # fmt: skip

HARMLESS: list[dict[str, Any]] = [
    {},
    {"login": True},
    {"pipelined": "close"},
    {"pipelined": "relay"},
    {"withhold": 2},
    {"from_session": 2},
    {"canary": {"verbs": ["AUTH"]}},
    {"clear": {"remove": ["LOGINDISABLED"]}},
    {"secured": {"remove": ["AUTH"]}},
    {"clear": {"add": ["X-A"]}, "secured": {"add": ["X-A"]}},
    {"answer": LINE, "then": "tls"},
    {"answer": {x: y.lower() for x, y in LINE.items()}, "then": "tls"},
    {"answer": {"smtp": "220\n"}, "then": "tls"},
    {"answer": {"smtp": "220-wait\n220 go\n"}, "then": "tls"},
    {"answer": {"pop3": "+OK\n"}, "then": "tls"},
    {"greeting": {"imap": "* ok ready\n", "pop3": "+OK\n", "smtp": "220-a\n220 b\n"}},
    {"greeting": "{greeting}\n"},
    {"denied": {"smtp": "250-mail\n250 starttls\n", "pop3": "+OK\nstls\n.\n"}},
]


def broken(said: dict[str, Any]) -> set[str]:
    return {one.words for one in DIALOGUE if one.broken(Dialogue.model_validate(said))}


@pytest.mark.parametrize(("words", "said"), [(x, y) for x, ys in EXAMPLES.items() for y in ys])
def test_each_rule_is_broken_by_its_examples_and_no_other_rule(
    words: str, said: dict[str, Any]
) -> None:
    assert broken(said) == {words}


@pytest.mark.parametrize("said", HARMLESS)
def test_what_is_odd_and_allowed_breaks_no_rule(said: dict[str, Any]) -> None:
    assert broken(said) == set()


def test_every_rule_has_an_example_here_and_every_example_a_rule() -> None:
    assert set(EXAMPLES) == {one.words for one in DIALOGUE}


def test_a_client_may_say_of_each_that_starttls_failed() -> None:
    assert {one.reasons for one in DIALOGUE} == {frozenset({"starttls"})}


def test_a_refusal_is_no_go_ahead_whatever_follows() -> None:
    assert broken({"answer": NO, "then": "close"}) == {"refuses STARTTLS"}
    said = Dialogue.model_validate({"answer": NO, "then": "tls"})
    assert answer_to_starttls(said, "smtp") == "refusal"


def test_without_an_answer_of_its_own_the_server_gives_the_proper_go_ahead() -> None:
    assert answer_to_starttls(Dialogue(), "imap") == "go-ahead"
