"""What a server shows to one who connects as a careful mail client."""

import asyncio
import re
import ssl
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from far_host import (
    HASTY,
    LOOPBACK,
    PATIENT,
    Handler,
    Mail,
    Shop,
    leaf,
    looked_at,
    saying,
    serving,
)
from mitmail.diagnose.certificate_message import CertificateMessage
from mitmail.diagnose.reach import Starttls
from mitmail.diagnose.reached import Reached
from mitmail.endpoint import MailProtocol
from mitmail.errors import CannotJudgeError
from talk import NAME, root

PROTOCOLS: list[MailProtocol] = ["imap", "pop3", "smtp"]
EACH = pytest.mark.parametrize("protocol", PROTOCOLS)
SECRETS = {b"LOGIN", b"AUTHENTICATE", b"AUTH", b"USER", b"PASS", b"APOP", b"MAIL"}


@pytest.fixture
def good(tmp_path: Path) -> ssl.SSLContext:
    return serving(tmp_path, leaf(NAME))


def ids(reached: Reached) -> list[str]:
    return [finding.id for finding in reached.findings]


@EACH
def test_a_port_of_any_number_is_found_to_want_starttls(
    protocol: MailProtocol, good: ssl.SSLContext
) -> None:
    mail = Mail(protocol, good)
    reached = looked_at(Shop(mail.serve))
    (one,) = reached.seen
    assert one.presented.chain == (leaf(NAME),)
    assert (one.presented.tls, one.protocol, one.errors) == ("starttls", protocol, ())
    assert one.presented.source.startswith(f"{LOOPBACK}:")
    assert reached.findings == ()


@EACH
def test_a_silent_port_is_spoken_to_in_tls(protocol: MailProtocol, good: ssl.SSLContext) -> None:
    mail = Mail(protocol)
    (one,) = looked_at(Shop(mail.serve, good)).seen
    assert (one.presented.tls, one.protocol, one.presented.version) == (
        "implicit",
        protocol,
        "TLSv1.3",
    )
    assert one.presented.chain == (leaf(NAME),)


@EACH
@pytest.mark.parametrize("implicit", [True, False])
def test_nothing_but_manners_is_said_and_no_password(
    protocol: MailProtocol, good: ssl.SSLContext, *, implicit: bool
) -> None:
    mail = Mail(protocol, None if implicit else good)
    looked_at(Shop(mail.serve, good if implicit else None))
    said = b"".join(mail.heard).upper().split()
    assert SECRETS.isdisjoint(said)
    assert mail.heard[-1].split()[-1] in (b"QUIT", b"LOGOUT")


def test_the_chain_is_taken_as_sent_whether_or_not_it_verifies(tmp_path: Path) -> None:
    chain = (leaf("other.customer.test", until=-1), root("another root").certificate, leaf(NAME))
    reached = looked_at(Shop(Mail().serve, serving(tmp_path, *chain)))
    (one,) = reached.seen
    assert one.presented.chain == chain
    assert set(one.errors) >= {"expired", "name-mismatch"}


@EACH
@pytest.mark.parametrize(
    ("offers", "word"), [(False, "starttls-missing"), (True, "starttls-refused")]
)
def test_starttls_that_is_not_offered_is_told_from_starttls_that_is_refused(
    protocol: MailProtocol, word: str, *, offers: bool
) -> None:
    refusal = {
        "imap": b"mitmail BAD STARTTLS: not today\r\n", "pop3": b"-ERR STLS: not today\r\n",
        "smtp": b"454 STARTTLS: not today\r\n",
    }  # fmt: skip
    mail = Mail(protocol, offers=offers, refusal=refusal[protocol])
    reached = looked_at(Shop(mail.serve))
    (finding,) = reached.findings
    assert (finding.id, finding.reason, reached.seen) == (word, "starttls", ())
    assert "not today" in finding.words


@EACH
def test_starttls_that_works_without_being_offered_is_told(
    protocol: MailProtocol, good: ssl.SSLContext
) -> None:
    reached = looked_at(Shop(Mail(protocol, good, offers=False).serve))
    assert ids(reached) == ["starttls-hidden"]
    assert reached.seen[0].presented.chain == (leaf(NAME),)


def test_a_server_that_goes_on_in_clear_behind_its_go_ahead_is_quoted() -> None:
    lines = b"220 mail ESMTP\r\n250 STARTTLS\r\n220 go\r\n454 oh no\r\n".splitlines(True)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for line in lines:
            writer.write(line)
            if not await reader.read(4096):
                break
        writer.close()

    reached = looked_at(Shop(serve))
    assert ids(reached) == ["goes-on-in-clear"]
    assert "it says: 454 oh no" in reached.findings[0].words


