"""Sections of messages: what BODY[...] names, in words and in octets."""

import pytest

from mitmail.message.section import Section
from test_message_part import NESTED, crlf

INNER = b'Subject: inner\r\nContent-Type: multipart/alternative; boundary="=_12"\r\n\r\n'
PLAIN = crlf("Subject: plain\nX: y\n\nhello\nworld\n")


def octets(text: str, message: bytes = NESTED) -> bytes | None:
    section = Section.read(text)
    assert section is not None
    found = section.octets(message)
    return None if found is None else bytes(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", NESTED),
        ("HEADER", NESTED[: NESTED.index(b"preamble")]),
        ("TEXT", NESTED[NESTED.index(b"preamble") :]),
        ("1", b"first"),
        ("1.MIME", b"\r\n"),
        ("2.MIME", crlf("Content-Type: message/rfc822\nContent-Disposition: attachment;")
         + b' filename="old.eml"\r\n\r\n'),
        ("2.HEADER", INNER),
        ("2.TEXT", b"--=_12\r\nContent-Type: text/html\r\n\r\n<p>\r\n--=_12--\r\nepilogue"),
        ("2", INNER + b"--=_12\r\nContent-Type: text/html\r\n\r\n<p>\r\n--=_12--\r\nepilogue"),
        ("2.1", b"<p>"),
        ("2.1.MIME", b"Content-Type: text/html\r\n\r\n"),
        ("2.HEADER.FIELDS (subject X-None)", b"Subject: inner\r\n\r\n"),
        ("2.HEADER.FIELDS.NOT (Subject)", INNER.partition(b"\n")[2]),
        ("3", b"AAAA\r\n"),
    ],
)  # fmt: skip
def test_a_nested_message_is_taken_apart(text: str, expected: bytes) -> None:
    assert octets(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", b"hello\r\nworld\r\n"),
        ("1.MIME", b"Subject: plain\r\nX: y\r\n\r\n"),
        ("HEADER.FIELDS (X)", b"X: y\r\n\r\n"),
        ("HEADER.FIELDS (Absent)", b"\r\n"),
        ('HEADER.FIELDS ("x")', b"X: y\r\n\r\n"),
    ],
)
def test_a_message_that_is_no_multipart_has_one_part(text: str, expected: bytes) -> None:
    assert octets(text, PLAIN) == expected


@pytest.mark.parametrize("text", ["2", "1.1", "1.TEXT", "1.HEADER", "1.HEADER.FIELDS (X)", "9.9"])
def test_there_are_no_other_parts(text: str) -> None:
    assert octets(text, PLAIN) is None


@pytest.mark.parametrize("text", ["4", "1.1", "1.HEADER", "2.2", "2.1.1", "2.1.TEXT"])
def test_there_are_no_parts_beyond(text: str) -> None:
    assert octets(text) is None


def test_a_header_without_an_empty_line_is_given_none() -> None:
    assert octets("HEADER.FIELDS (A)", b"A: 1\r\nB: 2\r\n") == b"A: 1\r\n"


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.2.3", "HEADER", "1.TEXT", "1.MIME", "HEADER.FIELDS (A B)", "1.HEADER.FIELDS (A)"],
)
def test_a_section_is_written_as_it_is_read(text: str) -> None:
    section = Section.read(text.lower() if "(" not in text else text)
    assert str(section) == text


@pytest.mark.parametrize(
    "text",
    [
        *("MIME", "0", "01", "1.", ".1", "1..2", "1TEXT", "1.NONSENSE", "HEADER.FIELDS", "X"),
        *("HEADER.FIELDS ()", "HEADER (A)", "1.MIME.TEXT", "TEXT.1", " ", "1 (A)"),
    ],
)
def test_other_text_is_no_section(text: str) -> None:
    assert Section.read(text) is None
