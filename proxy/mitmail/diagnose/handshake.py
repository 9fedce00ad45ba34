"""A TLS handshake with a server, without a socket: whatever it shows is taken, nothing refused."""

from OpenSSL import SSL, crypto

from mitmail.engine import leg
from mitmail.engine.openssl_leg import OpenSslLeg


class Handshake:
    """Feed it the server's octets; it tells what to send.

    ``said`` is what the server has said behind TLS; ``failed`` is what OpenSSL has against it,
    ``alert`` the fatal alert that the server sent, ``closed`` its close_notify.
    """

    def __init__(self, tls: OpenSslLeg) -> None:
        self.said = b""
        self.failed: str | None = None
        self.alert: int | None = None
        self.closed = False
        self._leg = tls

    @property
    def done(self) -> bool:
        """Whether TLS is up."""
        return self._leg.up

    @property
    def over(self) -> bool:
        """Whether nothing more can come."""
        return self.closed or self.failed is not None or self.alert is not None

    @property
    def version(self) -> str:
        """The negotiated version, as OpenSSL writes it."""
        return self._leg.version if self.done else ""

    @property
    def cipher(self) -> str:
        """The negotiated cipher suite, as OpenSSL writes it."""
        return (self._leg.cipher or "") if self.done else ""

    @property
    def chain(self) -> tuple[bytes, ...]:
        """The certificates (DER) as they came, also where the handshake failed behind them.

        Of each one OpenSSL writes the outermost length anew, whatever it was written like.
        """
        certificates = self._leg.connection.get_peer_cert_chain() or []
        return tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, x) for x in certificates)

    def start(self) -> bytes:
        """Begin: the ClientHello."""
        return self._after(self._leg.start())

    def receive(self, octets: bytes) -> bytes:
        """Take octets of the wire; what to send."""
        return self._after(self._leg.receive(octets))

    def say(self, octets: bytes) -> bytes:
        """Encrypt octets; what to send."""
        self._leg.send(octets)
        return self._leg.output()

    def shut(self) -> bytes:
        """End with close_notify; what to send."""
        self._leg.shutdown()
        return self._leg.output()

    def _after(self, events: list[leg.LegEvent]) -> bytes:
        for event in events:
            match event:
                case leg.Plaintext(octets):
                    self.said += octets
                case leg.Alert(code, fatal, received) if received and fatal:
                    self.alert = code
                case leg.Closed():
                    self.closed = True
                case leg.Failed(words):
                    self.failed = words
                case _:
                    pass
        return self._leg.output()


def anonymous() -> OpenSslLeg:
    """A leg that offers only suites without any certificate (RFC 5246 appendix F.1.1.1)."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(b"aNULL:@SECLEVEL=0")
    return OpenSslLeg(context, accepting=False)
