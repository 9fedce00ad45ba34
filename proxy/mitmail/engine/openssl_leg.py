"""A TLS leg on OpenSSL's memory BIOs."""

from collections.abc import Callable

from OpenSSL import SSL

from mitmail.engine.leg import (
    Alert,
    Closed,
    Failed,
    HandshakeDone,
    LegEvent,
    Plaintext,
    Presented,
)

ALERT, READ = 0x4000, 0x04
LOOP = 0x01
FATAL = 2
CHUNK = 65536
CERTIFICATE_WRITTEN = b"write certificate"


class OpenSslLeg:
    """A TLS connection without a socket.

    ``context`` must be new: pyOpenSSL refuses to change one after its first connection, and the
    info callback (the only exact source of alerts) is set here. ``prepare`` gets the connection
    before the handshake starts. ``renegotiate`` asks the client for a second handshake as soon as
    it has spoken (TLS 1.2); without ``close_notify`` the leg ends without a word.
    """

    def __init__(
        self,
        context: SSL.Context,
        *,
        accepting: bool,
        prepare: Callable[[SSL.Connection], None] = lambda connection: None,
        renegotiate: bool = False,
        close_notify: bool = True,
    ) -> None:
        self.up = False
        self.broken = False
        self._shut = False
        self._renegotiate = renegotiate
        self._close_notify = close_notify
        self._unsent = b""
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
                self._ask_again()
        except SSL.WantReadError:
            self._send_rest()
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

    def _ask_again(self) -> None:
        if self._renegotiate and self.version != "TLSv1.3":
            self._renegotiate = False
            self.connection.renegotiate()
            self.connection.do_handshake()  # sends HelloRequest, and does not wait for its answer

    def send(self, octets: bytes) -> None:
        """Encrypt application data; :meth:`output` has the result.

        A leg that is not up, is broken or was shut down sends nothing.
        """
        if not self.up or self.broken or self._shut or not octets:
            return
        self._unsent += octets
        self._send_rest()

    def _send_rest(self) -> None:
        if not self._unsent or self.broken:
            return
        try:
            self.connection.sendall(self._unsent)
            self._unsent = b""
        except SSL.WantReadError:
            pass  # in the middle of a renegotiation OpenSSL takes nothing, and no part of it
        except SSL.Error:
            self.broken = True

    def shutdown(self) -> None:
        """Send close_notify, once."""
        if self.up and not self.broken and not self._shut:
            self._shut = True
            try:
                if self._close_notify:
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

    @property
    def cipher(self) -> str | None:
        """The negotiated cipher suite."""
        return self.connection.get_cipher_name()


def words(error: Exception) -> str:
    """What OpenSSL says about an error, in its last words."""
    stack = error.args[0] if error.args else ()
    if isinstance(stack, list) and stack:
        return str(stack[-1][-1])
    return str(error) or type(error).__name__
