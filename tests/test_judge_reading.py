"""How a described client's answer is read: by its JSON line, or by its exit code and words."""

import json
from typing import Any

import pytest

from mitmail.judge import reading
from mitmail.judge.client import Said
from mitmail.judge.program import Ended
from mitmail.scenario.client import ClientFile


def file(**more: Any) -> ClientFile:
    return ClientFile.model_validate(
        {"title": "some", "command": ["some"], "protocols": ["imap"], **more}
    )


def read(code: int | None, out: str = "", left: bytes = b"", **more: Any) -> Said:
    return reading.read(file(**more), Ended(code, out.encode(), b"", left))


def gist(said: Said) -> tuple[str, str | None]:
    return said.verdict, said.reason


@pytest.mark.parametrize(
    ("code", "gist_"),
    [
        (0, ("accept", None)),
        (1, ("reject", None)),
        (255, ("reject", None)),  # Perl's die
        (-11, ("error", None)),
        # A shell's words for a client that crashed, was killed, or is not there.
        *((code, ("error", None)) for code in (124, 126, 127, 134, 137, 139, 143)),
    ],
)
def test_without_a_table_the_exit_code_is_the_word(code: int, gist_: object) -> None:
    assert gist(read(code, "certificate has expired")) == gist_


@pytest.mark.parametrize(
    "words",
    ["Connection timed out", "Connection reset by peer", "Resource temporarily unavailable"],
)
def test_who_was_left_has_refused_nothing(words: str) -> None:
    assert read(1, words).verdict == "error"
    assert read(0, json.dumps({"verdict": "reject", "detail": words})).verdict == "error"


@pytest.mark.parametrize(
    ("line", "gist_"),
    [
        ({"verdict": "accept"}, ("accept", None)),
        ({"verdict": "reject", "reason": "expired", "detail": "x"}, ("reject", "expired")),
        ({"verdict": "reject", "reason": None}, ("reject", None)),
        ({"verdict": "error", "detail": "login failed"}, ("error", None)),
        ({"verdict": "yes"}, ("error", None)),
        ({"verdict": "reject", "reason": "rain"}, ("error", None)),
    ],
)
def test_the_last_line_is_the_word_whatever_stands_before(
    line: dict[str, Any], gist_: object
) -> None:
    assert gist(read(0, f"free text\n{{}}\n{json.dumps(line)}\n\n")) == gist_
    # Whatever it said, it broke down.
    assert read(3, json.dumps(line)).verdict == "error"


@pytest.mark.parametrize("line", ["[]", "{}", '{"reason": "expired"}', '{"verdict"', "[" * 99999])
def test_a_line_that_is_no_verdict_is_free_text(line: str) -> None:
    assert gist(read(0, line)) == ("accept", None)


def test_a_json_line_without_a_reason_is_looked_up_in_the_table() -> None:
    line = json.dumps({"verdict": "reject", "detail": "certificate has expired"})

    assert gist(read(0, line, refuses=[{"words": "openssl"}])) == ("reject", "expired")
    accepted = json.dumps({"verdict": "accept", "detail": "certificate has expired"})
    assert gist(read(0, accepted, refuses=[{"words": "openssl"}])) == ("accept", None)


@pytest.mark.parametrize(
    ("code", "text", "gist_"),
    [
        (1, "TLS: certificate has expired", ("reject", "expired")),
        (1, "TLS: it rains", ("reject", None)),
        (1, "TLS: unexpected eof while reading", ("error", None)),
        (1, "login failed", ("error", None)),
        (7, "TLS: certificate has expired", ("error", None)),
        (0, "TLS: certificate has expired", ("accept", None)),
    ],
)
def test_with_a_table_only_its_words_refuse(code: int, text: str, gist_: object) -> None:
    table = [{"text": "tls: .*", "exit": [1], "words": "openssl"}, {"text": "tls:", "exit": [1]}]

    assert gist(read(code, text, refuses=table)) == gist_


def test_who_fetched_nothing_has_not_accepted() -> None:
    wanted: dict[str, Any] = {"accepts": {"leaves": "mail/*"}}

    assert gist(read(0, left=b"Subject: x", **wanted)) == ("accept", None)
    assert gist(read(0, **wanted)) == ("error", None)
    assert gist(read(0, "done", accepts={"text": "^fetched"})) == ("error", None)
    assert gist(read(2, "fetched", accepts={"text": "^fetched", "exit": [2]})) == ("accept", None)


def test_what_it_says_of_its_own_code_is_left_out() -> None:
    said = read(1, "refused\nTraceback\ntimeout", ignores=r"\nTraceback[\s\S]*",
                refuses=[{"text": "refused"}])  # fmt: skip

    assert (gist(said), said.text) == (("reject", None), "refused")


TRACEBACK = """\
Traceback (most recent call last):
  File "/usr/lib/python3.13/imaplib.py", line 1300, in __init__
    IMAP4.__init__(self, host, port, timeout)
    ~~~~~~~~~~~~~~^^^^^^^^^^^^^^^^^^^^^^^^^^^
{}
"""


@pytest.mark.parametrize(
    "words",
    [
        TRACEBACK.format("ssl.SSLCertVerificationError: certificate verify failed (_ssl.c:1006)"),
        TRACEBACK.format("imaplib.IMAP4.error: refused"),
        "connecting, timeout 30 s\nrefused",
        "options: --timeout, timeout=30, 'timeout': None; timeout is 5\nrefused",
        "::1: connection timed out, trying 127.0.0.1\nTLS: certificate verify failed",
    ],
)
def test_a_time_out_that_is_set_or_over_is_no_end(words: str) -> None:
    assert gist(read(1, words)) == ("reject", None)


@pytest.mark.parametrize(
    "words",
    [
        TRACEBACK.format("TimeoutError: The read operation timed out"),
        TRACEBACK.format("ConnectionResetError: [Errno 104] Connection reset by peer"),
        "java.net.SocketTimeoutException: Read timed out\n\tat Net.java:12\n\tat Main.java:3",
        "Error: Greeting never received { code: 'ETIMEDOUT' }",
        "net/http: TLS handshake timeout",
        "connect: timeout",
        "timeout of 1000ms exceeded",
        "timeout after 15 seconds waiting for the server",
        "context deadline exceeded",
        "warning: the certificate has expired, going on\ngreeting: timed out",
        "loading certificates, timeout 30 s\nconnection timeout",
    ],
)
def test_who_waited_in_vain_has_refused_nothing(words: str) -> None:
    said = read(1, words)

    assert (gist(said), said.left) == (("error", None), True)


def test_half_a_surrogate_pair_becomes_a_character() -> None:
    said = read(0, '{"verdict": "reject", "detail": "\\ud800 bad"}')

    assert (gist(said), said.text) == (("reject", None), "? bad")
