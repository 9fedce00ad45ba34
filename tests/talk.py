"""A session of the engine in memory: a client and a server that talk, and a clock set by hand.

``Talk`` checks at every step that a session never sends to a side that is not open or after its
FIN, never announces two verdicts, never crashes.
"""

import errno
import ssl
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tlslite.api as tlslite  # type: ignore[import-untyped] # it ships no types
from tlslite.messages import Alert  # type: ignore[import-untyped] # it ships no types

from mitmail.engine import action
from mitmail.engine.action import Action, Who
from mitmail.engine.session import Session
from mitmail.engine.spec import Chooser, MailProtocol, Mode, SessionSpec, Trust
from mitmail.interception import Family
from mitmail.pki.authority import Authority, make_root
from mitmail.pki.certificate import pem
from mitmail.pki.identity import Identity
from mitmail.pki.key import Key, generate
from mitmail.pki.key import pem as key_pem
from mitmail.pki.name import distinguished_name

NAME = "mail.customer.test"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)

# Octets of a segment: the network may cut a dialogue anywhere.
GRAIN = pytest.mark.parametrize("grain", [1, 3, 10**6])
TLS = pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
MODES: list[tuple[Mode, Mode]] = [("implicit", "plain"), ("implicit", "implicit")]
MODES += [("starttls", "plain"), ("starttls", "starttls")]
JOINED = pytest.mark.parametrize(("client", "server"), MODES)
PROTOCOLS = pytest.mark.parametrize("protocol", ["imap", "pop3", "smtp"])
ALL_MODES: list[Mode] = ["implicit", "starttls", "plain"]
LEGS = pytest.mark.parametrize(
    ("client", "server"), [(client, server) for client in ALL_MODES for server in ALL_MODES]
)
TLS_LEGS = pytest.mark.parametrize(
    ("client", "server"), [(client, server) for client in ALL_MODES[:2] for server in ALL_MODES]
)

GREETING: dict[MailProtocol, bytes] = {
    "imap": b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n", "pop3": b"+OK ready\r\n",
    "smtp": b"220 mail ESMTP\r\n",
}  # fmt: skip
STARTTLS: dict[MailProtocol, bytes] = {
    "imap": b"t STARTTLS\r\n", "pop3": b"STLS\r\n", "smtp": b"STARTTLS\r\n"
}  # fmt: skip
GO_AHEAD: dict[MailProtocol, bytes] = {
    "imap": b"t OK go\r\n", "pop3": b"+OK go\r\n", "smtp": b"220 go\r\n"
}  # fmt: skip
GO_AHEAD_OF_OURS: dict[MailProtocol, bytes] = {
    "imap": b"t OK Begin TLS negotiation now\r\n", "pop3": b"+OK Begin TLS negotiation\r\n",
    "smtp": b"220 2.0.0 Ready to start TLS\r\n",
}  # fmt: skip


@cache
def key(number: int = 0) -> Key:
    """An EC key; another number is another key."""
    return generate("ec256")


@cache
def root(name: str = "mitmail test root") -> Authority:
    """A root that nobody knows but who is given it."""
    subject = distinguished_name([("CN", name)])
    return make_root(subject, key(hash(name)), NOW - 30 * DAY, NOW + 30 * DAY)


@cache
def identity(
    name: str = NAME, since: int = -1, until: int = 1, issuer: str = "mitmail test root"
) -> Identity:
    """A leaf of one key, valid from and until so many days from now."""
    leaf = root(issuer).leaf(
        key(), names=[name], not_before=NOW + since * DAY, not_after=NOW + until * DAY
    )
    return Identity((leaf,), key())


def trusting(version: str | None = None) -> ssl.SSLContext:
    """What a correct client has: our root, and the name it asks for; TLS 1.2 or 1.3 only."""
    context = ssl.create_default_context(cadata=pem(root().certificate).decode())
    if version is not None:
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    return context


def blind(version: str | None = None) -> ssl.SSLContext:
    """A client that checks nothing."""
    context = trusting(version)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@cache
def _greeter(version: str | None) -> ssl.SSLContext:
    # A context takes milliseconds, and some tests say hello thousands of times.
    return trusting(version)


