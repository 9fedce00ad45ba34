"""What was found is not in what the client gets, wherever in the message it was."""

import email
import email.policy
import time

import pytest

from letters import attached, letter
from mitmail.engine import action
from mitmail.message.bare import bare
from mitmail.message.part import parse
from mitmail.message.threat import EICAR, find
from mitmail.screening import Scanned, Screening, Way
from talk import Side, Talk, TlsSide, legs_up

OTHER = b"Another threat that only the outside scanner knows"
NOTICE = b"A part of this message was infected and has been removed."
HEAD = (
    b'From: "y@z" <a@customer.test>\r\nTo: b@customer.test,\r\n'
    b" =?utf-8?q?M=C3=BC?= <c@customer.test>\r\n"
    b"Date: Mon, 02 Jun 2025 10:00:00 +0200\r\nMessage-ID: <1.x@customer.test>\r\n"
)


def fetched(mail: bytes, infected: str, *, outside: bool = False) -> tuple[bytes, Talk]:
    """What a POP3 client gets of a mail."""
    way = Way(headers=("X-Antivirus: checked",), subject="***VIRUS***", infected=infected)  # type: ignore[arg-type] # a parameter of a test
    screening = Screening(inbound=way, scanner="driver" if outside else "built-in")
    talk, client, server = legs_up("pop3", "plain", "plain", screening=screening)
    client.hears()
    client.says(b"RETR 1\r\n")
    hears(server, b"LIST\r\n", b"+OK\r\n1 %d\r\n.\r\n" % len(mail))
    hears(server, b"RETR 1\r\n", b"+OK\r\n" + mail + b".\r\n")
    while scans := [x for x in talk.actions if isinstance(x, action.Scan)]:
        talk.actions = [x for x in talk.actions if not isinstance(x, action.Scan)]
        for scan in scans:
            talk.perform(talk.session.scanned(scan.token, Scanned(known(scan.octets))))
    _, _, text = client.hears().partition(b"\r\n")
    assert text.endswith(b"\r\n.\r\n")
    return text[:-3], talk


def known(octets: bytes) -> str | None:
    """What the outside scanner says: like clamd's, it names one threat only."""
    if OTHER in octets:
        return "Some.Other"
    return "Eicar-Test" if find(octets, parse(octets)) else None


def hears(server: Side | TlsSide, command: bytes, answer: bytes) -> None:
    assert server.hears() == command
    server.says(answer)


def with_both() -> bytes:
    mail = attached(EICAR, name="a.bin")
    return mail.replace(b"This is the text.", OTHER)


def test_what_only_the_outside_scanner_knows_is_removed_beside_the_test_file() -> None:
    got, talk = fetched(with_both(), "replace-part", outside=True)
    assert OTHER not in got
    assert find(got, parse(got)) is None
    assert NOTICE in got
    assert talk.facts.count("popup") == 1


def test_the_part_with_the_test_file_is_all_that_an_outside_scanner_takes_away() -> None:
    got, _ = fetched(attached(EICAR), "replace-part", outside=True)
    assert b"This is the text." in got
    assert find(got, parse(got)) is None


CARRIERS = {
    "subject": b"Subject: see " + EICAR,
    "own field": b"X-Note: " + EICAR,
    "name": b'Reply-To: "' + EICAR + b'" <x@customer.test>',
    "long": b"X-A: b\r\n\t" + EICAR,
    "no field": EICAR,
}  # fmt: skip


@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize("action", ["replace-part", "replace-body"])
@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_header_with_the_test_file_does_not_stay(
    carrier: str, action: str, outside: bool
) -> None:
    mail = HEAD + CARRIERS[carrier] + b"\r\n\r\nbody\r\n"
    got, _ = fetched(mail, action, outside=outside)
    assert EICAR not in got
    read = email.message_from_bytes(got, policy=email.policy.default)
    assert read["From"] == "a@customer.test"
    assert read["To"] == "b@customer.test, c@customer.test"
    assert read["Date"].datetime.isoformat() == "2025-06-02T10:00:00+02:00"
    assert read["Message-ID"] == "<1.x@customer.test>"
    assert read["Subject"].startswith("***VIRUS***")
    assert read["X-Antivirus"] == "checked"
    assert read.get_content().encode().strip() == NOTICE


def test_what_an_outside_scanner_finds_in_a_header_does_not_stay() -> None:
    got, _ = fetched(letter(b"body\r\n", b"X-Note: " + OTHER), "replace-body", outside=True)
    assert OTHER not in got
    assert got.startswith(b"From: a@customer.test\r\nTo: b@customer.test\r\nSubject: ***VIRUS***")


def test_other_fields_stay_where_the_header_is_clean() -> None:
    got, _ = fetched(letter(EICAR + b"\r\n", b"X-Note: mine"), "replace-body")
    assert b"X-Note: mine\r\n" in got
    assert NOTICE in got


@pytest.mark.parametrize("field", [b"a\n", b"From: (((((", b'To: "x', b"Subject: =?", b"Date: 9 "])
def test_a_hostile_header_costs_little(field: bytes) -> None:
    mail = field * (2_000_000 // len(field)) + b"\r\n\r\n"
    before = time.process_time()
    assert len(bare(mail)) < 1000
    assert time.process_time() - before < 1
