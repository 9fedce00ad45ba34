"""Mail programs that people use: they accept the healthy server, and refuse the expired one."""

import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from bench import need
from clients.house import USER, House, Site
from mitmail.engine.session import Session
from mitmail.judge.client import Target
from mitmail.judge.program import Ended, run

if sys.platform == "win32":
    pytest.skip("these are Unix programs", allow_module_level=True)

WRAPPERS = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib")
LETTER = b"From: qa@customer.test\nTo: qa@customer.test\nSubject: by msmtp\n\nhello\n"
MBSYNC = """\
IMAPAccount a
Host {name}
Port {port}
User {user}
Pass "{password}"
Timeout 8
AuthMechs LOGIN
SSLType {tls}
CertificateFile {roots}
SystemCertificates no

IMAPStore r
Account a

MaildirStore l
Path {home}/m/
Inbox {home}/m/INBOX

Channel c
Far :r:
Near :l:
Patterns INBOX
Create Near
SyncState *
"""
FETCHMAIL = """\
set no bouncemail
poll {name} proto {protocol} port {port} timeout 8
  user '{user}' password '{password}' is root here keep fetchall
  {tls} sslcertck sslcertfile {roots} sslcertpath {home} mda 'cat >>{home}/mbox'
"""


def msmtp(target: Target, home: Path) -> list[str]:
    implicit = target.endpoint.tls == "implicit"
    return [
        *(need("msmtp"), "--file=/dev/null", "--timeout=8", f"--host={target.name}"),
        *(f"--port={target.port}", "--tls=on", f"--tls-trust-file={target.roots}"),
        *("--tls-starttls=" + ("off" if implicit else "on"), "--auth=plain"),
        *(f"--user={target.user}", f"--passwordeval=echo {target.password}"),
        *(f"--from={target.user}", target.user),
    ]


def mbsync(target: Target, home: Path) -> list[str]:
    tls = "IMAPS" if target.endpoint.tls == "implicit" else "STARTTLS"
    (home / "m").mkdir()
    (home / "rc").write_text(MBSYNC.format(**settings(target), home=home, tls=tls))
    return [need("mbsync"), "-c", str(home / "rc"), "c"]


def fetchmail(target: Target, home: Path) -> list[str]:
    tls = "ssl" if target.endpoint.tls == "implicit" else "sslproto tls1.2+"
    protocol = target.endpoint.protocol
    (home / "rc").write_text(
        FETCHMAIL.format(**settings(target), home=home, tls=tls, protocol=protocol)
    )
    (home / "rc").chmod(0o600)
    files = ("-f", home / "rc", "--pidfile", home / "pid", "-i", home / "ids")
    return [need("fetchmail"), "-N", "--nosyslog", *map(str, files)]


def settings(target: Target) -> dict[str, object]:
    names = ("name", "port", "user", "password", "roots")
    return {name: getattr(target, name) for name in names}


@dataclass(frozen=True)
class Cell:
    scenario: str
    antivirus: str
    program: str
    endpoint: str

    @property
    def place(self) -> tuple[str, str]:
        return self.scenario, self.antivirus

    def __str__(self) -> str:
        return f"{self.scenario}-{self.antivirus}-{self.program}-{self.endpoint}"


PROGRAMS: dict[str, Callable[[Target, Path], list[str]]] = {
    "msmtp": msmtp,
    "mbsync": mbsync,
    "fetchmail": fetchmail,
}
ENDPOINTS = (
    *(("msmtp", "smtp"), ("msmtp", "smtps"), ("mbsync", "imap"), ("mbsync", "imaps")),
    *(
        ("fetchmail", "imap"),
        ("fetchmail", "imaps"),
        ("fetchmail", "pop3"),
        ("fetchmail", "pop3s"),
    ),
)
CELLS = [
    Cell(scenario, antivirus, *one)
    for scenario, antivirus, one in product(("healthy", "expired"), ("none", "norton"), ENDPOINTS)
]
SAID = {
    "msmtp": b"uses expired certificate",
    "mbsync": b"certificate has expired",
    "fetchmail": b"certificate has expired",
}
# These two verify after the handshake, and close without a word.
LATE = ("msmtp", "mbsync")
type Answers = dict[Cell, tuple[Ended, list[Session], Path]]


