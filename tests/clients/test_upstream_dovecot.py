"""``--upstream``: the simulated antivirus before a Dovecot that mitmail knows nothing of."""

from dataclasses import dataclass, replace
from itertools import product

import pytest
from cryptography import x509

from clients import dovecot
from clients.house import House, Site
from clients.probe import PROBES, Report, present
from clients.sink import Sink
from mitmail.endpoint import ENDPOINTS
from mitmail.engine.session import Session
from mitmail.judge.client import Target
from mitmail.service import record
from mitmail.service.upstream import Server, Upstream

pytestmark = pytest.mark.long  # real programs, for many seconds: `make test` has five minutes

SHIELDS = ("norton", "generic")


@dataclass(frozen=True)
class Cell:
    antivirus: str
    endpoint: str
    client: str

    def __str__(self) -> str:
        return f"{self.antivirus}-{self.endpoint}-{self.client}"


CELLS = [Cell(*x) for x in product(SHIELDS, ENDPOINTS, PROBES)]
type Answers = dict[Cell, tuple[Report, list[Session], Site]]


def before(
    house: House,
    server: dovecot.Dovecot,
    antivirus: str,
    *,
    roots: tuple[bytes, ...],
    host: str = dovecot.HOST,
    switches: frozenset[str] = frozenset(),
) -> Site:
    """A shield before Dovecot, which it reaches as ``host`` and verifies with ``roots``."""
    servers = {endpoint: Server(host, port) for endpoint, port in server.ports.items()}
    plan = house.plan("healthy", antivirus, switches=switches)
    return house.open(plan, upstream=Upstream(servers=servers, roots=roots))


def target(house: House, site: Site, endpoint: str) -> Target:
    root = site.plan.antivirus_root
    assert root is not None
    account = {"user": dovecot.USER, "password": dovecot.PASSWORD, "name": dovecot.NAME}
    return site.target(endpoint, house.roots(root.certificate), **account)


@pytest.fixture(scope="module")
def answers(house: House, server: dovecot.Dovecot) -> Answers:
    """All clients asked, with the shield's root and Dovecot's account."""
    sites = {name: before(house, server, name, roots=(server.root,)) for name in SHIELDS}
    found: Answers = {}

    async def ask(antivirus: str, endpoint: str) -> None:
        site = sites[antivirus]
        for name, probe in present().items():
            cell = Cell(antivirus, endpoint, name)
            report = await probe(target(house, site, endpoint), str(cell))
            found[cell] = report, await site.settled(endpoint), site

    house.each(ask, product(SHIELDS, ENDPOINTS))
    return found


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_the_mail_is_dovecots(sink: Sink, answers: Answers, cell: Cell) -> None:
    report, _, _ = answers[cell]
    assert report.code == 0, report.text
    if ENDPOINTS[cell.endpoint].protocol != "smtp":
        head, _, text = report.mail.partition(b"\r\n\r\nof Dovecot\r\n")
        assert b"\r\nSubject: kept" in head
        assert text or report.mail.endswith(b"of Dovecot\r\n")
        assert (b"\r\nX-Antivirus: Norton (" in head) is (cell.antivirus == "norton")
        return
    subject = f"Subject: {cell}\r\n".encode()
    assert sum(subject in mail for mail in sink.mails) == 1


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_the_client_saw_a_copy_of_dovecots_leaf(
    server: dovecot.Dovecot, answers: Answers, cell: Cell
) -> None:
    report, _, site = answers[cell]
    assert site.plan.antivirus_root is not None
    copy, leaf = map(x509.load_der_x509_certificate, (report.chain[0], server.leaf))
    root = x509.load_der_x509_certificate(site.plan.antivirus_root.certificate)
    copy.verify_directly_issued_by(root)
    assert copy.public_key() != leaf.public_key()
    names = [
        x.extensions.get_extension_for_class(x509.SubjectAlternativeName) for x in (copy, leaf)
    ]
    assert names[0].value == names[1].value


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_the_record_says_verified_and_accept(
    server: dovecot.Dovecot, answers: Answers, cell: Cell
) -> None:
    _, (session,), site = answers[cell]
    said = record.verdict(site.served[cell.endpoint], 1, session)
    assert said["upstream"] == {"verified": True, "errors": []}
    assert (said["verdict"], said["certainty"], said["scenario"]) == ("accept", "sure", None)
    assert session.upstream is not None
    assert session.upstream.chain == (server.leaf,)


