"""One TLS leg: octets in, events and octets out, whatever implements it."""

from dataclasses import dataclass
from typing import Protocol

# A client that was asked for a certificate and insisted upon sent none: OpenSSL's words.
NO_CLIENT_CERTIFICATE = "peer did not return a certificate"


class UnpresentableError(Exception):
    """An identity cannot be presented as it is, or not in its manner."""


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
class Cut:
    """Our Certificate message has been written half, and nothing more will be."""


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
    """TLS broke: OpenSSL's words, whichever implementation says them."""

    error: str


type LegEvent = Alert | Presented | Cut | HandshakeDone | Plaintext | Closed | Failed


class Leg(Protocol):
    """A TLS connection without a socket."""

    @property
    def up(self) -> bool:
        """Whether the handshake is complete."""

    @property
    def broken(self) -> bool:
        """Whether nothing more can come of it."""

    @property
    def version(self) -> str:
        """The negotiated version, as OpenSSL writes it: ``TLSv1.3``, and ``TLSv1`` for 1.0."""

    @property
    def cipher(self) -> str | None:
        """The negotiated cipher suite, as OpenSSL writes it."""

    def receive(self, octets: bytes) -> list[LegEvent]:
        """Feed octets of the wire; what came of them, in order."""

    def send(self, octets: bytes) -> None:
        """Encrypt application data; :meth:`output` has the result.

        A leg that is not up, is broken or was shut down sends nothing.
        """

    def shutdown(self) -> None:
        """Send close_notify, once."""

    def output(self) -> bytes:
        """The octets that wait to go out."""