def hello(version: str | None = None) -> bytes:
    """The ClientHello of a correct client."""
    out = ssl.MemoryBIO()
    client = _greeter(version).wrap_bio(ssl.MemoryBIO(), out, server_hostname=NAME)
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


def alert(code: int, level: int = 2) -> bytes:
    """A TLS alert in clear, as it is sent before there are keys (RFC 8446 section 5.1)."""
    return bytes((21, 3, 3, 0, 2, level, code))


class Clock:
    """Seconds, as far as a test has let them pass."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Side:
    """A peer in clear text: what it says is fed to the session, what it hears is kept."""

    def __init__(self, talk: "Talk", who: Who) -> None:
        self.talk, self.who = talk, who
        self.heard = b""
        self.ended = self.closed = self.reset = False

    def says(self, octets: bytes) -> None:
        """Say this in one segment."""
        self.talk.perform(self.talk.session.data(self.who, octets))

    def leaves(self) -> None:
        """Send FIN."""
        self.talk.perform(self.talk.session.eof(self.who))

    def hears(self) -> bytes:
        """What has come since the last time."""
        heard, self.heard = self.heard, b""
        return heard


class TlsSide:
    """A peer that speaks TLS (the standard library's, so not the engine's) over a ``Side``."""

    def __init__(
        self, side: Side, context: ssl.SSLContext, *, name: str | None = NAME, session: Any = None
    ) -> None:
        self.side = side
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = side.who == "server"
        host = None if server else name
        self.tls = context.wrap_bio(self._in, self._out, server, host, session)
        self.up = False
        self.end: str | None = None
        self._heard = b""
        side.talk.peers.append(self)
        side.talk.settle()

    def turn(self) -> bool:
        """Take in what has come, answer, and tell whether anything moved."""
        octets = self.side.hears()
        if octets:
            self._in.write(octets)
        if self.side.ended and not self._in.eof:
            self._in.write_eof()
        if self.end is None:
            self._advance()
        out = self._out.read()
        if out:
            self.side.says(out)
        return bool(octets or out)

    def _advance(self) -> None:
        try:
            if not self.up:
                self.tls.do_handshake()
                self.up = True
            while octets := self.tls.read():
                self._heard += octets
            self.end = "close_notify"
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.end = "close_notify"
        except ssl.SSLEOFError:
            self.end = "eof"
        except ssl.SSLError as error:
            self.end = error.reason or str(error)

    def says(self, octets: bytes) -> None:
        """Say this through TLS, in one segment."""
        self.tls.write(octets)
        self.side.talk.settle()

    def hears(self) -> bytes:
        """What has come through TLS since the last time."""
        heard, self._heard = self._heard, b""
        return heard

    def leaves(self) -> None:
        """Send close_notify, then FIN."""
        if self.up and self.end is None:
            with suppress(ssl.SSLError):
                self.tls.unwrap()
            self.side.says(self._out.read())
        self.side.leaves()
        self.side.talk.settle()

    @property
    def leaf(self) -> bytes | None:
        """The other side's certificate, as this side saw it."""
        return self.tls.getpeercert(binary_form=True) if self.up else None


class AlertingSide:
    """A TLS client that sends any alert, whenever it is told to (tlslite-ng)."""

    def __init__(self, side: Side, version: str) -> None:
        self.side = side
        settings = tlslite.HandshakeSettings()
        settings.minVersion = settings.maxVersion = (3, 4) if version == "TLSv1_3" else (3, 3)
        settings.versions = [settings.maxVersion]
        settings.eccCurves = settings.keyShares = ["secp256r1"]
        self._tls = tlslite.TLSConnection(self)
        self._drive(self._tls.handshakeClientCert(settings=settings, serverName=NAME, async_=True))
        side.talk.settle()

    def send(self, octets: bytes) -> int:
        """Act as the socket: into the session."""
        self.side.says(bytes(octets))
        return len(octets)

    def sendall(self, octets: bytes) -> None:
        """Act as the socket: into the session."""
        self.send(octets)

    def recv(self, size: int) -> bytes:
        """Act as the socket: out of what was heard."""
        if not self.side.heard:
            raise OSError(errno.EWOULDBLOCK, "nothing yet")
        octets, self.side.heard = self.side.heard[:size], self.side.heard[size:]
        return octets

    def close(self) -> None:
        """Act as the socket: tlslite closes nothing by itself here."""

    def alerts(self, code: int, *, level: int = 2) -> None:
        """Send this alert, encrypted like everything else after the handshake."""
        self._drive(self._tls._sendMsg(Alert().create(code, level)))

    def says(self, octets: bytes) -> None:
        """Say this through TLS."""
        self._drive(self._tls.writeAsync(octets))

    def _drive(self, steps: Any) -> None:
        for step in steps:
            assert step != 0 or self.side.heard, "tlslite waits for what does not come"


