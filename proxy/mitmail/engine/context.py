"""The OpenSSL contexts of the two legs, and the verification of the server's certificate."""

import ipaddress
from datetime import UTC, datetime

import service_identity
from cryptography import x509
from OpenSSL import SSL, crypto
from service_identity.cryptography import (
    verify_certificate_hostname,
    verify_certificate_ip_address,
)

from mitmail.engine.spec import Identity, Trust
from mitmail.engine.verdict import Validity

# X509_V_ERR_* of OpenSSL's x509_vfy.h, in the words of the reason vocabulary.
VERIFY_ERRORS = {
    2: "unknown-issuer", 7: "bad-signature", 9: "not-yet-valid", 10: "expired",
    13: "malformed", 14: "malformed", 18: "self-signed", 19: "unknown-issuer",
    20: "unknown-issuer", 21: "unknown-issuer", 22: "limit", 23: "revoked", 24: "constraint",
    25: "constraint", 26: "usage", 47: "constraint", 48: "constraint", 66: "weak", 67: "weak",
    68: "weak", 79: "constraint",
}  # fmt: skip


def server_context(identity: Identity) -> SSL.Context:
    """A context that presents ``identity`` and never resumes: a resumed session shows no
    certificate, and the next case would be judged by the last one's.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    leaf, *rest = (crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in identity.chain)
    context.use_certificate(leaf)
    for certificate in rest:
        context.add_extra_chain_cert(certificate)
    context.use_privatekey(identity.key)
    return context


class Verifier:
    """Verifies a server's chain, and goes on whatever it finds."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._errors: list[str] = []

    def context(self) -> SSL.Context:
        """A client context that records every error of the chain and refuses none."""
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        if self._trust.system:
            context.set_default_verify_paths()
        store = context.get_cert_store()
        assert store is not None
        for der in self._trust.roots:
            store.add_cert(crypto.load_certificate(crypto.FILETYPE_ASN1, der))
        context.set_verify(SSL.VERIFY_PEER, self._on_certificate)
        return context

    def _on_certificate(
        self, connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int
    ) -> bool:
        if not ok:
            self._note(VERIFY_ERRORS.get(error, f"verify-error-{error}"))
        return True

    def _note(self, word: str) -> None:
        if word not in self._errors:
            self._errors.append(word)

    def errors(self, leaf: bytes) -> tuple[str, ...]:
        """What is wrong, the name included (RFC 9525); call it after the handshake."""
        if not names(leaf, self._trust.name):
            self._note("name-mismatch")
        return tuple(self._errors)


def names(leaf: bytes, name: str) -> bool:
    """Whether a certificate is for this host name or IP address."""
    try:
        certificate = x509.load_der_x509_certificate(leaf)
        if _is_address(name):
            verify_certificate_ip_address(certificate, name)
        else:
            verify_certificate_hostname(certificate, name)
    except (service_identity.VerificationError, service_identity.CertificateError, ValueError):
        return False
    return True


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def validity(der: bytes) -> Validity:
    """notBefore and notAfter; of a certificate that cannot be read, a span that proves nothing."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        return certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except ValueError:
        return datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
