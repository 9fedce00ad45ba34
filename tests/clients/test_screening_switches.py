"""Each behaviour about messages, switched on for a product that has none, seen by real clients."""

import asyncio
import email
import email.policy
import imaplib
import smtplib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from clients import dovecot, parcels
from clients.house import House, Site
from clients.sink import Sink
from letters import CLEAN, attached, letter, zip_eicar
from mitmail.engine.session import Session
from mitmail.message.threat import EICAR

pytestmark = pytest.mark.long  # real programs, for many seconds: `make test` has five minutes

PLAIN = letter(b"first line\r\n" * 3)
MAILS = (PLAIN, attached(b"x" * 300), zip_eicar(), CLEAN)


@pytest.fixture(scope="module")
def stocked(sink: Sink) -> Iterator[dovecot.Dovecot]:
    with dovecot.running(sink.port, MAILS) as server:
        yield server


@dataclass
class Switched:
    house: House
    site: Site
    sink: Sink

    def __getattr__(self, name: str) -> Callable[[Callable[[Any], Any]], Any]:
        opens = {"imap": parcels.imap, "pop3": parcels.pop3, "smtp": parcels.smtp}[name]

        def use(work: Callable[[Any], Any]) -> Any:
            def run() -> Any:
                client: Any = opens(parcels.target(self.house, self.site, f"{name}s"))
                try:
                    return work(client)
                finally:
                    client.logout() if name == "imap" else client.quit()

            return self.house.run(asyncio.to_thread(run))

        return use

    def sends(self, mail: bytes) -> None:
        self.smtp(lambda client: client.sendmail(dovecot.USER, [dovecot.USER], mail))

    def session(self, endpoint: str) -> Session:
        (session,) = self.house.run(self.site.settled(endpoint))
        return session


type Switch = Callable[[str], Switched]


@pytest.fixture(scope="module")
def switch(house: House, sink: Sink, stocked: dovecot.Dovecot) -> Switch:
    def on(name: str) -> Switched:
        return Switched(house, parcels.switched(house, stocked, name), sink)

    return on


def fetched(client: imaplib.IMAP4, number: int = 1) -> bytes:
    found: Any = client.fetch(str(number), "(BODY.PEEK[])")[1]
    assert isinstance(found[0][1], bytes)
    return found[0][1]


def size(client: imaplib.IMAP4, number: int = 1) -> int:
    found: Any = client.fetch(str(number), "(RFC822.SIZE)")[1]
    return int(found[0].split()[-1].rstrip(b")"))


def retrieved(client: Any, number: int = 1) -> bytes:
    return b"".join(line + b"\r\n" for line in client.retr(number)[1])


def sees(switched: Switched, fact: str, endpoint: str) -> bool:
    return any(each.fact == fact for each in switched.session(endpoint).facts)


def test_marked_in_header(switch: Switch) -> None:
    product = switch("marked-in-header")
    for mail in (product.imap(fetched), product.pop3(retrieved)):
        *_, name, status = mail.partition(b"\r\n\r\n")[0].split(b"\r\n")
        assert name.startswith(b"X-Antivirus: Generic (1.0, ")
        assert name.endswith(b"), Inbound message")
        assert status == b"X-Antivirus-Status: Clean"
    product.sink.mails.clear()
    product.sends(PLAIN)
    (sent,) = product.sink.mails
    assert b"), Outbound message\r\nX-Antivirus-Status: Clean\r\n\r\n" in sent


def test_footer(switch: Switch) -> None:
    product = switch("footer")
    mail = product.imap(lambda client: fetched(client, 2))
    text = email.message_from_bytes(mail, policy=email.policy.default).get_body(("plain",))
    assert text is not None
    assert text.get_content().split("\r\n")[-1] == "This message was checked by Generic."
    product.sink.mails.clear()
    product.sends(PLAIN)
    assert product.sink.mails[0].endswith(b"---\r\nThis message was checked by Generic.\r\n")


