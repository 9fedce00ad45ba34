"""All 27 combinations of legs, with real clients: what each saw, and whether its mail came."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

import pytest
from cryptography import x509

from clients import dovecot
from clients.house import PASSWORD, USER, House, Site
from clients.probe import Report, present
from clients.sink import Sink
from mitmail.endpoint import ENDPOINTS, MailProtocol, TlsMode
from mitmail.engine.session import Session
from mitmail.engine.spec import Identity, SessionSpec
from mitmail.pki.certificate import parse
from mitmail.pki.store import Store
from mitmail.plan import make
from mitmail.scenario import loader
from mitmail.service.place import LOOPBACK
from mitmail.service.upstream import Server, Upstream
from plain_driver import PlainDriver

pytestmark = pytest.mark.long  # 27 combinations, each with several clients

MODES: Final[tuple[TlsMode, ...]] = ("implicit", "starttls", "plain")
PROTOCOLS: Final[tuple[MailProtocol, ...]] = ("imap", "pop3", "smtp")
TLS_CLIENTS, CLIENTS = ("openssl", "curl", "python"), ("curl", "python")


@dataclass(frozen=True)
class Cell:
    """One client between two legs; ``behind`` is what is there: mitmail's own, or a Dovecot."""

    client_leg: TlsMode
    server_leg: TlsMode
    protocol: MailProtocol
    client: str
    behind: str = "ours"

    def __str__(self) -> str:
        legs = f"{self.client_leg}-{self.server_leg}"
        return f"{legs}-{self.protocol}-{self.client}-{self.behind}"

    @property
    def endpoint(self) -> str:
        """The endpoint that the client goes to."""
        wanted = "implicit" if self.client_leg == "implicit" else "starttls"
        return next(
            x.name for x in ENDPOINTS.values() if (x.protocol, x.tls) == (self.protocol, wanted)
        )


def clients_of(leg: TlsMode) -> tuple[str, ...]:
    return CLIENTS if leg == "plain" else TLS_CLIENTS


OURS = [
    Cell(*legs, protocol, client)
    for legs in product(MODES, MODES)
    for protocol, client in product(PROTOCOLS, clients_of(legs[0]))
]
# A Dovecot that the engine asks for STARTTLS, one that it need not ask, and one in clear that
# offers its own STARTTLS.
CROSSED: Final[tuple[tuple[TlsMode, TlsMode], ...]] = (
    ("implicit", "starttls"), ("starttls", "implicit"), ("plain", "starttls"),
    ("plain", "implicit"), ("plain", "plain"),
)  # fmt: skip
DOVECOTS = [
    Cell(*legs, protocol, client, "dovecot")
    for legs in CROSSED
    for protocol, client in product(PROTOCOLS, clients_of(legs[0]))
]
CELLS = [*OURS, *DOVECOTS]
TLS_CELLS = [cell for cell in CELLS if cell.client_leg != "plain"]
PLAIN_CELLS = [cell for cell in CELLS if cell.client_leg == "plain"]


@dataclass(frozen=True)
class Answer:
    """What a client said, what we saw of it, and where it was let in."""

    report: Report
    sessions: list[Session]
    site: Site


@dataclass(frozen=True)
class Stand:
    """Every site, by its legs and what is behind; ``leaves`` are what the servers there show."""

    sites: Mapping[tuple[TlsMode, TlsMode, str], Site]
    leaves: Mapping[tuple[TlsMode, str], bytes]


