"""Norton AntiVirus 2002 before a Dovecot: mail is screened in clear, for TLS is refused."""

import asyncio
import email
import poplib
import re
import smtplib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from clients import dovecot
from clients.house import House, Site
from clients.sink import Sink
from letters import INFECTED, letter
from mitmail.message.threat import EICAR
from mitmail.service.upstream import Server, Upstream

pytestmark = pytest.mark.long  # real programs, for many seconds: `make test` has five minutes

SECONDS = 20.0
CLEAN, VIRUS = letter(b"clean\r\n"), INFECTED["base64"]()
FILLER = rb"(X-Symantec-TimeoutProtection: \d+\r\n)+"


@dataclass(frozen=True)
class Desk:
    """Clients that ask for no TLS; Python's own, which know nothing of mitmail."""

    house: House
    site: Site

    def pop3[T](self, work: Callable[[poplib.POP3], T]) -> T:
        at = self.site.served["pop3"]

        def run() -> T:
            client = poplib.POP3(at.host, at.port, timeout=SECONDS)
            client.user(dovecot.USER)
            client.pass_(dovecot.PASSWORD)
            try:
                return work(client)
            finally:
                client.quit()

        return self.house.run(asyncio.to_thread(run))

    def smtp[T](self, work: Callable[[smtplib.SMTP], T]) -> T:
        at = self.site.served["smtp"]

        def run() -> T:
            with smtplib.SMTP(at.host, at.port, "desk.test", timeout=SECONDS) as client:
                client.login(dovecot.USER, dovecot.PASSWORD)
                return work(client)

        return self.house.run(asyncio.to_thread(run))

    def retrieves(self, number: int) -> bytes:
        lines = self.pop3(lambda client: client.retr(number)[1])
        return b"".join(line + b"\r\n" for line in lines)

    def sends(self, mail: bytes) -> dict[str, tuple[int, bytes]]:
        return self.smtp(lambda client: client.sendmail(dovecot.USER, [dovecot.USER], mail))


@pytest.fixture(scope="module")
def desk(house: House, sink: Sink) -> Iterator[Desk]:
    with dovecot.running(sink.port, (CLEAN, VIRUS)) as server:
        servers = {name: Server(dovecot.HOST, server.ports[name]) for name in ("pop3", "smtp")}
        plan = house.plan("healthy", "norton-2002")
        upstream = Upstream(servers=servers, roots=(server.root,))
        yield Desk(house, house.open(plan, upstream=upstream))


def test_while_a_mail_is_scanned_the_client_gets_lines_that_stay_at_its_top(desk: Desk) -> None:
    mail = desk.retrieves(1)

    filler = re.match(FILLER, mail)
    assert filler is not None, mail
    assert mail[filler.end() :].endswith(CLEAN)


@pytest.mark.long
def test_an_infected_part_is_replaced_in_what_is_fetched(desk: Desk) -> None:
    before, after = (
        [part.get_payload(decode=True) for part in email.message_from_bytes(mail).walk()]
        for mail in (VIRUS, desk.retrieves(2))
    )

    assert [EICAR in (octets or b"") for octets in before] == [False, False, True]
    assert after[:2] == before[:2]
    assert b"Norton AntiVirus 2002" in after[2]
    assert EICAR not in after[2]


@pytest.mark.long
def test_what_is_sent_arrives_as_it_was_if_it_is_clean(desk: Desk, sink: Sink) -> None:
    sink.mails.clear()

    assert desk.sends(CLEAN) == {}
    (arrived,) = sink.mails
    assert arrived.endswith(CLEAN)


def test_an_infected_mail_is_accepted_and_never_sent(desk: Desk, sink: Sink) -> None:
    sink.mails.clear()

    assert desk.sends(VIRUS) == {}
    assert sink.mails == []


@pytest.mark.parametrize("endpoint", ["pop3", "smtp"])
def test_tls_is_listed_and_refused_and_the_client_may_go_on(desk: Desk, endpoint: str) -> None:
    def pop3(client: poplib.POP3) -> None:
        assert "STLS" in client.capa()

    def smtp(client: smtplib.SMTP) -> None:
        assert client.has_extn("starttls")
        assert client.docmd("STARTTLS") == (500, b"Unsupported command.")
        assert client.noop()[0] == 250

    desk.pop3(pop3) if endpoint == "pop3" else desk.smtp(smtp)
