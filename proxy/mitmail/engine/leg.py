"""One TLS leg on memory BIOs: octets in, events and octets out."""

from collections.abc import Callable
from dataclasses import dataclass

from OpenSSL import SSL

ALERT, READ = 0x4000, 0x04
LOOP = 0x01
FATAL = 2
CHUNK = 65536
CERTIFICATE_WRITTEN = b"write certificate"


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that was received (or sent, if not ``received``)."""

    code: int
    fatal: bool
    received: bool


@dataclass(frozen=True, slots=True)
class Presented:
    """Our Certificate message has been written."""


@dataclass(frozen=True, slots=True)
class HandshakeDone:
    """The handshake is complete on this side."""


@dataclass(frozen=True, slots=True)
class Plaintext:
    """Decrypted application data."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """The peer sent close_notify."""


@dataclass(frozen=True, slots=True)
class Failed:
    """TLS broke: OpenSSL's words."""

    error: str


type LegEvent = Alert | Presented | HandshakeDone | Plaintext | Closed | Failed


class Leg:
    """A TLS connection without a socket.

    ``context`` must be new: pyOpenSSL refuses to change one after its first connection, and the
    info callback (the only exact source of alerts) is set here. ``prepare`` gets the connection
    before the handshake starts.
    """

    def __init__(
        self,
        context: SSL.Context,
        *,
        accepting: bool,
        prepare: Callable[[SSL.Connection], None] = lambda connection: None,
    ) -> None:
        self.up = False
        self.broken = False
        self._shut = False
        self._events: list[LegEvent] = []
        context.set_info_callback(self._on_info)
        self.connection = SSL.Connection(context, None)
        prepare(self.connection)
        if accepting:
            self.connection.set_accept_state()
        else:
            self.connection.set_connect_state()

    def _on_info(self, connection: SSL.Connection, where: int, ret: int) -> None:
        if where & ALERT:
            level, code = ret >> 8, ret & 0xFF
            received = bool(where & READ)
            # TLS 1.3 has no warning level: all but 0 and 90 end the connection (RFC 8446 6.2).
            fatal = level == FATAL or (
                connection.get_protocol_version_name() == "TLSv1.3" and code not in {0, 90}
            )
            self._events.append(Alert(code, fatal, received))
        elif where & LOOP and connection.get_state_string().endswith(CERTIFICATE_WRITTEN):
            self._events.append(Presented())

    def start(self) -> list[LegEvent]:
        """Begin the handshake."""
        return self.receive(b"")

    def receive(self, octets: bytes) -> list[LegEvent]:
        """Feed octets of the wire; what came of them, in order."""
        if not self.broken:
            if octets:
                self.connection.bio_write(octets)
            self._advance()
        events, self._events = self._events, []
        return events

    def _advance(self) -> None:
        try:
            if not self.up:
                self.connection.do_handshake()
                self.up = True
                self._events.append(HandshakeDone())
            while True:
                self._events.append(Plaintext(self.connection.recv(CHUNK)))
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self._events.append(Closed())
        except SSL.Error as error:
            # After user_canceled (every Java client) the close_notify of TLS 1.3 comes up as a
            # system call that failed, and not as a ZeroReturnError (measured with OpenSSL 4.0).
            shut = self.connection.get_shutdown() & SSL.RECEIVED_SHUTDOWN
            if shut and isinstance(error, SSL.SysCallError):
                self._events.append(Closed())
                return
            self.broken = True
            self._events.append(Failed(words(error)))

    def send(self, octets: bytes) -> None:
        """Encrypt application data; :meth:`output` has the result.

        A leg that is not up, is broken or was shut down sends nothing.
        """
        if not self.up or self.broken or self._shut or not octets:
            return
        try:
            self.connection.sendall(octets)
        except SSL.Error:
            self.broken = True

    def shutdown(self) -> None:
        """Send close_notify, once."""
        if self.up and not self.broken and not self._shut:
            self._shut = True
            try:
                self.connection.shutdown()
            except SSL.Error:
                self.broken = True

    def output(self) -> bytes:
        """The octets that wait to go out."""
        parts = []
        try:
            while True:
                parts.append(self.connection.bio_read(CHUNK))
        except SSL.WantReadError:
            return b"".join(parts)

    @property
    def version(self) -> str:
        """The negotiated version, as OpenSSL writes it: ``TLSv1.3``."""
        return self.connection.get_protocol_version_name()


def words(error: Exception) -> str:
    """What OpenSSL says about an error, in its last words."""
    stack = error.args[0] if error.args else ()
    if isinstance(stack, list) and stack:
        return str(stack[-1][-1])
    return str(error) or type(error).__name__
