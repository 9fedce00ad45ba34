"""What of a command may be logged."""

import pytest

from mitmail.wire.mask import eol, masked, shown


@pytest.mark.parametrize(
    ("line", "keep", "readable"),
    [
        (b"PASS x y\r\n", 1, b"PASS ***\r\n"),
        (b"PASS\r\n", 1, b"PASS\r\n"),
        (b"x\n", 0, b"***\n"),
        (b"\r\n", 0, b"\r\n"),
        (b"no end", 0, b"***"),
    ],
)
def test_only_the_first_words_stay_readable(line: bytes, keep: int, readable: bytes) -> None:
    assert masked(line, keep) == readable


@pytest.mark.parametrize(
    ("line", "verb", "readable"),
    [
        (b"AUTH PLAIN x\r\n", "AUTH", b"AUTH PLAIN ***\r\n"),
        (b"AUTH plain x\r\n", "AUTH", b"AUTH plain ***\r\n"),
        (b"AUTH OAuthBearer x\r\n", "AUTH", b"AUTH OAuthBearer ***\r\n"),
        (b"AUTH aHVudGVyMg x\r\n", "AUTH", b"AUTH ***\r\n"),
        (b"PASS PLAIN x\r\n", "PASS", b"PASS ***\r\n"),
        (b"NOOP x\r\n", "NOOP", b"NOOP x\r\n"),
        (b"aHVudGVyMg==\r\n", "", b"***\r\n"),
    ],
)
def test_a_mechanism_is_no_secret_but_a_line_without_a_verb_is(
    line: bytes, verb: str, readable: bytes
) -> None:
    assert shown(line, verb, {"AUTH", "PASS"}) == readable


def test_the_end_of_a_line_is_crlf_or_lf_or_nothing() -> None:
    assert [eol(line) for line in (b"a\r\n", b"a\n", b"a\r", b"", b"\n\r\n")] == [
        b"\r\n",
        b"\n",
        b"",
        b"",
        b"\r\n",
    ]
