"""A tlslite-ng server that sends what it is told, and ends where it is told.

tlslite has no hooks for this: the methods below are its own inner ones, and called by it. What
they rely on is in its 0.8; :mod:`mitmail.engine.tlslite_leg` drives it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tlslite import extensions, messages  # type: ignore[import-untyped] # ships no types
from tlslite.constants import (  # type: ignore[import-untyped] # it ships no types
    AlertDescription,
    AlertLevel,
    CertificateStatusType,
    ContentType,
    ExtensionType,
    GroupName,
)
from tlslite.handshakesettings import CURVE_ALIASES  # type: ignore[import-untyped] # no types
from tlslite.tlsconnection import TLSConnection  # type: ignore[import-untyped] # no types
from tlslite.x509 import X509  # type: ignore[import-untyped] # it ships no types
from tlslite.x509certchain import X509CertChain  # type: ignore[import-untyped] # no types

from mitmail.engine.leg import NO_CLIENT_CERTIFICATE, Alert, Closed, Cut, LegEvent, Presented
from mitmail.engine.tlslite_key import StandIn
from mitmail.engine.tlslite_settings import TLS12, TLS13, Number, suites
from mitmail.manner import Manner

SSL3 = (3, 0)
NO_CERTIFICATE = 41  # an alert of SSL 3.0 in place of a client's Certificate (RFC 6101 5.4.2)
FFDHE = range(256, 512)  # RFC 7919 section 2
# What is none of the server's business here: the certificate is chosen already, no protocol is
# picked (nor does the OpenSSL leg), and nothing is compressed or resumed.
IGNORED = frozenset({
    ExtensionType.server_name, ExtensionType.alpn, ExtensionType.compress_certificate,
    ExtensionType.session_ticket, ExtensionType.supports_npn,
})  # fmt: skip
# RFC 8446 section 6.2; before TLS 1.3 there is no word of its own for it (RFC 5246 7.4.6).
REQUIRED = {True: AlertDescription.certificate_required, False: AlertDescription.handshake_failure}
# What is kept of a client's cipher suites besides the wanted ones: signals that are none
# (RFC 5746, RFC 7507); and what stands for an empty list, which tlslite takes for broken.
SIGNALS = frozenset({0x00FF, 0x5600})
GREASE = 0x0A0A  # RFC 8701
RECORD_LIMIT = 2**14


@dataclass(frozen=True, slots=True)
class Presentation:
    """What is sent, in which manner and versions, and what tlslite believes the leaf to be."""

    chain: tuple[bytes, ...]
    manner: Manner
    versions: tuple[Number, ...]
    leaf: StandIn


class EndedByPeerError(Exception):
    """The client sent a fatal alert."""


class TlsliteServer(TLSConnection):  # type: ignore[misc] # it ships no types
    """One server side; ``report`` hears of alerts, of the Certificate message, and of ends."""

    def __init__(
        self, socket: object, presentation: Presentation, report: Callable[[LegEvent], None]
    ) -> None:
        super().__init__(socket)
        self.closeSocket = False
        self._presentation = presentation
        self._manner = presentation.manner
        self._report = report
        self._warns = presentation.manner.unrecognized_name
        self._asked_for_status = False
        self._cut_at: int | None = None
        self._presenting = False
        self._chain = X509CertChain([_octets(der) for der in presentation.chain])

    # -- what the client sends -------------------------------------------------------------------

    def _getNextRecord(self) -> Iterator[Any]:
        for result in super()._getNextRecord():
            if result in (0, 1) or not self._is_alert(*result):
                yield result
            else:
                yield from self._hear(messages.Alert().parse(result[1]))

    def _is_alert(self, header: Any, parser: Any) -> bool:
        instead = self.version == SSL3 and parser.bytes[1:] == bytes([NO_CERTIFICATE])
        return header.type == ContentType.alert and not instead

    def _hear(self, alert: Any) -> Iterator[int]:
        # tlslite ends the connection at any alert; a warning is no end.
        mild = alert.description in {AlertDescription.close_notify, AlertDescription.user_canceled}
        fatal = alert.level == AlertLevel.fatal or (self.version >= TLS13 and not mild)
        self._report(Alert(alert.description, fatal, received=True))
        if alert.description == AlertDescription.close_notify:
            self._report(Closed())
            yield from _nothing_more()
        if fatal:
            raise EndedByPeerError(f"the client sent the alert {alert.description}")

    def _getMsg(self, *what: Any, **more: Any) -> Iterator[Any]:
        for result in super()._getMsg(*what, **more):
            if isinstance(result, messages.ClientHello):
                self._simplify(result)
            elif isinstance(result, messages.Certificate | messages.Alert):
                yield from self._judge(result)
            yield result

    def _judge(self, answer: Any) -> Iterator[int]:
        sent = isinstance(answer, messages.Certificate) and answer.cert_chain
        if not sent and self._manner.client_certificate == "required":
            code = REQUIRED[self.version >= TLS13]
            yield from self._sendError(code, NO_CLIENT_CERTIFICATE)

    def _simplify(self, hello: Any) -> None:
        """Take out of a parsed ClientHello what must not count; its octets stay in the hashes."""
        self._asked_for_status = hello.getExtension(ExtensionType.status_request) is not None
        if self._manner.ciphers:
            kept = suites(self._manner.ciphers, TLS13) | SIGNALS
            hello.cipher_suites = [x for x in hello.cipher_suites if x in kept] or [GREASE]
        ignored = set(IGNORED)
        newest = self._newest(hello)
        groups = hello.getExtension(ExtensionType.supported_groups)
        if groups is not None and groups.groups:
            groups.groups = self._groups(groups.groups, newest)
            if not groups.groups:
                ignored.add(ExtensionType.supported_groups)
        if hello.extensions is not None:
            hello.extensions = [x for x in hello.extensions if x.extType not in ignored]

    def _newest(self, hello: Any) -> Number:
        """The version that will be spoken, and TLS 1.3 gone from the offer where it will not."""
        offer = hello.getExtension(ExtensionType.supported_versions)
        if offer is None or not offer.versions:
            return TLS12
        if TLS13 in self._presentation.versions and TLS13 in offer.versions:
            return TLS13
        offer.versions = [version for version in offer.versions if version != TLS13]
        return TLS12

    def _groups(self, offered: Iterable[int], version: Number) -> list[int]:
        # With groups of RFC 7919 on offer tlslite would take one of them, or none at all.
        own = self._manner.dh_bits is not None and version < TLS13
        groups = [group for group in offered if not (own and group in FFDHE)]
        # A client may not list the curve of our key: it shall say so itself.
        curve = _curve_id(self._presentation.leaf.publicKey.curve_name)
        return [*groups, curve] if curve and curve not in groups else groups

    # -- what the client is sent -----------------------------------------------------------------

    def _sendMsg(self, msg: Any, *how: Any, **more: Any) -> Iterator[Any]:
        if isinstance(msg, messages.ServerHello):
            yield from self._before_hello(msg)
        elif isinstance(msg, messages.Certificate):
            self._fill(msg)
            if self._manner.cut is not None:
                yield from self._send_half(msg)
        limited = self._manner.record_size and msg.contentType == ContentType.handshake
        self.recordSize = self._manner.record_size if limited else RECORD_LIMIT
        yield from super()._sendMsg(msg, *how, **more)
        if isinstance(msg, messages.Alert):
            fatal = msg.level == AlertLevel.fatal
            self._report(Alert(msg.description, fatal, received=False))
        elif isinstance(msg, messages.Certificate):
            self._report(Presented())
            if self._staples():
                yield from super()._sendMsg(self._status())

    def _before_hello(self, hello: Any) -> Iterator[Any]:
        if self._warns:
            self._warns = False
            yield from self.send_warning(AlertDescription.unrecognized_name)
        if self._staples() and self.version < TLS13:
            hello.addExtension(_extension(ExtensionType.status_request, b""))

    def send_warning(self, code: int) -> Iterator[Any]:
        """Send an alert that ends nothing, or close_notify."""
        yield from self._sendMsg(messages.Alert().create(code, AlertLevel.warning))

    def _staples(self) -> bool:
        sent = self._presentation.chain
        return self._asked_for_status and self._manner.staple is not None and bool(sent)

    def _status(self) -> Any:
        return messages.CertificateStatus().create(CertificateStatusType.ocsp, self._manner.staple)

    def _fill(self, certificate: Any) -> None:
        certificate.create(self._chain, bytearray())
        if certificate.certificate_list and self.version >= TLS13 and self._staples():
            status = bytes(self._status().write())[4:]  # behind the header of a message
            staple = _extension(ExtensionType.status_request, status)
            certificate.certificate_list[0].extensions = [staple]

    def _send_half(self, certificate: Any) -> Iterator[Any]:
        octets = certificate.write()
        half = messages.Message(ContentType.handshake, octets[: len(octets) // 2])
        yield from self._sendMsgThroughSocket(half)
        self.sock.flush()
        yield from self._fall_silent()

    # TLS 1.3 collects its messages, and sends them together.

    def _queue_message(self, msg: Any) -> None:
        if isinstance(msg, messages.Certificate):
            self._presenting = True
            self._fill(msg)
            if self._manner.cut is not None:
                self._cut_at = len(self._buffer) + len(msg.write()) // 2
        super()._queue_message(msg)

    def _queue_flush(self) -> Iterator[Any]:
        if self._cut_at is not None:
            del self._buffer[self._cut_at :]
            yield from super()._queue_flush()
            self._changeReadState()  # the client's alert comes encrypted
            yield from self._fall_silent()
        yield from super()._queue_flush()
        if self._presenting:
            self._presenting = False
            self._report(Presented())

    def _fall_silent(self) -> Iterator[Any]:
        self._report(Cut())
        while True:  # alerts are heard underneath, and nothing else can change anything
            for result in self._getNextRecord():
                yield result if result in (0, 1) else 1


def _nothing_more() -> Iterator[int]:
    while True:
        yield 0


def _octets(der: bytes) -> Any:
    certificate = X509()
    certificate.bytes = bytearray(der)
    return certificate


def _extension(number: int, octets: bytes) -> Any:
    return extensions.TLSExtension(extType=number).create(number, bytearray(octets))


def _curve_id(curve: str) -> int | None:
    names = (name for name, aliases in CURVE_ALIASES.items() if curve in aliases)
    return getattr(GroupName, next(names, ""), None)
