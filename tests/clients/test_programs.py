"""The clients that mitmail asks: they accept the healthy server, and refuse what is wrong."""

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import pytest
from _pytest.mark import ParameterSet

from clients.house import PASSWORD, USER, House, Site
from clients.refuser import refusing
from mitmail.endpoint import ENDPOINTS
from mitmail.engine.session import Session
from mitmail.judge import driver
from mitmail.judge.client import ALL, Said, Target

# Half a minute for twenty clients; the quick set asks some of them elsewhere.
pytestmark = pytest.mark.long

PROTOCOLS: dict[str, tuple[str, ...]] = {
    "fetchmail": ("imap", "pop3"),
    "neomutt": ("imap", "smtp"),
    **dict.fromkeys(("mbsync", "offlineimap3", "imapflow"), ("imap",)),
    **dict.fromkeys(("go-imap", "ruby-net-imap"), ("imap",)),
    **dict.fromkeys(("msmtp", "aiosmtplib", "go-smtp", "swaks", "perl-net-smtp"), ("smtp",)),
    "getmail6": ("imap", "pop3"),
    **dict.fromkeys(("nodemailer", "nodemailer-9.0.2"), ("smtp",)),
}
# It has no STARTTLS.
IMPLICIT_ONLY = "getmail6"
# As they are asked, these verify no name.
NAMELESS = ("swaks", "javamail", "jakarta-mail")
# These verify after the handshake, and close without a word.
LATE = ("msmtp", "mbsync", "neomutt")
# In its batch mode neomutt opens its question about the certificate, and says nothing of it.
SILENT = ("neomutt", "smtp")
# OpenSSL's reason does not get through to what these say.
GENERIC = ("swaks", "perl-net-smtp")
# offlineimap3 issue 222: with STARTTLS it verifies nothing.
BLIND = ("offlineimap3", "imap")
SHIELDED = ("msmtp", "mbsync", "fetchmail", "curl")
ENDING, UNTRUSTED, FOREIGN = "close-after-clienthello", "untrusted-root", "wrong-host"
# These know TLS only, or are told to do without it: they go on when STARTTLS is refused.
UNDETERRED = ("openssl", "gnutls-cli", "curl-ssl")


@dataclass(frozen=True)
class Cell:
    scenario: str
    antivirus: str
    program: str
    endpoint: str

    @property
    def place(self) -> tuple[str, str]:
        return self.scenario, self.antivirus

    @property
    def protocol(self) -> str:
        return ENDPOINTS[self.endpoint].protocol

    def __str__(self) -> str:
        return f"{self.scenario}-{self.antivirus}-{self.program}-{self.endpoint}"


def cells() -> Iterable[Cell]:
    places = [*product(("healthy", "expired", ENDING, UNTRUSTED, FOREIGN), ["none"])]
    places += product(("healthy", "expired"), ["norton"])
    for (scenario, antivirus), name in product(places, driver.KNOWN):
        spoken = PROTOCOLS.get(name, tuple(ALL))
        if antivirus == "none" or name in SHIELDED:
            for endpoint in ENDPOINTS.values():
                if name == IMPLICIT_ONLY and endpoint.tls != "implicit":
                    continue
                if endpoint.protocol in spoken:
                    yield Cell(scenario, antivirus, name, endpoint.name)


CELLS = list(cells())
type Answers = dict[Cell, tuple[Said, list[Session]]]


def selected(request: pytest.FixtureRequest) -> list[Cell]:
    """The cells of those tests here that are to be run."""
    items = (item for item in request.session.items if item.path == request.path)
    found = {item.callspec.params.get("cell") for item in items if hasattr(item, "callspec")}
    return [cell for cell in CELLS if cell in found]