def test_a_server_that_is_only_there_once_is_no_matter_of_the_name(good: ssl.SSLContext) -> None:
    mail, visits = Mail("imap", good), iter([True])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if next(visits, False):
            await mail.serve(reader, writer)
        writer.close()

    reached = looked_at(Shop(serve))
    assert ids(reached) == ["not-each-time"]
    assert len(reached.seen) == 1


def test_an_ipv6_address_is_reached(good: ssl.SSLContext) -> None:
    reached = looked_at(Shop(Mail("imap", good).serve, host="::1"), host="::1")
    assert reached.findings == ()
    assert reached.seen[0].presented.source.startswith("[::1]:")


def test_everything_ends_with_the_whole_deadline() -> None:
    deadlines = replace(PATIENT, whole=0.2)
    with pytest.raises(CannotJudgeError, match=r"not everything was asked within 0.2 s"):
        looked_at(Shop(saying(b"")), starttls="imap", deadlines=deadlines)


def test_octets_behind_the_go_ahead_are_dropped_and_told(good: ssl.SSLContext) -> None:
    mail = Mail("imap", good, behind=b"* BYE\r\n")
    reached = looked_at(Shop(mail.serve))
    assert ids(reached) == ["early-octets"]
    assert reached.seen[0].presented.chain == (leaf(NAME),)


def test_a_port_that_greets_in_clear_where_tls_is_expected_is_looked_at_all_the_same(
    good: ssl.SSLContext,
) -> None:
    reached = looked_at(Shop(Mail("smtp", good).serve), starttls="none")
    assert ids(reached) == ["clear-text"]
    assert reached.seen[0].presented.tls == "starttls"


def test_a_port_that_speaks_tls_where_starttls_is_expected_is_looked_at_all_the_same(
    good: ssl.SSLContext,
) -> None:
    mail = Mail("imap")
    reached = looked_at(Shop(mail.serve, good), starttls="imap", deadlines=HASTY)
    assert ids(reached) == ["tls-at-once"]
    assert reached.seen[0].presented.tls == "implicit"


def test_a_greeting_of_another_protocol_is_told(good: ssl.SSLContext) -> None:
    reached = looked_at(Shop(Mail("pop3", good).serve), starttls="imap")
    assert ids(reached) == ["other-protocol"]
    assert reached.seen[0].protocol == "pop3"


HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html></html>"
NO_MAIL: list[tuple[bytes, bool, str]] = [
    (HTTP, True, "speaks HTTP"),
    (b"<html>\n<head><title>400 The plain HTTP request was sent</title>", True, "speaks HTTP"),
    (b"<!DOCTYPE HTML>\n<html lang='en'>", True, "speaks HTTP"),
    (b"SSH-2.0-OpenSSH_9.2p1\r\n", False, "speaks SSH"),
    (b"220 (vsFTPd 3.0.3)\r\n", False, "speaks FTP"),
    (b'"IMPLEMENTATION" "Dovecot Pigeonhole"\r\n', False, "speaks ManageSieve"),
    (b"\x00\xff\x1b[2J\xfe\r\n", False, "not known here: \\?"),
    (b"\x00\x01", True, "not known here"),
]


@pytest.mark.parametrize(("octets", "reads", "said"), NO_MAIL)
@pytest.mark.parametrize("starttls", ["auto", "none"])
def test_a_port_that_speaks_no_mail_is_named_in_one_line(
    octets: bytes, said: str, starttls: Starttls, *, reads: bool
) -> None:
    with pytest.raises(CannotJudgeError, match=said) as refused:
        looked_at(Shop(saying(octets, reads=reads)), starttls=starttls)
    text = str(refused.value)
    assert text.startswith(f"{LOOPBACK}:")
    assert text.isprintable()


def test_a_web_server_is_recognised_where_starttls_is_expected_and_behind_tls(
    good: ssl.SSLContext,
) -> None:
    with pytest.raises(CannotJudgeError, match="speaks HTTP"):
        looked_at(Shop(saying(HTTP, reads=True)), starttls="imap", deadlines=HASTY)
    reached = looked_at(Shop(saying(HTTP, reads=True), good))
    assert ids(reached) == ["not-mail"]
    assert len(reached.seen) == 1


def test_a_closed_port_and_a_silent_server_are_told_apart() -> None:
    with pytest.raises(CannotJudgeError, match="refused: nothing listens"):
        looked_at(Shop(Mail().serve), host="127.0.0.9")
    with pytest.raises(CannotJudgeError, match="does not greet within"):
        looked_at(Shop(saying(b"")), starttls="smtp", deadlines=HASTY)
    with pytest.raises(CannotJudgeError, match="closes the connection without a word"):
        looked_at(Shop(saying(b"", then_waits=False)))
    assert ids(looked_at(Shop(saying(b"")), starttls="none", deadlines=HASTY)) == ["tls-hangs"]