class Talk:
    """One session between ``client`` and ``server``; both begin in clear text."""

    def __init__(
        self,
        protocol: MailProtocol = "imap",
        client: Mode = "implicit",
        server: Mode = "plain",
        *,
        choose: Chooser = lambda upstream, sni: identity(),
        connect: bool = True,
        crashes: bool = False,
        family: Family = "ipv4",
        **orders: Any,
    ) -> None:
        trust = Trust(name=NAME, roots=(root().certificate,))
        self.clock = Clock()
        self.spec = SessionSpec(
            protocol=protocol, client=client, server=server, choose=choose,
            **({"trust": trust} | orders),
        )  # fmt: skip
        self.session = Session(self.spec, self.clock)
        self.client, self.server = Side(self, "client"), Side(self, "server")
        self.peers: list[TlsSide] = []
        self.actions: list[Action] = []
        self.timers: list[tuple[float, str]] = []
        self._connected = self._dialled = False
        self.is_behind = False
        self.former: Side | None = None
        self._crashes = crashes
        self.perform(self.session.start(family))
        if connect:
            self.connects()

    def connects(self, error: str | None = None) -> None:
        """The connection to the server is open, or failed."""
        self._connected = error is None
        self.perform(self.session.connected(error))

    def perform(self, actions: list[Action]) -> None:
        """Carry out what the session asks for, and hold it to its contract."""
        self.actions += actions
        for each in actions:
            match each:
                case action.Send(who, octets):
                    side = self._side(who)
                    assert octets, "an empty segment"
                    assert not side.ended, f"octets for the {who} after its FIN"
                    assert who == "client" or self._connected, "octets for an unopened connection"
                    side.heard += octets
                case action.HalfClose(who):
                    assert not self._side(who).ended, f"two FINs for the {who}"
                    self._side(who).ended = True
                case action.Close(who):
                    self._side(who).ended = self._side(who).closed = True
                    self._connected = self._connected and who == "client"
                case action.Reset(who):
                    self._side(who).ended = self._side(who).reset = True
                case action.SetTimer(name, seconds):
                    assert seconds >= 0
                    self.timers.append((self.clock.now + seconds, name))
                case action.Crashed(traceback):
                    assert self._crashes, traceback
                case action.Connect(behind):
                    assert not self._connected, "a second connection beside the first"
                    if self._dialled:
                        self._redials()
                    self._dialled = True
                    self.is_behind = behind
        assert sum(isinstance(each, action.Announce) for each in self.actions) <= 1

    def _redials(self) -> None:
        """The old server hears no more; ``server`` is the new one."""
        self.peers = [peer for peer in self.peers if peer.side is not self.server]
        self.former, self.server = self.server, Side(self, "server")

    def _side(self, who: Who) -> Side:
        return self.client if who == "client" else self.server

    def settle(self) -> None:
        """Let the TLS peers talk until nothing moves any more."""
        while any(peer.turn() for peer in self.peers):
            pass

    def passes(self, seconds: float) -> None:
        """Let time pass, and fire the timers that run out meanwhile."""
        until = self.clock.now + seconds
        while due := sorted(timer for timer in self.timers if timer[0] <= until):
            self.timers.remove(due[0])
            self.clock.now = max(self.clock.now, due[0][0])
            self.perform(self.session.timer(due[0][1]))
            self.settle()
        self.clock.now = until

    # -- what most talks begin with --------------------------------------------------------------

    def greets(self) -> None:
        """The server greets in clear text."""
        self.server.says(GREETING[self.spec.protocol])

    def upgrades(self) -> None:
        """The client asks for STARTTLS and gets the go-ahead, from the server or from us."""
        self.greets()
        self.client.says(STARTTLS[self.spec.protocol])
        if self.spec.server == "starttls":
            self.server.says(GO_AHEAD[self.spec.protocol])
        self.client.hears()
        self.server.hears()

    def agrees(self, *, glued: bytes = b"") -> None:
        """The server, which the engine asks for STARTTLS by itself, says yes each time."""
        if self.spec.protocol == "smtp":
            assert self.server.hears().startswith(b"EHLO ")
            self.server.says(b"250-mail\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n")
        asked = self.server.hears().split()
        assert asked[-1] in {b"STARTTLS", b"STLS"}
        go_ahead = GO_AHEAD[self.spec.protocol]
        if self.spec.protocol == "imap":
            go_ahead = asked[0] + b" OK go\r\n"
        self.server.says(go_ahead + glued)

    def secure(self, context: ssl.SSLContext | None = None, **how: Any) -> TlsSide:
        """The client does its handshake as far as it likes, after STARTTLS where that is due."""
        if self.spec.client == "starttls":
            self.upgrades()
        return TlsSide(self.client, context or trusting(), **how)

    # -- what came of it -------------------------------------------------------------------------

    @property
    def verdict(self) -> tuple[str, str, str | None]:
        """Verdict, certainty, reason."""
        found = self.session.verdict
        assert found is not None, "there is no verdict yet"
        return found.verdict, found.certainty, found.reason

    @property
    def facts(self) -> list[str]:
        """The words of the facts, in order."""
        return [fact.fact for fact in self.session.facts]

    def fact(self, word: str) -> dict[str, object]:
        """The details of the first fact of this word."""
        return next(dict(fact.details) for fact in self.session.facts if fact.fact == word)