@pytest.fixture(scope="module")
def answers(request: pytest.FixtureRequest, house: House) -> Answers:
    """Each client at each endpoint; it trusts the signer, but that of the untrusted root."""
    wanted = selected(request)
    sites = {place: house.open(house.plan(*place)) for place in {x.place: 0 for x in wanted}}
    roots = {place: house.roots(*signers(site)) for place, site in sites.items()}
    clients = {client.name: client for client in house.run(driver.found(driver.KNOWN))}
    found: Answers = {}

    async def ask(queue: list[Cell]) -> None:
        for cell in queue:
            site = sites[cell.place]
            target = site.target(cell.endpoint, roots[cell.place])
            said = await clients[cell.program].ask(target)
            found[cell] = said, await site.settled(cell.endpoint)

    # One after the other at one endpoint, so that sessions are told apart.
    queues: dict[tuple[object, str], list[Cell]] = defaultdict(list)
    for cell in wanted:
        if cell.program in clients:
            queues[cell.place, cell.endpoint].append(cell)
    # Mail that arrives while fetchmail fetches is a synchronization error to it.
    for sends in (False, True):
        house.each(ask, [(q,) for q in queues.values() if (q[0].protocol == "smtp") is sends])
    for client in clients.values():
        house.run(client.close())
    return found


def signers(site: Site) -> Iterable[bytes]:
    """The roots below which this site's leaves stand, whatever is wrong with them."""
    shield = site.plan.shield
    if shield is None:
        return [site.plan.server_roots[0]]
    return [root.certificate for root in shield.installation.roots.values()]


def at(scenario: str) -> list[ParameterSet]:
    return [pytest.param(cell, id=str(cell)) for cell in CELLS if cell.scenario == scenario]


def answer[T](answers: dict[Cell, T], cell: Cell) -> T:
    """What came of a cell; without its client the test skips here and fails in CI."""
    if cell not in answers and os.environ.get("CI"):
        pytest.fail(f"{cell.program} is missing: .ci/run must install it")
    if cell not in answers:
        pytest.skip(f"{cell.program} is not here: install it, a library of Node by make clients")
    return answers[cell]


@pytest.mark.parametrize("cell", at("healthy"))
def test_the_healthy_server_is_accepted(answers: Answers, cell: Cell) -> None:
    said, sessions = answer(answers, cell)
    assert said.verdict == "accept", said
    assert [x.verdict and x.verdict.verdict for x in sessions] == ["accept"]


@pytest.mark.parametrize("cell", at("expired"))
def test_the_expired_server_is_refused(answers: Answers, cell: Cell) -> None:
    said, sessions = answer(answers, cell)
    if (cell.program, cell.endpoint) == BLIND:
        assert said.verdict == "accept"
        assert [x.verdict and x.verdict.verdict for x in sessions] == ["accept"]
        return
    assert (said.verdict, said.reason) == ("reject", named(cell, "expired")), said
    for session in sessions:
        assert session.verdict is not None
        assert session.verdict.verdict == "reject"
        assert session.verdict.certainty == ("suspected" if cell.program in LATE else "sure")
        assert session.verdict.reason in {None, "expired"}
        assert session.hello is not None
    assert sessions


def named(cell: Cell, reason: str) -> str | None:
    """The reason, for a client whose words name one."""
    silent = (cell.program, cell.protocol) == SILENT or cell.program in GENERIC
    return None if silent else reason


def seen(sessions: list[Session]) -> set[str | None]:
    return {session.verdict.verdict if session.verdict else None for session in sessions}


@pytest.mark.parametrize("cell", at(UNTRUSTED))
def test_an_unknown_root_is_refused(answers: Answers, cell: Cell) -> None:
    said, sessions = answer(answers, cell)
    if (cell.program, cell.endpoint) == BLIND:
        assert (said.verdict, seen(sessions)) == ("accept", {"accept"})
        return
    # neomutt asks about an unknown issuer without a word of warning.
    reason = None if cell.program == "neomutt" else named(cell, "unknown-issuer")
    assert (said.verdict, said.reason) == ("reject", reason), said
    assert seen(sessions) == {"reject"}


