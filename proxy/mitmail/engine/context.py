"""The leg towards the server, and the verification of its certificate."""

import ipaddress
import sys

import certifi
import service_identity
from OpenSSL import SSL, crypto
from service_identity.cryptography import (
    verify_certificate_hostname,
    verify_certificate_ip_address,
)

from mitmail.engine.certificate import UNREADABLE, load
from mitmail.engine.fault import faults
from mitmail.engine.openssl_client import asks_status, client_context, is_weakened
from mitmail.engine.openssl_leg import OpenSslLeg
from mitmail.engine.revocation import is_revoked
from mitmail.engine.spec import Trust, Upstream
from mitmail.engine.verify_error import verify_word
from mitmail.hello import OWN, Hello
from mitmail.wire.clienthello import ClientHello

SNI_LIMIT = 255  # octets; TLSEXT_MAXLEN_host_name of OpenSSL


class Verifier:
    """Verifies a server's chain, and goes on whatever it finds; ``hello`` is how it is greeted."""

    def __init__(self, trust: Trust, hello: Hello = OWN) -> None:
        self._trust = trust
        self._hello = hello
        self._errors: list[str] = []
        self._leg: OpenSslLeg | None = None
        self._staple = b""
        self._weakened = False

    def leg(self, sni: str | None, client: ClientHello | None = None) -> OpenSslLeg:
        """A leg towards the server that records every error of its chain and refuses none.

        ``client`` is the hello that may be mirrored.
        """

        def prepare(connection: SSL.Connection) -> None:
            if sni and len(sni) <= SNI_LIMIT:
                connection.set_tlsext_host_name(sni.encode("ascii", "ignore"))
            if asks_status(self._hello, client):
                connection.request_ocsp()

        self._weakened = is_weakened(self._hello, client)
        context = client_context(self._hello, client)
        self._set_trust(context)
        self._leg = OpenSslLeg(context, accepting=False, prepare=prepare)
        return self._leg

    @property
    def staple(self) -> bytes:
        """The OCSP response (DER) that the server stapled, if it was asked for one."""
        return self._staple

    def _set_trust(self, context: SSL.Context) -> None:
        if self._trust.system:
            context.set_default_verify_paths()
            if sys.platform in ("win32", "darwin"):  # pyOpenSSL finds the stores of Linux only
                context.load_verify_locations(certifi.where())
        store = context.get_cert_store()
        assert store is not None
        for der in self._trust.roots:
            store.add_cert(crypto.load_certificate(crypto.FILETYPE_ASN1, der))
        context.set_verify(SSL.VERIFY_PEER, self._on_certificate)
        context.set_ocsp_client_callback(self._on_staple)

    def _on_staple(self, connection: SSL.Connection, response: bytes, data: object) -> bool:
        self._staple = response
        return True

    def _on_certificate(
        self, connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int
    ) -> bool:
        if not ok:
            self._note(verify_word(error))
        return True

    def _note(self, word: str) -> None:
        if word not in self._errors:
            self._errors.append(word)

    def found(self) -> Upstream:
        """What the server showed and what is wrong with it, its name included (RFC 9525).

        Call it after the handshake.
        """
        assert self._leg is not None
        certificates = self._leg.connection.get_peer_cert_chain() or []
        chain = tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, x) for x in certificates)
        if not names(chain[0], self._trust.name):
            self._note("name-mismatch")
        if self._weakened and "weak" in faults(chain):  # OpenSSL did not look for that
            self._note("weak")
        issuers = (*chain[1:], *self._trust.roots)
        if self._hello.asks_status and is_revoked(self._staple, chain[0], issuers):
            self._note("revoked")
        alpn = self._leg.connection.get_alpn_proto_negotiated()
        return Upstream(chain, tuple(self._errors), alpn or None)


def names(leaf: bytes, name: str) -> bool:
    """Whether a certificate is for this host name or IP address."""
    try:
        certificate = load(leaf)
        if is_address(name):
            verify_certificate_ip_address(certificate, name)
        else:
            a_labels = name if name.isascii() else name.encode("idna").decode()
            verify_certificate_hostname(certificate, a_labels)
    except (service_identity.VerificationError, service_identity.CertificateError, *UNREADABLE):
        return False
    return True


def is_address(name: str) -> bool:
    """Whether a name is an IP address, of either family."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
