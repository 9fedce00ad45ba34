"""BODY and BODYSTRUCTURE. What Dovecot says of the same messages: test_mailstore_dovecot."""

import pytest

from mitmail.message.part import parse
from mitmail.message.structure import structure
from test_message_part import NESTED, crlf

TEXT = b'"text" "plain" ("charset" "us-ascii") NIL NIL "7bit"'
INNER = b'(NIL "inner" NIL NIL NIL NIL NIL NIL NIL NIL)'


def described(octets: bytes, *, extended: bool = False) -> bytes:
    return structure(octets, parse(octets), extended=extended)


def test_the_example_of_the_standard() -> None:
    # RFC 3501 section 7.4.2: text of 3028 octets in 92 lines.
    header = crlf("MIME-Version: 1.0\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\n\n")
    body = (b"x" * 31 + b"\r\n") * 91 + b"x" * 23 + b"\r\n"
    assert len(body) == 3028
    example = b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7bit" 3028 92)'
    assert described(header + body) == example


def test_a_tree_is_nested_lists() -> None:
    assert described(NESTED) == (
        b"((" + TEXT + b' 5 0)("message" "rfc822" NIL NIL NIL "7bit" 130 ' + INNER
        + b' (("text" "html" ("charset" "us-ascii") NIL NIL "7bit" 3 0) "alternative") 8)'
        b'("application" "pdf" NIL NIL NIL "base64" 6) "mixed")'
    )  # fmt: skip


def test_bodystructure_adds_the_extension_fields() -> None:
    octets = crlf(
        "Content-Type: text/csv; name=a\nContent-ID: <1@x>\nContent-Description: d\n"
        "Content-MD5: Q2hlY2s=\nContent-Disposition: attachment; filename=b\n"
        "Content-Language: en, de\nContent-Location: http://x/\n\n1,2\n"
    )
    assert described(octets, extended=True) == (
        b'("text" "csv" ("name" "a" "charset" "us-ascii") "<1@x>" "d" "7bit" 5 1 "Q2hlY2s="'
        b' ("attachment" ("filename" "b")) ("en" "de") "http://x/")'
    )
    assert b' "mixed" ("boundary" "=_1") NIL NIL NIL)' in described(NESTED, extended=True)


@pytest.mark.parametrize(
    "header", ["", "Content-Type: text/plain\n", "Content-Transfer-Encoding: base64\n"]
)
def test_what_is_no_mime_is_plain_text(header: str) -> None:
    assert described(crlf(header + "\nhello\n")) == b"(" + TEXT + b" 7 1)"


@pytest.mark.parametrize("boundary", ["", "; boundary=x"])
def test_a_multipart_without_parts_is_shown_with_an_empty_one(boundary: str) -> None:
    octets = crlf(f"Content-Type: multipart/mixed{boundary}\n\nnothing\n")
    assert described(octets) == b"((" + TEXT + b' 0 0) "mixed")'