def wrapper() -> str:
    """libnss_wrapper, which makes a name lead to an address for one program."""
    found = [x for folder in WRAPPERS for x in Path(folder).glob("**/libnss_wrapper.so")]
    if not found:
        need("libnss_wrapper.so")
    return str(found[0])


@pytest.fixture(scope="module")
def answers(house: House, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """Each program at each endpoint; it trusts the signer, so only the date is wrong."""
    hosts = house.folder / "hosts"
    pairs = list(product(("healthy", "expired"), ("none", "norton")))
    sites = {pair: house.open(house.plan(*pair)) for pair in pairs}
    roots = {pair: house.roots(*signers(site)) for pair, site in sites.items()}
    hosts.write_text(f"127.0.0.1 {sites[pairs[0]].plan.name}\n")
    resolving = {"LD_PRELOAD": wrapper(), "NSS_WRAPPER_HOSTS": str(hosts)}
    found: Answers = {}

    async def ask(queue: list[Cell]) -> None:
        for cell in queue:
            site, home = sites[cell.place], tmp_path_factory.mktemp("home")
            target = site.target(cell.endpoint, roots[cell.place])
            command = PROGRAMS[cell.program](target, home)
            extra = resolving | {"HOME": str(home)}
            ended = await run(command, give=LETTER, extra=extra)
            found[cell] = ended, await site.settled(cell.endpoint), home

    # One after the other at one endpoint, so that sessions are told apart.
    queues: dict[tuple[object, str], list[Cell]] = defaultdict(list)
    for cell in CELLS:
        if shutil.which(cell.program):
            queues[cell.place, cell.endpoint].append(cell)
    house.each(ask, [(queue,) for queue in queues.values()])
    return found


def signers(site: Site) -> Iterable[bytes]:
    """The roots below which this site's leaves stand, whatever is wrong with them."""
    shield = site.plan.shield
    if shield is None:
        return [site.plan.server_roots[0]]
    return [root.certificate for root in shield.roots.values()]


def at(scenario: str) -> list[Cell]:
    return [cell for cell in CELLS if cell.scenario == scenario]


@pytest.mark.parametrize("cell", at("healthy"), ids=str)
def test_the_healthy_server_is_accepted(house: House, answers: Answers, cell: Cell) -> None:
    need(cell.program)
    ended, sessions, home = answers[cell]
    assert ended.code == 0, ended.err
    assert [x.verdict and x.verdict.verdict for x in sessions] == ["accept"]
    assert moved(house, cell, home)


def moved(house: House, cell: Cell, home: Path) -> bool:
    """Whether the mail is where it should be."""
    inbox = [message.octets for message in house.mail.inbox.messages.values()]
    if cell.program == "msmtp":
        return any(b"Subject: by msmtp\r\n" in octets for octets in inbox)
    subject = b"Subject: " + inbox[0].partition(b"Subject: ")[2].partition(b"\r\n")[0]
    fetched = [path.read_bytes() for path in home.glob("**/*") if path.is_file()]
    return any(subject in octets for octets in fetched)


@pytest.mark.parametrize("cell", at("expired"), ids=str)
def test_the_expired_server_is_refused(house: House, answers: Answers, cell: Cell) -> None:
    need(cell.program)
    ended, sessions, home = answers[cell]
    assert ended.code not in {None, 0}
    assert SAID[cell.program] in ended.out + ended.err
    for session in sessions:
        assert session.verdict is not None
        assert session.verdict.verdict == "reject"
        certainty = "suspected" if cell.program in LATE else "sure"
        assert session.verdict.certainty == certainty
        assert session.verdict.reason in {None, "expired"}
        assert session.hello is not None
    assert sessions
    assert cell.program == "msmtp" or not moved(house, cell, home)


def test_msmtp_sent_one_mail_for_each_accept(house: House, answers: Answers) -> None:
    inbox = [message.octets for message in house.mail.inbox.messages.values()]
    sent = sum(b"Subject: by msmtp\r\n" in octets for octets in inbox)
    asked = [cell for cell in answers if cell.program == "msmtp" and cell.scenario == "healthy"]
    assert sent == len(asked)
    assert all(USER.encode() in octets for octets in inbox)