def served_by(presented: Identity) -> ssl.SSLContext:
    """A TLS server's context with this identity."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "identity.pem")
        file.write_bytes(key_pem(presented.key) + b"".join(map(pem, presented.chain)))
        context.load_cert_chain(file)
    return context


def between(shield: Talk, door: Talk) -> None:
    """Let a shield talk to a door, a session of ours itself, until nothing moves any more."""
    while said := (shield.server.hears(), door.client.hears()):
        if not any(said):
            return
        for octets, side in zip(said, (door.client, shield.server), strict=True):
            if octets:
                side.says(octets)
        shield.settle()


def both(
    protocol: MailProtocol, client: Mode, server: Mode, version: str | None = None
) -> tuple[Talk, TlsSide, TlsSide | None]:
    """A session whose legs are all up: the client's TLS, and the server's where it has any."""
    talk, near, far = legs_up(protocol, client, server, context=trusting(version))
    assert isinstance(near, TlsSide)
    assert near.up, near.end
    near.hears()
    return talk, near, far if isinstance(far, TlsSide) else None


def legs_up(
    protocol: MailProtocol,
    client: Mode,
    server: Mode,
    *,
    context: ssl.SSLContext | None = None,
    shows: Identity | None = None,
    greeting: bytes | None = None,
    **orders: Any,
) -> tuple[Talk, Side | TlsSide, Side | TlsSide]:
    """A session whose legs are all up, in any modes; the client has not read its greeting.

    Where the client has STARTTLS it is greeted before that.
    """
    talk = Talk(protocol, client, server, **orders)
    joined = client == server == "starttls"
    near: Side | TlsSide = talk.client
    if client == "implicit":
        near = TlsSide(talk.client, context or blind())
    far: Side | TlsSide = talk.server
    said = greeting or GREETING[protocol]
    if joined:
        talk.upgrades()
        near = TlsSide(talk.client, context or blind())
    elif server == "starttls":
        talk.server.says(said)
        talk.agrees()
    if server != "plain":
        far = TlsSide(talk.server, served_by(shows or identity()))
    if server != "starttls":
        far.says(said)
    if client == "starttls" and not joined:
        talk.client.says(STARTTLS[protocol])
        heard = talk.client.hears()
        assert heard.endswith(GO_AHEAD_OF_OURS[protocol]), heard
        near = TlsSide(talk.client, context or blind())
    talk.passes(0.2)
    return talk, near, far
