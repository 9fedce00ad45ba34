"""What a customer of each product sees of infected mail, with the built-in rule and with clamd."""

import asyncio
import smtplib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

import clamd_process
from clients import dovecot, parcels
from clients.house import House, Site
from clients.sink import Sink
from letters import INFECTED, letter
from mitmail.addon.clamd import Clamd
from mitmail.message.threat import EICAR
from mitmail.service.service import Service

pytestmark = pytest.mark.long  # real programs, for many seconds: `make test` has five minutes

KINDS = ("plain", "base64", "zip")
MAILS = (letter(b"clean\r\n"), *(INFECTED[kind]() for kind in KINDS))
NAMES = {"built-in": "EICAR-Test-File", "clamd": clamd_process.NAME}
REMOVED = b"has removed an infected part of this message."
DAY = datetime.now(UTC)


@dataclass(frozen=True)
class Result:
    """What a product makes of infected mail: octets that are there, and whether the virus is."""

    inbound: tuple[bytes, ...]
    harmless: bool
    outbound: str
    marks: tuple[bytes, ...] = ()


def engine(brand: bytes) -> Result:
    return Result(
        inbound=(b"Subject: ***VIRUS*** hello\r\n", b"X-Antivirus-Status: Infected\r\n",
                 brand + b" " + REMOVED),
        harmless=True,
        outbound="refused",
        marks=(b"X-Antivirus: " + brand + b" (VPS ", b"X-Antivirus-Status: Clean\r\n"),
    )  # fmt: skip


RESULTS = {
    "norton": engine(b"Norton"),
    "avast": engine(b"Avast"),
    "avg": engine(b"AVG"),
    "eset": Result(
        (b"Subject: [detection {name}] hello\r\n", b"ESET found an infection"), False, "sent"
    ),
    "kaspersky": Result((b"Subject: [Processed] hello\r\n",), True, "replaced"),
    "drweb": Result((b"Dr.Web has removed this message: it is infected.",), True, "refused"),
    "bitdefender": Result((b"Subject: hello\r\n",), False, "sent"),
}


@pytest.fixture(scope="module")
def clamd() -> Iterator[clamd_process.Clamd]:
    with clamd_process.running() as running:
        yield running


@pytest.fixture
def scanner(request: pytest.FixtureRequest, house: House, who: str) -> Iterator[str]:
    """Who scans what the house opens."""
    before = house.service
    if who == "clamd":
        running: clamd_process.Clamd = request.getfixturevalue("clamd")
        scan = Clamd.at(str(running.socket)).scan
        house.service = Service(house.proxy, house.mailstore, scan)
    yield who
    house.service = before


@pytest.fixture
def site(
    house: House, sink: Sink, scanner: str, product: str
) -> Iterator[tuple[Site, dovecot.Dovecot]]:
    with dovecot.running(sink.port, MAILS) as server:
        yield parcels.switched(house, server, antivirus=product), server


QUICK = {("norton", "built-in"), ("avast", "clamd"), ("drweb", "built-in")}
CELLS = [
    pytest.param(product, who, marks=() if (product, who) in QUICK else pytest.mark.long)
    for product in RESULTS
    for who in NAMES
]


@pytest.mark.parametrize(("product", "who"), CELLS)
def test_the_customer_sees_what_the_product_does(
    house: House, sink: Sink, site: tuple[Site, dovecot.Dovecot], scanner: str, product: str
) -> None:
    wanted = RESULTS[product]
    site_, server = site
    seen = house.run(asyncio.to_thread(fetched, house, site_))
    for clean, *infected in seen:
        for mark in wanted.marks:
            assert mark in clean
        for mail in infected:
            for octets in wanted.inbound:
                assert octets.replace(b"{name}", NAMES[scanner].encode()) in mail
        assert (EICAR not in infected[0]) is wanted.harmless
    sink.mails.clear()
    outcome = [
        house.run(asyncio.to_thread(sent, house, site_, server, mail)) for mail in MAILS[1:]
    ]
    assert set(outcome) == {"refused" if wanted.outbound == "refused" else "sent"}
    assert len(sink.mails) == (0 if wanted.outbound == "refused" else len(KINDS))
    assert any(EICAR in mail for mail in sink.mails) is (wanted.outbound == "sent")


def fetched(house: House, site: Site) -> list[list[bytes]]:
    """The mails as imaplib and as poplib get them."""
    imap = parcels.imap(parcels.target(house, site, "imaps"))
    found: list[Any] = [imap.fetch(str(n + 1), "(BODY.PEEK[])")[1] for n in range(len(MAILS))]
    imap.shutdown()  # so that nothing is deleted before POP3 has seen it
    pop3 = parcels.pop3(parcels.target(house, site, "pop3s"))
    retrieved = [
        b"".join(line + b"\r\n" for line in pop3.retr(n + 1)[1]) for n in range(len(MAILS))
    ]
    pop3.quit()
    return [[each[0][1] for each in found], retrieved]


def sent(house: House, site: Site, server: dovecot.Dovecot, mail: bytes) -> str:
    # ESET leaves SMTP alone: the server's own certificate comes through.
    client = parcels.smtp(parcels.target(house, site, "smtps", server.root))
    try:
        client.sendmail(dovecot.USER, [dovecot.USER], mail)
    except smtplib.SMTPDataError as refusal:
        return "refused" if refusal.smtp_code == 554 else str(refusal)
    finally:
        client.close()
    return "sent"