class Doors:
    """Simulated mail servers that mitmproxy knows nothing of: it calls no listener of its own."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._open: list[asyncio.Server] = []

    def ports(self, leg: TlsMode, identity: Identity) -> dict[MailProtocol, int]:
        """Their ports, by protocol: each shows this identity, in this mode."""
        return {x: self._house.run(self._listen(x, leg, identity)) for x in PROTOCOLS}

    async def _listen(self, protocol: MailProtocol, leg: TlsMode, identity: Identity) -> int:
        spec = SessionSpec(
            protocol=protocol, client=leg, server="plain", choose=lambda upstream, sni: identity
        )
        mailstore = (LOOPBACK, self._house.mailstore.ports[protocol])

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await PlainDriver(spec, mailstore).run(reader, writer)

        self._open.append(await asyncio.start_server(serve, LOOPBACK, 0))
        return int(self._open[-1].sockets[0].getsockname()[1])

    def close(self) -> None:
        for server in self._open:
            server.close()


@pytest.fixture(scope="module")
def doors(house: House) -> Iterator[Doors]:
    doors = Doors(house)
    yield doors
    doors.close()


def shield(
    house: House, leg: TlsMode, ports: Mapping[MailProtocol, int], roots: tuple[bytes, ...],
    *, in_clear: bool,
) -> Site:  # fmt: skip
    """An antivirus before servers of one mode."""
    wanted = [x for x in ENDPOINTS.values() if x.tls == "starttls" or not in_clear]
    servers = {x.name: Server(LOOPBACK, ports[x.protocol], leg) for x in wanted}
    upstream = Upstream(servers=servers, roots=roots, in_clear=in_clear)
    return house.open(house.plan("healthy", "generic"), upstream=upstream)


@pytest.fixture(scope="module")
def stand(house: House, doors: Doors, server: dovecot.Dovecot) -> Stand:
    sites: dict[tuple[TlsMode, TlsMode, str], Site] = {}
    leaves: dict[tuple[TlsMode, str], bytes] = {}
    front = house.open(house.plan("healthy"))
    sites["implicit", "plain", "ours"] = sites["starttls", "plain", "ours"] = front
    leaves["plain", "ours"] = front.plan.door.chain[0]
    clear: dict[MailProtocol, int] = {x: house.mailstore.ports[x] for x in PROTOCOLS}
    sites["plain", "plain", "ours"] = shield(house, "plain", clear, (), in_clear=True)
    for leg in MODES[:2]:
        # Each has a leaf and roots of its own, so that no copy can be of another's.
        door = make(loader.find("healthy"), None, Store(None))
        ports = doors.ports(leg, door.door)
        leaves[leg, "ours"] = door.door.chain[0]
        roots = door.server_roots
        encrypted = shield(house, leg, ports, roots, in_clear=False)
        sites["implicit", leg, "ours"] = sites["starttls", leg, "ours"] = encrypted
        sites["plain", leg, "ours"] = shield(house, leg, ports, roots, in_clear=True)
    for leg in MODES:
        kind = "s" if leg == "implicit" else ""
        ports = {x: server.ports[x + kind] for x in PROTOCOLS}
        leaves[leg, "dovecot"] = server.leaf
        for in_clear in (False, True):
            site = shield(house, leg, ports, (server.root,), in_clear=in_clear)
            clients: tuple[TlsMode, ...] = ("plain",) if in_clear else ("implicit", "starttls")
            sites |= {(client, leg, "dovecot"): site for client in clients}
    return Stand(sites, leaves)


@pytest.fixture(scope="module")
def answers(house: House, stand: Stand) -> Mapping[Cell, Answer]:
    """All clients asked, those of one endpoint one after the other."""
    probes = present()
    found: dict[Cell, Answer] = {}
    queues: dict[tuple[int, str], list[Cell]] = {}
    for cell in CELLS:
        site = stand.sites[cell.client_leg, cell.server_leg, cell.behind]
        queues.setdefault((id(site), cell.endpoint), []).append(cell)

    async def ask(cells: list[Cell]) -> None:
        for cell in cells:
            if cell.client not in probes:
                continue
            site = stand.sites[cell.client_leg, cell.server_leg, cell.behind]
            root = site.plan.antivirus_root
            roots = (root.certificate,) if root else site.plan.server_roots
            account = (USER, PASSWORD) if cell.behind == "ours" else ACCOUNT
            target = site.target(
                cell.endpoint, house.roots(*roots), user=account[0], password=account[1]
            )
            report = await probes[cell.client](target, str(cell))
            found[cell] = Answer(report, await site.settled(cell.endpoint), site)

    house.each(ask, [(cells,) for cells in queues.values()])
    return found


ACCOUNT: Final = (dovecot.USER, dovecot.PASSWORD)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_the_mail_comes_and_goes(
    house: House, sink: Sink, answers: Mapping[Cell, Answer], cell: Cell
) -> None:
    report = answers[cell].report
    assert report.code == 0, report.text
    if cell.protocol == "smtp":
        kept = [message.octets for message in house.mail.inbox.messages.values()]
        mails = kept if cell.behind == "ours" else sink.mails
        assert sum(f"Subject: {cell}\r\n".encode() in mail for mail in mails) == 1
    elif cell.behind == "ours":
        assert next(iter(house.mail.inbox.messages.values())).octets in report.mail
    else:
        assert b"\r\nSubject: kept\r\n\r\nof Dovecot\r\n" in report.mail


@pytest.mark.parametrize("cell", TLS_CELLS, ids=str)
def test_the_client_saw_the_leaf_that_was_made_for_this_server(
    stand: Stand, answers: Mapping[Cell, Answer], cell: Cell
) -> None:
    answer, shown = answers[cell], stand.leaves[cell.server_leg, cell.behind]
    (session,) = answer.sessions
    root = answer.site.plan.antivirus_root
    seen = answer.report.chain[0]
    assert session.presented.identity is not None
    assert session.presented.identity.chain[0] == seen
    if root is None:
        assert seen == shown
        assert session.upstream is None
        return
    assert seen != shown
    copy, leaf, signer = map(x509.load_der_x509_certificate, (seen, shown, root.certificate))
    copy.verify_directly_issued_by(signer)
    assert parse(seen).not_after == parse(shown).not_after
    assert copy.subject == leaf.subject
    assert session.upstream is not None
    assert session.upstream.chain[0] == shown
    assert session.upstream.errors == ()
    assert session.verdict is not None
    assert (session.verdict.verdict, session.verdict.certainty) == ("accept", "sure")


@pytest.mark.parametrize("cell", PLAIN_CELLS, ids=str)
def test_a_client_in_clear_met_no_tls_and_the_server_was_verified_for_it(
    stand: Stand, answers: Mapping[Cell, Answer], cell: Cell
) -> None:
    answer = answers[cell]
    (session,) = answer.sessions
    assert answer.report.chain == ()
    facts = {fact.fact for fact in session.facts}
    assert not facts & {"client-hello", "certificate-presented", "handshake-done", "go-ahead"}
    assert session.verdict is not None
    assert (session.verdict.verdict, session.verdict.certainty) == ("none", "sure")
    assert session.error is None
    if cell.server_leg == "plain":
        assert session.upstream is None
    else:
        assert session.upstream is not None
        assert session.upstream.chain[0] == stand.leaves[cell.server_leg, cell.behind]
        assert session.upstream.errors == ()
