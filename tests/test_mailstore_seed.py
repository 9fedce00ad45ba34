"""The five messages, read with Python's own mail parser."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from mitmail.mailstore.seed import seed

NOW = datetime(2030, 5, 6, 12, tzinfo=UTC)
USER = "qa@customer.test"


def parsed() -> list[EmailMessage]:
    return [message_from_bytes(octets, policy=policy.default) for octets in seed(USER, NOW)]


def test_lines_end_with_crlf_and_have_at_most_998_octets() -> None:
    for octets in seed(USER, NOW):
        assert octets.count(b"\n") == octets.count(b"\r") == octets.count(b"\r\n")
        assert octets.endswith(b"\r\n")
        assert max(map(len, octets.split(b"\r\n"))) <= 998


def test_they_are_addressed_to_the_user_and_an_hour_apart() -> None:
    messages = parsed()
    assert {message["To"] for message in messages} == {USER}
    assert [message["Date"].datetime for message in messages] == [
        NOW - timedelta(hours=ago) for ago in (5, 4, 3, 2, 1)
    ]
    assert len({message["Message-ID"] for message in messages}) == 5


def test_no_header_or_part_is_malformed() -> None:
    for message in parsed():
        for part in message.walk():
            assert part.defects == []
            for value in part.values():
                assert not getattr(value, "defects", ())


def test_the_second_has_an_encoded_subject_and_utf8_text() -> None:
    message = parsed()[1]
    assert message["Subject"] == "Grüße aus München \N{EN DASH} Protokoll"
    assert "Schöne Grüße" in message.get_content()
    assert seed(USER, NOW)[1].partition(b"\r\n\r\n")[0].isascii()


def test_the_third_has_text_and_html_the_fourth_an_attachment() -> None:
    third, fourth = parsed()[2:4]
    kinds = [part.get_content_type() for part in third.walk()]
    assert kinds == ["multipart/alternative", "text/plain", "text/html"]
    (attachment,) = fourth.iter_attachments()
    assert attachment.get_filename() == "invoice-2041.csv"
    assert attachment.get_content().splitlines()[0] == "position,amount"


def test_the_fifth_has_lines_with_dots_and_the_longest_line() -> None:
    lines = seed(USER, NOW)[4].partition(b"\r\n\r\n")[2].split(b"\r\n")
    assert lines[:3] == [b".profile was read", b"..", b"."]
    assert len(lines[3]) == 998


@pytest.mark.parametrize("octets", seed(USER), ids=range(5))
def test_no_scanner_is_alarmed(octets: bytes) -> None:
    assert b"EICAR" not in octets.upper()