def test_infected_subject(switch: Switch) -> None:
    product = switch("infected-subject")

    def subjects(client: imaplib.IMAP4) -> list[bytes]:
        found: Any = client.fetch("1,3", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
        return [each[1] for each in found if isinstance(each, tuple)]

    assert product.imap(subjects) == [
        b"Subject: hello\r\n\r\n", b"Subject: ***VIRUS*** hello\r\n\r\n",
    ]  # fmt: skip
    assert sees(product, "popup", "imaps")


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_infected_replaced_and_deleted(house: House, sink: Sink, protocol: str) -> None:
    with dovecot.running(sink.port, MAILS) as server:
        site = parcels.switched(house, server, "infected-replaced-and-deleted")
        product = Switched(house, site, sink)
        opened = getattr(product, protocol)
        reads = fetched if protocol == "imap" else retrieved
        mail = opened(lambda client: reads(client, 3))
        assert b"infected and has been removed by Generic" in mail
        assert b"application/octet-stream" not in mail

        def left(client: Any) -> int:
            return int(client.select()[1][0]) if protocol == "imap" else client.stat()[0]

        assert opened(left) == len(MAILS) - 1
        assert b"x.zip" not in b"".join(opened(lambda c: [reads(c, n) for n in (1, 3)]))


def test_infected_refused(switch: Switch) -> None:
    product = switch("infected-refused")
    product.sink.mails.clear()
    with pytest.raises(smtplib.SMTPDataError) as refusal:
        product.sends(zip_eicar())
    assert refusal.value.smtp_code == 554
    assert refusal.value.smtp_error == b"5.7.1 Generic did not send this message: it is infected"
    product.sends(PLAIN)
    (sent,) = product.sink.mails
    assert sent.endswith(PLAIN)


def test_accepted_then_lost(switch: Switch) -> None:
    product = switch("accepted-then-lost")
    product.sink.mails.clear()
    product.sink.refusal = "550 5.1.1 nobody of that name"
    product.sends(PLAIN)  # the client has heard nothing of it
    product.sink.refusal = None
    assert product.sink.mails == []
    session = product.session("smtps")
    words = [str(each.details["words"]) for each in session.facts if each.fact == "popup"]
    assert words
    assert "could not be sent" in words[0]
    product.sends(zip_eicar())
    assert product.sink.mails == []


@pytest.mark.long
def test_filler_while_scanning(switch: Switch) -> None:
    product = switch("filler-while-scanning")
    mail = product.pop3(retrieved)
    assert mail.startswith(b"X-Scan-Filler: 0\r\nX-Scan-Filler: 0\r\nFrom: ")
    said: list[Any] = []

    def listening(client: imaplib.IMAP4) -> bytes:
        octets = fetched(client)
        said.extend(client.untagged_responses.get("OK", []))
        return octets

    assert product.imap(listening) == PLAIN
    assert b"Still scanning" in said


@pytest.mark.long
def test_slow_scan(switch: Switch) -> None:
    product = switch("slow-scan")

    def impatient(client: Any) -> None:
        client.sock.settimeout(1.5)
        client.retr(1)

    where = parcels.target(product.house, product.site, "pop3s")
    client = product.house.run(asyncio.to_thread(lambda: parcels.pop3(where)))
    with pytest.raises(TimeoutError):
        product.house.run(asyncio.to_thread(lambda: impatient(client)))
    client.close()
    before = time.monotonic()
    assert product.pop3(retrieved) == PLAIN
    assert time.monotonic() - before > 3.5


def test_false_sizes(switch: Switch) -> None:
    product = switch("false-sizes")
    told, mail = product.imap(lambda client: (size(client), fetched(client)))
    assert told == len(PLAIN) < len(mail)
    listed, mail = product.pop3(lambda client: (client.list(1), retrieved(client)))
    assert int(listed.split()[-1]) == len(PLAIN) < len(mail)


def test_false_literals(switch: Switch) -> None:
    product = switch("false-literals")
    where = parcels.target(product.house, product.site, "imaps")

    def lost() -> bytes:
        client = parcels.imap(where)
        try:
            return fetched(client)
        finally:
            client.shutdown()

    with pytest.raises(imaplib.IMAP4.abort):
        product.house.run(asyncio.to_thread(lost))


def test_moved_mail_unscanned(switch: Switch) -> None:
    product = switch("marked-in-header")

    def moves(client: imaplib.IMAP4) -> bytes:
        client.create("moved")
        assert client.copy("3", "moved")[0] == "OK"
        return fetched(client, 1)

    product.imap(moves)
    facts = [each for each in product.session("imaps").facts if each.fact == "screened"]
    assert [each.details["status"] for each in facts] == ["clean"], "of the one that was opened"
    assert EICAR not in PLAIN
