"""No password leaves a run: not the one that is known, and not one that only reads like one."""

import base64
import json
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any
from urllib.parse import quote

import pytest

from mitmail.judge import report, secret
from mitmail.judge.result import Result, Run
from report.runs import cell, run

PASSWORD = "x7-Kd_93hQz2LmPw"
PLAIN = base64.b64encode(f"\0qa@customer.test\0{PASSWORD}".encode()).decode()
BEARER = base64.b64encode(f"user=qa\1auth=Bearer {PASSWORD}\1\1".encode()).decode()
FORMS = (
    PASSWORD,
    PLAIN,
    BEARER,
    base64.b64encode(PASSWORD.encode()).decode(),
    PASSWORD.encode().hex(),
    quote(f"{PASSWORD}/", safe=""),
)
# How a password comes into a run: a client prints what it sent, or how it was called.
LEAKS = (
    f"S: * OK ready\nC: a1 LOGIN qa@customer.test {PASSWORD}\nS: a1 NO",
    f"> USER qa@customer.test\n> PASS {PASSWORD}\n< -ERR",
    f"send: 'ignored'\nAUTH PLAIN {PLAIN}",
    f"a AUTHENTICATE PLAIN {PLAIN}",
    f"AUTHENTICATE PLAIN\n+ \n{PLAIN}",
    f"sending {PLAIN} to the server",
    f"sending {BEARER} to the server",
    f"imaps://qa:{PASSWORD}@mail.customer.test:993/INBOX",
    f"curl --user qa@customer.test:{PASSWORD} imaps://mail.customer.test",
    f"client --password {PASSWORD} --host mail.customer.test",
    f"MITMAIL_PASSWORD={PASSWORD} client",
    json.dumps({"user": "qa", "password": PASSWORD}),
    json.dumps(json.dumps({"password": PASSWORD})),
    f"password: '{PASSWORD}'",
)
HARMLESS = (
    "the client sent LOGIN through TLS",
    "the client sent AUTH through TLS",
    "vulnerable: LOGIN in clear",
    "curl: (60) SSL certificate problem: certificate has expired",
    'pin-sha256="5Er12S+Lq5TjLLyMqjcr4yQZD6Gi3izbdUHPVwHcXrI="',
    "client --password {password} --user {user}:{password} imaps://{user}:{password}@{host}",
    "client --password $MITMAIL_PASSWORD",
    "Maildir notice: no UIDVALIDITY, creating new.",
    "e11527c7fb5796b6a1a8d9d2b1f878a38d0b0d04e9b51cc4b8a0f78aa15795d3",
)


def saying(text: str, **changes: Any) -> Run:
    """A run in which a client said this."""
    said = {"verdict": "error", "reason": None, "exit_code": 1, "text": text}
    return run(cell("curl/expired/imaps", "fail", said=said, **changes))


def text(what: Run) -> str:
    """What became of what the client said."""
    return str(secret.masked(what).results[0].said["text"])


@pytest.mark.parametrize("leak", LEAKS)
def test_what_reads_like_a_password_is_masked(leak: str) -> None:
    shown = text(saying(leak))

    assert not any(form in shown for form in FORMS)
    assert "***" in shown


@pytest.mark.parametrize("words", HARMLESS)
def test_what_is_no_password_stays(words: str) -> None:
    assert secret.masked(saying("", why=words)).results[0].why == words
    # In what a client prints, a line that begins with LOGIN is what it sent.
    if "LOGIN" not in words:
        assert text(saying(words)) == words


def everywhere(password: str) -> Run:
    """A run that has this in each of its texts, in every form."""
    words = " ".join(["it", password, *FORMS[1:]])
    texts = [x.name for x in fields(Result) if x.type is str and x.name != "endpoint"]
    changes: dict[str, Any] = dict.fromkeys(texts, words) | {
        "outcome": "fail",
        "said": {"verdict": words, "reason": words, "text": words, "more": [words]},
        "seen": {"verdict": words, "certainty": words, "reason": words, "evidence": words},
        "expected": {"verdict": words, "reasons": [words], "level": words},
        "tries": [{"outcome": words, "why": words}],
        "sessions": [{"session": 1, "evidence": words, "facts": [{"ms": 1.0, "fact": words}]}],
        "chain": [{"subject": words, "issuer": words, "names": [words], "sha256": words}],
    }
    one = replace(cell("curl/expired/imaps"), **changes)
    return run(one, platform=words, tools={"mitmail": words}, plan=words)


@pytest.mark.parametrize("shape", report.FORMATS)
def test_a_password_that_is_known_is_nowhere_in_any_format(shape: str) -> None:
    shown = report.render(everywhere(PASSWORD), shape, secrets=[PASSWORD])

    assert "***" in shown
    assert [form for form in forms() if form in shown] == []


@pytest.mark.parametrize("shape", report.FORMATS)
@pytest.mark.parametrize("leak", LEAKS[:3])
def test_a_password_that_is_found_once_is_masked_everywhere(shape: str, leak: str) -> None:
    telling = cell("curl/wrong-host/imaps", said={"verdict": "reject", "text": leak})
    shown = report.render(run(*everywhere(PASSWORD).results, telling), shape)

    assert [form for form in forms() if form in shown] == []


def forms() -> Iterator[str]:
    """The password as it may stand in a file."""
    yield from FORMS
    yield from (PASSWORD.encode().hex().upper(), quote(PASSWORD))
    yield base64.b64encode(PASSWORD.encode()).decode().rstrip("=")


def test_what_is_named_a_password_is_masked_whatever_it_is() -> None:
    said = {"verdict": "accept", "text": "", "account": {"password": "fish and chips"}}
    shown = secret.masked(run(cell("curl/expired/imaps", said=said))).results[0].said

    assert shown["account"] == {"password": "***"}


def test_what_follows_the_login_stays() -> None:
    """As swaks prints it: DATA alone on a line is no response, though it could be Base64."""
    sent = (
        f"<~  250 HELP\n ~> AUTH PLAIN {PLAIN}\n<~  235 2.7.0 Ok\n ~> DATA\n<~  354 Go\n ~> QUIT"
    )

    assert text(saying(sent)) == sent.replace(PLAIN, "***")


def test_a_word_that_everybody_says_is_masked_only_where_it_is_a_password() -> None:
    shown = text(saying("a LOGIN qa expired\ncurl: certificate has expired"))

    assert shown == "a LOGIN ***\ncurl: certificate has expired"
