"""Mail moves through door and shield, and every client saw the leaf that it should have seen."""

import hashlib
import re
from dataclasses import dataclass
from itertools import product

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from clients.house import House, Site
from clients.probe import PROBES, Report, present
from mitmail.endpoint import ENDPOINTS
from mitmail.engine.session import Session
from mitmail.mailstore.store import Mailbox

ANTIVIRUSES = ("none", "norton", "generic")
SHIELDS = ("norton", "generic")
# What Norton adds at the end of a header.
MARK = re.compile(rb"^X-Antivirus(?:-Status)?: [^\n]*\n", re.MULTILINE)


@dataclass(frozen=True)
class Cell:
    antivirus: str
    endpoint: str
    client: str

    def __str__(self) -> str:
        return f"{self.antivirus}-{self.endpoint}-{self.client}"


CELLS = [Cell(*x) for x in product(ANTIVIRUSES, ENDPOINTS, PROBES)]


@dataclass(frozen=True)
class Answers:
    """What the clients reported, what we saw of them, and what they were given."""

    sites: dict[str, Site]
    reports: dict[Cell, tuple[Report, list[Session]]]
    first: bytes
    inbox: Mailbox


@pytest.fixture(scope="module")
def answers(house: House) -> Answers:
    """Each client at each endpoint, with every root that it needs."""
    sites = {name: house.open(house.plan("healthy", name)) for name in ANTIVIRUSES}
    first = next(iter(house.mail.inbox.messages.values())).octets
    found = Answers(sites, {}, first, house.mail.inbox)

    async def ask(antivirus: str, endpoint: str) -> None:
        site = sites[antivirus]
        shield = site.plan.antivirus_root
        root = shield.certificate if shield else site.plan.server_roots[0]
        target = site.target(endpoint, house.roots(root))
        for name, probe in present().items():
            cell = Cell(antivirus, endpoint, name)
            report = await probe(target, str(cell))
            found.reports[cell] = report, await site.settled(endpoint)

    house.each(ask, product(ANTIVIRUSES, ENDPOINTS))
    return found


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_mail_moves(answers: Answers, cell: Cell) -> None:
    report, _ = answers.reports[cell]
    assert report.code == 0, report.text
    if ENDPOINTS[cell.endpoint].protocol == "smtp":
        subject = f"Subject: {cell}\r\n".encode()
        sent = [x for x in answers.inbox.messages.values() if subject in x.octets]
        assert len(sent) == 1
    else:
        marks = MARK.findall(report.mail)
        assert bool(marks) is (cell.antivirus == "norton"), "only Norton puts its name to mail"
        assert answers.first in MARK.sub(b"", report.mail)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_it_is_one_session_and_a_sure_accept(answers: Answers, cell: Cell) -> None:
    _, sessions = answers.reports[cell]
    verdicts = [session.verdict for session in sessions]
    assert [(x.verdict, x.certainty) for x in verdicts if x] == [("accept", "sure")]


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.antivirus == "none"], ids=str)
def test_at_the_door_the_client_saw_the_doors_own_chain(answers: Answers, cell: Cell) -> None:
    report, sessions = answers.reports[cell]
    door = answers.sites["none"].plan.door
    assert hashlib.sha256(report.chain[0]).hexdigest() == door.leaf_sha256
    shown = len(report.chain)  # Python 3.13 hands out the leaf alone
    assert report.chain == door.chain[:shown]
    assert (shown == len(door.chain)) is (cell.client != "python")
    assert sessions[0].presented.identity is door
    assert sessions[0].upstream is None


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.antivirus != "none"], ids=str)
def test_behind_a_shield_the_client_saw_the_shields_copy(answers: Answers, cell: Cell) -> None:
    report, sessions = answers.reports[cell]
    plan = answers.sites[cell.antivirus].plan
    assert plan.antivirus_root is not None
    copy = x509.load_der_x509_certificate(report.chain[0])
    root = x509.load_der_x509_certificate(plan.antivirus_root.certificate)
    copy.verify_directly_issued_by(root)
    door = x509.load_der_x509_certificate(plan.door.leaf)
    assert spki(copy) != spki(door)
    assert copy.issuer != door.issuer
    assert copy.subject == door.subject
    assert sessions[0].upstream is not None
    assert sessions[0].upstream.chain == plan.door.chain
    assert sessions[0].upstream.errors == ()


def spki(certificate: x509.Certificate) -> bytes:
    key = certificate.public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_nobody_saw_anybody_elses_leaf(answers: Answers) -> None:
    """Each site has leaves of its own."""
    leaves = {
        name: {x[0].chain[0] for cell, x in answers.reports.items() if cell.antivirus == name}
        for name in ANTIVIRUSES
    }
    assert leaves["none"].isdisjoint(leaves["norton"] | leaves["generic"])
    assert leaves["norton"].isdisjoint(leaves["generic"])


@pytest.mark.parametrize("antivirus", SHIELDS)
def test_without_the_shields_root_nothing_moves(house: House, antivirus: str) -> None:
    site = house.open(house.plan("healthy", antivirus))
    roots = house.roots(site.plan.server_roots[0])
    before = len(house.mail.inbox.messages)

    async def ask(endpoint: str) -> None:
        for name, probe in present().items():
            report = await probe(site.target(endpoint, roots), f"never-{antivirus}-{name}")
            assert report.code != 0, report.text
            (session,) = await site.settled(endpoint)
            assert session.verdict is not None
            assert session.verdict.verdict == "reject"
            assert session.verdict.reason == "unknown-issuer"

    house.each(ask, [(endpoint,) for endpoint in ENDPOINTS])
    assert len(house.mail.inbox.messages) == before
