"""Text as it is searched: cases, character sets, dates."""

from datetime import date

import pytest

from mitmail.message import charset, text


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Straße", "STRAßE"),
        ("grüße", "GRU\N{COMBINING DIAERESIS}ßE"),
        ("\N{FULLWIDTH LATIN SMALL LETTER A}", "\N{FULLWIDTH LATIN CAPITAL LETTER A}"),
        ("\N{LATIN SMALL LETTER DOTLESS I}", "I"),  # so says UnicodeData.txt
        ("\N{GREEK SMALL LETTER SIGMA}", "\N{GREEK SMALL LETTER FINAL SIGMA}"),
        ("plain ASCII", "PLAIN ascii"),
    ],
)
def test_letters_are_equal_as_the_casemap_has_them(left: str, right: str) -> None:
    assert text.casemap(left) == text.casemap(right)


@pytest.mark.parametrize(("left", "right"), [("ß", "SS"), ("u", "ü"), ("a", "b")])
def test_other_letters_are_not(left: str, right: str) -> None:
    assert text.casemap(left) != text.casemap(right)


@pytest.mark.parametrize(
    ("value", "day"),
    [
        (b"Tue, 1 Jul 2003 10:52:37 +0200", date(2003, 7, 1)),
        (b"31 Dec 2016 23:30:00 -0800 (PST)", date(2016, 12, 31)),
        (b"1 Jan 17 00:30 +1200", date(2017, 1, 1)),
        (b"yesterday", None),
        (b"", None),
        (b"31 Feb 2020 00:00:00 +0000", None),
        (b"1 Jan 99999999999999999999 00:00:00", None),
        (b"\xff\0(((", None),
    ],
)
def test_a_day_is_the_one_that_is_written(value: bytes, day: date | None) -> None:
    assert text.day(value) == day


@pytest.mark.parametrize("name", [b"punycode", b"idna", b"hex", b"x-none", b"\0", b"", b"\xff"])
def test_what_is_no_character_set_decodes_nothing(name: bytes) -> None:
    assert charset.decode(b"abc", name, "replace") is None
