"""A paste becomes lines and words that can be compared."""

import pytest

from mitmail.diagnose import wording
from mitmail.errors import MitmailError


def words(line: str) -> list[str]:
    return list(wording.words(line))


def test_hosts_addresses_dates_and_numbers_are_left_out() -> None:
    line = (
        "certificate mail.kunde.example 192.0.2.1:993 2001:db8::1 qa@kunde.example 11/28/2026 "
        "28 Nov 2026 10:00:00 GMT https://kunde.example/x 1234 expired"
    )

    assert words(line) == ["certificate", "expired"]


def test_a_class_of_java_is_no_host() -> None:
    assert "validatorexception" in words("sun.security.validator.ValidatorException: PKIX")


def test_the_ports_of_mail_are_words() -> None:
    assert words("port 587 works, 465 fails, 8080 too") == [
        "port", "587", "works", "465", "fails", "too",
    ]  # fmt: skip


@pytest.mark.parametrize("said", ["can't", "cannot", "couldn't", "isn\u2019t", "unable", "not"])
def test_every_way_to_deny_is_one_word(said: str) -> None:
    line = wording.lines(f"{said} trusted")[0]

    assert words(line) == ["not", "trusted"]


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("Zertifikat \u00fc".encode(), "Zertifikat \u00fc"),
        ("Zertifikat \u00fc".encode("cp1252"), "Zertifikat \u00fc"),
        ("Zertifikat \u00fc".encode("utf-16"), "Zertifikat \u00fc"),
        ("Zertifikat \u00fc".encode("utf-8-sig"), "Zertifikat \u00fc"),
    ],
)
def test_text_is_read_in_the_encodings_that_programs_write(octets: bytes, text: str) -> None:
    assert wording.decoded(octets) == text


def test_octets_that_are_no_text_are_one_clear_line() -> None:
    with pytest.raises(MitmailError, match="this is no text"):
        wording.decoded(bytes(range(256)))


def test_quoting_marks_tags_and_colours_are_taken_off() -> None:
    assert wording.lines("> > a\n| b\n\x1b[31mc\x1b[0m") == ["a", "b", "c"]
    assert [x for x in wording.lines("<p>a<br>b</p><style>c</style>") if x] == ["a", "b"]


def test_what_is_no_tag_stays() -> None:
    assert wording.lines("if a < b and c > d") == ["if a < b and c > d"]