@pytest.mark.parametrize("cell", at(FOREIGN))
def test_another_hosts_certificate_is_refused_by_who_verifies_names(
    answers: Answers, cell: Cell
) -> None:
    said, sessions = answer(answers, cell)
    if (cell.program, cell.endpoint) == BLIND or cell.program in NAMELESS:
        assert (said.verdict, seen(sessions)) == ("accept", {"accept"})
        return
    reason = None if (cell.program, cell.protocol) == SILENT else "name-mismatch"
    assert (said.verdict, said.reason) == ("reject", reason), said
    if cell.program == "getmail6":  # it looks at the name once its library has said CAPABILITY
        verdicts = [session.verdict for session in sessions if session.verdict]
        assert [(x.verdict, x.certainty) for x in verdicts] == [("accept", "suspected")]
        return
    assert seen(sessions) == {"reject"}


def test_who_verifies_no_name_is_known_for_it(house: House) -> None:
    clients = house.run(driver.found(driver.KNOWN))

    known = {client.name: client.verifies for client in clients if client.verifies != "full"}
    assert known == {name: "chain" for name in NAMELESS if name in known}
    assert set(known) == {client.name for client in clients} & set(NAMELESS)


@pytest.mark.parametrize("cell", at(ENDING))
def test_a_server_that_goes_away_was_not_refused(answers: Answers, cell: Cell) -> None:
    said, _ = answer(answers, cell)
    assert (said.verdict, said.reason) == ("error", None), said


# It has tests of its own: what it says of STARTTLS takes it longer than the five seconds here.
DIALOGS = "thunderbird"
REFUSED = [
    cell
    for cell in CELLS
    if cell.scenario == "healthy"
    if cell.antivirus == "none" and cell.program not in (*UNDETERRED, DIALOGS)
]


STARTTLS = [cell for cell in REFUSED if cell.endpoint == cell.protocol]
WITH_STARTTLS = [pytest.param(cell, id=str(cell)) for cell in STARTTLS]
type Denied = dict[tuple[Cell, bool], Said]


@pytest.fixture(scope="module")
def denied(request: pytest.FixtureRequest, house: House) -> Denied:
    """What each client says of a server that refuses STARTTLS, and of one that leaves instead."""
    clients = {client.name: client for client in house.run(driver.found(driver.KNOWN))}
    roots = house.roots(*house.plan("healthy").server_roots)
    found: Denied = {}

    async def ask(cell: Cell, leaves: bool) -> None:
        endpoint = ENDPOINTS[cell.endpoint]
        async with refusing(endpoint.protocol, leaves=leaves) as port:
            target = Target(
                endpoint=endpoint, host="127.0.0.1", port=port, name="mail.customer.test",
                user=USER, password=PASSWORD, roots=roots, patience=5.0,
            )  # fmt: skip
            found[cell, leaves] = await clients[cell.program].ask(target)

    wanted = selected(request)
    here = [cell for cell in STARTTLS if cell.program in clients and cell in wanted]
    house.each(ask, product(here, (False, True)))
    for client in clients.values():
        house.run(client.close())
    return found


@pytest.mark.parametrize("cell", WITH_STARTTLS)
def test_a_refused_starttls_is_said_to_be_that(denied: Denied, cell: Cell) -> None:
    said = answer({x: said for (x, leaves), said in denied.items() if not leaves}, cell)
    assert (said.verdict, said.reason) == ("reject", "starttls"), said


@pytest.mark.parametrize("cell", WITH_STARTTLS)
def test_who_leaves_when_asked_for_starttls_was_not_refused(denied: Denied, cell: Cell) -> None:
    said = answer({x: said for (x, leaves), said in denied.items() if leaves}, cell)
    assert (said.verdict, said.reason) == ("error", None), said


def test_who_sends_sent_one_mail_for_each_accept(house: House, answers: Answers) -> None:
    """openssl and gnutls-cli only log in: the dialogue that they are given is ours."""
    inbox = [message.octets for message in house.mail.inbox.messages.values()]
    subjects = sum(b"\r\nSubject: mitmail\r\n" in octets for octets in inbox)
    accepted = [
        cell
        for cell, (said, _) in answers.items()
        if cell.protocol == "smtp" and said.verdict == "accept"
        if cell.program not in {"openssl", "gnutls-cli"}
    ]
    assert accepted
    assert subjects == len(accepted)
