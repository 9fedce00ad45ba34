"""A TLS leg on tlslite-ng, which sends what OpenSSL refuses, repairs or no longer knows."""

import errno
from collections.abc import Iterator
from typing import Any

from tlslite.constants import AlertDescription  # type: ignore[import-untyped] # ships no types
from tlslite.errors import TLSError, TLSLocalAlert  # type: ignore[import-untyped] # ships no types
from tlslite.x509certchain import X509CertChain  # type: ignore[import-untyped] # ships no types

from mitmail.engine.leg import (
    Cut,
    Failed,
    HandshakeDone,
    LegEvent,
    Plaintext,
    UnpresentableError,
)
from mitmail.engine.spec import Identity
from mitmail.engine.tlslite_key import ServerKey, StandIn, signing
from mitmail.engine.tlslite_server import EndedByPeerError, Presentation, TlsliteServer
from mitmail.engine.tlslite_settings import cipher_name, settings

NAMES = {
    (3, 0): "SSLv3", (3, 1): "TLSv1", (3, 2): "TLSv1.1", (3, 3): "TLSv1.2", (3, 4): "TLSv1.3",
}  # fmt: skip
# A ClientHello that offers nothing that we speak, in OpenSSL's words (see verdict.py).
WORDS = {
    "No mutual ciphersuite": "no shared cipher",
    "No mutual groups": "no shared groups",
    "No acceptable group advertised by client": "no suitable key share",
    "FFDHE groups not acceptable and no other common ciphers": "no shared groups",
    "No common signature algorithms": "no suitable signature algorithm",
}


class _Wire:
    """Stands for a socket that never blocks for writing."""

    def __init__(self) -> None:
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.silent = False

    def send(self, octets: bytes) -> int:
        if not self.silent:
            self.outgoing += octets
        return len(octets)

    sendall = send

    def recv(self, size: int) -> bytes:
        if not self.incoming:
            raise OSError(errno.EWOULDBLOCK, "nothing yet")
        octets = bytes(self.incoming[:size])
        del self.incoming[:size]
        return octets

    def close(self) -> None:
        """The driver closes."""


class TlsliteLeg:
    """The server's side of a TLS connection without a socket.

    It presents the identity's chain octet for octet. Raises UnpresentableError where tlslite
    cannot do that in its manner either.
    """

    def __init__(self, identity: Identity) -> None:
        manner = identity.manner
        if manner.renegotiate:
            raise UnpresentableError("only OpenSSL renegotiates here")
        key, algorithm = signing(identity)
        chosen = settings(manner, key, algorithm)
        self.up = False
        self.broken = False
        self.version = ""
        self.cipher: str | None = None
        self._shut = False
        self._close_notify = manner.close_notify
        self._wire = _Wire()
        self._events: list[LegEvent] = []
        leaf = StandIn(key, algorithm)
        presentation = Presentation(identity.chain, manner, tuple(chosen.versions), leaf)
        self._server = TlsliteServer(self._wire, presentation, self._hear)
        self._steps: Iterator[Any] = self._server.handshakeServerAsync(
            certChain=X509CertChain([leaf]),
            privateKey=ServerKey(key, algorithm),
            settings=chosen,
            reqCert=manner.client_certificate != "none",
        )

    def _hear(self, event: LegEvent) -> None:
        self._events.append(event)
        if isinstance(event, Cut):
            self._wire.silent = True

    def receive(self, octets: bytes) -> list[LegEvent]:
        """Feed octets of the wire; what came of them, in order."""
        if not self.broken:
            self._wire.incoming += octets
            try:
                self._advance()
            except (TLSError, EndedByPeerError) as error:
                self.broken = True
                self._events.append(Failed(_words(error)))
        events, self._events = self._events, []
        return events

    def _advance(self) -> None:
        while self._runs_on():
            if not self.up:
                self.up = True
                self.version = NAMES[self._server.version]
                self.cipher = cipher_name(self._server.session.cipherSuite)
                self._events.append(HandshakeDone())
            self._steps = self._server.readAsync()

    def _runs_on(self) -> bool:
        """Go on until more octets are needed; whether a handshake or a read has ended first."""
        for result in self._steps:
            if isinstance(result, bytes) and result:
                self._events.append(Plaintext(result))
            elif result == 0:
                return False
        return True

    def send(self, octets: bytes) -> None:
        """Encrypt application data; :meth:`output` has the result.

        A leg that is not up, is broken or was shut down sends nothing.
        """
        if self.up and not self.broken and not self._shut and octets:
            _exhaust(self._server.writeAsync(octets))

    def shutdown(self) -> None:
        """Send close_notify, once."""
        if self.up and not self.broken and not self._shut:
            self._shut = True
            if self._close_notify:
                _exhaust(self._server.send_warning(AlertDescription.close_notify))

    def output(self) -> bytes:
        """The octets that wait to go out."""
        octets = bytes(self._wire.outgoing)
        self._wire.outgoing.clear()
        return octets


def _exhaust(steps: Iterator[Any]) -> None:
    for _ in steps:
        pass


def _words(error: Exception) -> str:
    if not isinstance(error, TLSLocalAlert):
        return str(error) or type(error).__name__
    if error.description == AlertDescription.protocol_version:
        return "unsupported protocol"
    return WORDS.get(error.message or "", error.message or str(error))