def test_a_port_of_no_known_kind_that_never_says_a_thing_cannot_be_judged() -> None:
    """Nothing has shown that it is TLS, or mail."""
    with pytest.raises(CannotJudgeError, match="no greeting and no TLS: silent"):
        looked_at(Shop(saying(b"")), deadlines=HASTY)
    with pytest.raises(CannotJudgeError, match="no greeting and no TLS: it closes"):
        looked_at(Shop(saying(b"", then_waits=False, reads=True)), deadlines=HASTY)


def test_a_server_that_turns_clients_away_is_quoted() -> None:
    reached = looked_at(Shop(saying(b"554 5.7.1 your address is on a list\r\n")))
    assert ids(reached) == ["not-let-in"]
    assert "your address is on a list" in reached.findings[0].words


def certificate_message(*certificates: bytes) -> bytes:
    """ServerHello and Certificate of TLS 1.2, by the book (RFC 5246 sections 6.2.1, 7.4.2)."""
    hello = b"\x03\x03" + bytes(32) + b"\x00" + b"\xc0\x2f" + b"\x00"
    listed = b"".join(len(one).to_bytes(3) + one for one in certificates)
    content = len(listed).to_bytes(3) + listed
    messages = b"\x02" + len(hello).to_bytes(3) + hello
    messages += b"\x0b" + len(content).to_bytes(3) + content
    return b"".join(
        b"\x16\x03\x03" + len(part).to_bytes(2) + part
        for part in (messages[at : at + 100] for at in range(0, len(messages), 100))
    )


@pytest.mark.parametrize("chain", [(b"no certificate at all", b"x" * 300), ()])
def test_what_openssl_cannot_read_is_taken_off_the_wire(chain: tuple[bytes, ...]) -> None:
    server = saying(certificate_message(*chain), reads=True)
    reached = looked_at(Shop(server), starttls="none")
    assert reached.seen[0].presented.chain == chain
    assert ids(reached) == ["unreadable"]


@pytest.mark.parametrize("cut", [*range(3, 160, 13)])
def test_a_certificate_message_with_a_false_length_ends_it(cut: int) -> None:
    whole = certificate_message(b"a" * 40, b"b" * 20)
    for broken in (whole[:cut] + b"\xff" + whole[cut + 1 :], whole[:cut]):
        message = CertificateMessage()
        for octet in broken:
            message.hear(bytes([octet]))
        assert message.over or message.chain is None or len(message.chain) == 2


ALERT = b"\x15\x03\x03\x00\x02\x02"


@pytest.mark.parametrize(
    ("handler", "word", "said"),
    [
        (saying(ALERT + b"\x46", reads=True), "tls-refused", r"alert 70 \(protocol_version\)"),
        (saying(ALERT + b"\x28", reads=True), "tls-refused", r"alert 40 \(handshake_failure\)"),
        (saying(b"\x16\x03\x03\x00\x04junk", reads=True), "tls-failed", "handshake fails"),
        (saying(b"\x16\x03", then_waits=False, reads=True), "tls-closed", "without an alert"),
    ],
)
def test_a_handshake_that_fails_says_why(handler: Handler, word: str, said: str) -> None:
    reached = looked_at(Shop(handler), starttls="none")
    (finding,) = reached.findings
    assert finding.id == word
    assert reached.seen == ()
    assert re.search(said, finding.words)


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say more than anyone wants to hear."""
    writer.write(b"* OK ready\r\n")
    with suppress(ConnectionError):
        while True:
            writer.write(b"* OK and more\r\n" * 4096)
            await writer.drain()


async def flood_behind(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Agree to STARTTLS, and then say more than anyone wants to hear."""
    for reply in (b"220 mail\r\n", b"250 STARTTLS\r\n", b"220 go\r\n"):
        writer.write(reply)
        await reader.read(4096)
    with suppress(ConnectionError):
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say a TLS record, an octet at a time."""
    with suppress(ConnectionError):
        for octet in b"\x16\x03\x03\x40\x00" + bytes(1000):
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("handler", "starttls", "word"),
    [
        (flood, "auto", "flood"),
        (flood, "none", "clear-text"),
        (flood_behind, "auto", "more than 1 MiB"),
        (drip, "none", "tls-hangs"),
        (saying(b"x" * 100_000), "auto", "not known here"),
    ],
)
def test_floods_and_drips_are_bounded(handler: Handler, starttls: Starttls, word: str) -> None:
    begun = time.monotonic()
    try:
        said = str(looked_at(Shop(handler), starttls=starttls, deadlines=HASTY).findings)
    except CannotJudgeError as error:
        said = str(error)
    assert word in said
    assert time.monotonic() - begun < 5
