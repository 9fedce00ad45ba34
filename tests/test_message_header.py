"""Raw header fields."""

import pytest

from mitmail.message import header


@pytest.mark.parametrize(
    ("octets", "end"),
    [
        (b"A: 1\r\n\r\nbody", 8),
        (b"A: 1\n\nbody", 6),
        (b"\r\nbody", 2),
        (b"\nbody", 1),
        (b"A: 1\r\n", 6),
        (b"", 0),
        (b"A: 1\r\n\r\n\r\n", 8),
    ],
)
def test_the_text_begins_behind_the_first_empty_line(octets: bytes, end: int) -> None:
    assert header.header_end(octets) == end


def test_fields_keep_their_octets_and_folds() -> None:
    octets = b"A: 1\r\nb : two\r\n\tmore\r\nnonsense\r\n\r\nC: body\r\n"
    assert list(header.fields(octets)) == [
        (b"a", b"A: 1\r\n"),
        (b"b", b"b : two\r\n\tmore\r\n"),
        (b"nonsense", b"nonsense\r\n"),
    ]
    assert b"".join(raw for _, raw in header.fields(octets)) + b"\r\n" == octets[:-9]


def test_values_are_unfolded_and_never_longer_than_64_kib() -> None:
    octets = b"A:  one\r\n  two \r\na: three\r\nB: " + b"x" * 100_000 + b"\r\n\r\n"
    assert header.values(octets, b"A") == [b"one  two", b"three"]
    assert len(header.values(octets, b"b")[0]) <= 64 * 1024


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"plain", "plain"),
        (b"=?utf-8?q?Gr=C3=BC=C3=9Fe_an?= alle", "Grüße an alle"),
        (b"=?ISO-8859-1?B?/A==?= =?iso-8859-1?q?=DF?=", "üß"),
        (b"=?utf-8*de?q?x?=", "x"),
        ("roh: ü".encode(), "roh: ü"),
        (b"\xff", "\N{REPLACEMENT CHARACTER}"),
        (b"=?x-none?q?a?=", "=?x-none?q?a?="),
        (b"=?utf-8?b?a?=", "=?utf-8?b?a?="),
        (b"=?utf-8?q?=FF?=", "=?utf-8?q?=FF?="),
        (b"=?utf-8?q?open", "=?utf-8?q?open"),
        (b"=?hex?q?41?=", "=?hex?q?41?="),
    ],
)
def test_encoded_words_are_read_when_they_can_be(value: bytes, text: str) -> None:
    assert header.readable(value) == text
