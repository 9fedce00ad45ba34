"""The grammar of IMAP commands, with its small modules: sequence sets, dates, names."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from mitmail.mailstore import imap_sequence
from mitmail.mailstore.imap_date import format_date_time, parse_date, parse_date_time
from mitmail.mailstore.imap_name import matches, quoted
from mitmail.mailstore.imap_parse import Arguments, BadError


def test_arguments_are_read_from_left_to_right() -> None:
    arguments = Arguments(
        rb' atom "a \"b\" \\" {3}' + b'\r\n (a "b" {1+}\r\n) 12 NIL', [b"x\r\n", b"\0"]
    )
    arguments.space()
    assert arguments.word() == "ATOM"
    arguments.space()
    assert arguments.astring() == rb'a "b" \ '.strip()
    arguments.space()
    assert arguments.string() == b"x\r\n"
    arguments.space()
    assert arguments.listed(arguments.astring) == [b"a", b"b", b"\0"]
    assert arguments.more()
    assert arguments.number() == 12
    arguments.space()
    assert arguments.nil()
    arguments.end()


@pytest.mark.parametrize(
    ("method", "text"),
    [
        *(("string", text) for text in (b'"open', b'"bad \\x"', b'"a\0"', b"atom", b"{1}", b"")),
        *(("astring", text) for text in (b"(", b"%", b"*", b"\\", b"\x7f", b"\xff", b" ")),
        *(("word", text) for text in (b'"a"', b"]", b"")),
        *(("number", text) for text in (b"4294967296", b"12345678901", b"-1", b"x")),
        *(("sequence_set", text) for text in (b"0", b"1:", b"4294967296", b",1", b"x")),
        *(("flag", text) for text in (rb"\Recent", rb"\*", b"", b"k" * 256, b"\xff")),
        *(("mailbox", text) for text in (b'"\xfc"', b"")),
        *(("flags", text) for text in (b"(a", b"(a  b)", b"(a,(b))")),
        *(("end", text) for text in (b" ",)),
    ],
)
def test_what_is_not_in_the_grammar_is_bad(method: str, text: bytes) -> None:
    with pytest.raises(BadError):
        getattr(Arguments(text), method)()


@pytest.mark.parametrize(
    ("text", "last", "inside", "outside"),
    [
        (b"1", 9, [1], [2, 9]),
        (b"3:1", 9, [1, 2, 3], [4]),
        (b"*", 9, [9], [8, 10]),
        (b"12:*", 9, [9, 10, 12], [8, 13]),
        (b"1,3:4,6:*", 9, [1, 3, 4, 6, 9], [2, 5, 10]),
        (b"2:3,1:4", 9, [1, 2, 3, 4], [5]),
        (b"1:4294967295", 9, [1, 4294967295], [0]),
        (b"*:1", 0, [0, 1], [2]),
    ],
)
def test_sequence_sets_hold(text: bytes, last: int, inside: list[int], outside: list[int]) -> None:
    parsed = imap_sequence.parse(text)
    assert parsed is not None
    ranges = parsed.resolved(last)
    assert [number for number in inside + outside if number in ranges] == inside


def test_numbers_are_written_compactly() -> None:
    assert imap_sequence.compact([1, 2, 3, 5, 7, 8]) == "1:3,5,7:8"
    assert imap_sequence.compact([]) == ""


def test_dates_are_read_and_written() -> None:
    assert parse_date("1-fEB-2024") == date(2024, 2, 1)
    moment = datetime(2024, 2, 1, 3, 4, 5, tzinfo=timezone(-timedelta(hours=3, minutes=30)))
    assert format_date_time(moment) == " 1-Feb-2024 03:04:05 -0330"
    for text in (" 1-Feb-2024 03:04:05 -0330", "01-feb-2024 03:04:05 -0330"):
        assert parse_date_time(text) == moment
        assert parse_date_time(text).utcoffset() == moment.utcoffset()
    assert format_date_time(datetime(999, 12, 31, tzinfo=UTC)) == "31-Dec-0999 00:00:00 +0000"


@pytest.mark.parametrize("text", ["", "1-Feb", "30-Feb-2024", "1-Foo-2024", "1-Feb-0000", "x"])
def test_other_dates_are_value_errors(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_date(text)
    with pytest.raises(ValueError, match=r"."):
        parse_date_time(f"{text} 00:00:00 +0000")


@pytest.mark.parametrize(
    "clock", ["24:00:00 +0000", "00:60:00 +0000", "00:00:00 +2400", "0:0:0 +0"]
)
def test_other_times_are_value_errors(clock: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_date_time(f"01-Feb-2024 {clock}")


@pytest.mark.parametrize(
    ("pattern", "name", "matching"),
    [
        ("*", "a/b", True),
        ("%", "a/b", False),
        ("%", "a", True),
        ("%/%", "a/b", True),
        ("a%", "a/b", False),
        ("a*", "a/b", True),
        ("*b", "a/b", True),
        ("%b", "a/b", False),
        ("a/%", "a/", True),
        ("a%c*e", "abc/d/e", True),
        ("iNb%", "INBOX", True),
        ("sent", "Sent", False),
        ("", "a", False),
        ("a.c", "abc", False),
        ("%*%", "a/b/c", True),
    ],
)
def test_patterns_match(pattern: str, name: str, matching: bool) -> None:
    assert matches(pattern, name) is matching


def test_names_are_quoted() -> None:
    assert quoted('a "b" \\') == r'"a \"b\" \\"'