# Both lead the client past the shield: after it has looked at Dovecot, and before that.
PASSING = {"pass-faulty": 2, "ipv4-only": 1}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("switch", PASSING)
def test_a_client_that_is_passed_through_has_dovecots_own_tls(
    house: House, server: dovecot.Dovecot, sink: Sink, switch: str, endpoint: str
) -> None:
    """The server's CA is unknown to the shield; the client knows it, and nobody else."""
    site = before(house, server, "generic", roots=(), switches=frozenset({switch}))
    asked = replace(target(house, site, endpoint), roots=house.roots(server.root))
    if switch == "ipv4-only":
        asked = replace(asked, host="::1")
    report = house.run(PROBES["openssl"](asked, switch))
    (session,) = house.run(site.settled(endpoint))

    assert report.code == 0, report.text
    assert report.chain[0] == server.leaf
    said = record.verdict(site.served[endpoint], 1, session)
    assert (said["verdict"], said["presented"]) == ("none", None)
    assert session.error is None
    facts = [fact.fact for fact in session.facts]
    assert facts.count("upstream-connected") == PASSING[switch]


@pytest.mark.parametrize("endpoint", ["imaps", "pop3", "smtp", "smtps"])
def test_eset_looks_into_imap_and_pop3_and_leaves_smtp_alone(
    house: House, server: dovecot.Dovecot, sink: Sink, endpoint: str
) -> None:
    site = before(house, server, "eset", roots=(server.root,))
    root = site.plan.antivirus_root
    assert root is not None
    own = endpoint in {"smtp", "smtps"}
    known = house.roots(server.root if own else root.certificate)
    asked = replace(target(house, site, endpoint), roots=known)
    report = house.run(PROBES["openssl"](asked, "eset"))
    (session,) = house.run(site.settled(endpoint))

    assert report.code == 0, report.text
    assert (report.chain[0] == server.leaf) is own
    assert session.error is None


@pytest.mark.parametrize("endpoint", ["pop3", "smtp"])
def test_whose_starttls_norton_2002_refuses_has_dovecots_own_when_it_is_left_alone(
    house: House, server: dovecot.Dovecot, sink: Sink, endpoint: str
) -> None:
    site = before(house, server, "norton-2002", roots=(), switches=frozenset({"ipv4-only"}))
    account = {"user": dovecot.USER, "password": dovecot.PASSWORD, "name": dovecot.NAME}
    asked = replace(site.target(endpoint, house.roots(server.root), **account), host="::1")
    report = house.run(PROBES["openssl"](asked, "left alone"))
    (session,) = house.run(site.settled(endpoint))

    assert report.code == 0, report.text
    assert report.chain[0] == server.leaf
    assert session.error is None


FAULTS = {
    "unknown-issuer": (dovecot.HOST, False),
    "name-mismatch": ("localhost", True),
}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_with_dovecots_certificate_is_said(
    house: House, server: dovecot.Dovecot, fault: str, endpoint: str
) -> None:
    host, known = FAULTS[fault]
    site = before(house, server, "norton", host=host, roots=(server.root,) if known else ())
    report = house.run(PROBES["openssl"](target(house, site, endpoint), fault))
    (session,) = house.run(site.settled(endpoint))
    said = record.verdict(site.served[endpoint], 1, session)
    assert said["upstream"] == {"verified": False, "errors": [fault]}
    # The untrusted root signs what has no known issuer; a wrong name is copied, and is the
    # customer's own here.
    refused = fault == "unknown-issuer"
    assert (report.code != 0) is refused
    assert said["verdict"] == ("reject" if refused else "accept")
