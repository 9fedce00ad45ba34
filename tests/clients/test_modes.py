"""Both modes of real clients, over every certificate case of the quick set.

A client that checks a certificate with implicit TLS and not over STARTTLS, or the reverse, is
told apart from those that do the same in both (MailCore2 CVE-2021-26911, offlineimap3 issue 222).
"""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench import need
from mitmail.endpoint import ENDPOINTS, MailProtocol
from mitmail.judge import demo, driver
from mitmail.judge.case import SERVER_ROOT, Case
from mitmail.judge.cell import Cell
from mitmail.judge.client import Client, Job, Said, Target
from mitmail.judge.modes import Modes, compare
from mitmail.judge.program import Ended
from mitmail.pki.store import Store
from mitmail.plan import make
from mitmail.plan.server import utc_now
from mitmail.scenario import loader, sets

pytestmark = pytest.mark.long  # every client in both modes: 25 s

# Each client at one protocol: together they speak all three.
SPEAKS: dict[str, MailProtocol] = {"python": "imap", "curl": "smtp", "openssl": "pop3"}
OFFLINEIMAP = "offlineimap3"
# An IMAP client that verifies nothing over STARTTLS, and all of it with implicit TLS.
BLIND = """
import imaplib, json, socket, ssl, sys
job = json.loads(sys.argv[1])
context = ssl.create_default_context(cafile=job["roots"])
ask = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: ask(job["host"], *rest, **more)
try:
    if job["implicit"]:
        client = imaplib.IMAP4_SSL(job["name"], job["port"], ssl_context=context, timeout=15)
    else:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client = imaplib.IMAP4(job["name"], job["port"], timeout=15)
        client.starttls(context)
except ssl.SSLCertVerificationError as error:
    sys.exit(f"refused: {error}")
client.login(job["user"], job["password"])
client.logout()
print("welcome")
"""


def blind() -> Client:
    def prepare(target: Target, home: Path) -> Job:
        told = {
            "implicit": target.implicit, "host": target.host, "port": target.port,
            "name": target.name, "user": target.user, "password": target.password,
            "roots": str(target.roots),
        }  # fmt: skip
        return Job(command=[sys.executable, "-I", "-c", BLIND, json.dumps(told)])

    def read(target: Target, ended: Ended) -> Said:
        text = ended.err.decode()
        if ended.code == 0 and ended.out == b"welcome\n":
            return Said("accept", None, 0, "")
        refused = text.startswith("refused: ")
        return Said("reject" if refused else "error", None, ended.code, text)

    return Client("blind", (1,), frozenset({"imap"}), prepare, read)


def cases() -> list[Case]:
    """The healthy server, and each certificate case of the quick set, in both modes."""
    store, now = Store(None), utc_now()
    every = map(loader.find, ("healthy", *sets.load("quick")))
    plans = (make(x, None, store, now=now, constrained=False) for x in every if x.group != "tls")
    return [Case(plan, SERVER_ROOT, plan.name) for plan in plans]


async def clients() -> list[Client]:
    found = await driver.found((*SPEAKS, OFFLINEIMAP))
    speaking = [
        replace(x, protocols=frozenset({SPEAKS[x.name]})) if x.name in SPEAKS else x for x in found
    ]
    return [*speaking, blind()]


@pytest.fixture(scope="module")
def cells() -> list[Cell]:
    async def ask() -> list[Cell]:
        return await demo.run(await clients(), cases())

    return asyncio.run(ask())


def modes(cells: list[Cell], client: str) -> Modes:
    if client in (*SPEAKS, OFFLINEIMAP) and client != "python":
        need("offlineimap" if client == OFFLINEIMAP else client)
    return compare([cell for cell in cells if cell.client == client])


def refused(cells: list[Cell], client: str) -> set[str]:
    """The cases that a client refuses with implicit TLS, by both witnesses."""
    return {
        cell.case.label
        for cell in cells
        if cell.client == client and ENDPOINTS[cell.endpoint].tls == "implicit"
        if cell.seen is not None and cell.said.verdict == cell.seen.verdict == "reject"
    }


@pytest.mark.parametrize("client", SPEAKS)
def test_a_client_that_checks_in_both_modes_differs_in_nothing(
    cells: list[Cell], client: str
) -> None:
    found = modes(cells, client)

    assert [one.words for one in found.differences] == []
    assert [one.words for one in found.undecided] == []
    assert found.alike == len({cell.case.label for cell in cells})


@pytest.mark.parametrize("client", ["blind", OFFLINEIMAP])
def test_whoever_checks_nothing_over_starttls_is_found_in_every_case(
    cells: list[Cell], client: str
) -> None:
    found = modes(cells, client)

    assert {one.pair.case for one in found.differences} == refused(cells, client)
    assert {one.pair.case for one in found.differences} >= {
        "expired", "wrong-host", "self-signed", "untrusted-root-sent", "missing-intermediate",
    }  # fmt: skip
    for one in found.differences:
        assert one.words.startswith(f"{client} accepts {one.pair.case} over STARTTLS (imap) ")
        assert one.known is None
    assert [one.words for one in found.undecided] == []


@pytest.mark.parametrize("client", ["blind", OFFLINEIMAP])
def test_each_of_its_must_reject_cases_is_a_failure_over_starttls_alone(
    cells: list[Cell], client: str
) -> None:
    modes(cells, client)
    must = [
        cell
        for cell in cells
        if cell.client == client
        and (cell.expected.verdict, cell.expected.level) == ("reject", "must")
        if cell.case.label in refused(cells, client)
    ]

    assert len(must) >= 10
    assert {cell.endpoint for cell in must if cell.outcome.word == "fail"} == {"imap"}
    assert all(cell.outcome.word == "fail" for cell in must if cell.endpoint == "imap")
