"""The OpenSSL contexts of the two legs, and the verification of the server's certificate."""

import ipaddress
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import certifi
import service_identity
from cryptography import x509
from OpenSSL import SSL, crypto
from service_identity.cryptography import (
    verify_certificate_hostname,
    verify_certificate_ip_address,
)

from mitmail.engine.leg import Leg, words
from mitmail.engine.spec import Identity, Trust, Upstream
from mitmail.engine.verify_error import VERIFY_ERRORS

# What cryptography raises for a certificate that it cannot read, or one of its extensions.
UNREADABLE = (
    ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)  # fmt: skip
SNI_LIMIT = 255  # octets; TLSEXT_MAXLEN_host_name of OpenSSL
NO_ISSUER_KEY = 24  # X509_V_ERR_NO_ISSUER_PUBLIC_KEY
PARTIAL_CHAIN, NO_CHECK_TIME = 0x80000, 0x200000  # X509_V_FLAG_*, which pyOpenSSL does not name


class UnpresentableError(Exception):
    """OpenSSL cannot present this identity as it is."""


def server_context(identity: Identity) -> SSL.Context:
    """A context that presents ``identity`` and never resumes: a resumed session shows no
    certificate, and the next case would be judged by the last one's.

    Raises UnpresentableError.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    try:
        leaf, *rest = (_exactly(der) for der in identity.chain)
        context.use_certificate(leaf)
        for certificate in rest:
            context.add_extra_chain_cert(certificate)
        context.use_privatekey(identity.key)
        context.check_privatekey()  # a key of another type passes until here
    except (SSL.Error, crypto.Error, *UNREADABLE) as error:
        raise UnpresentableError(f"the certificate cannot be presented: {words(error)}") from error
    return context


def _exactly(der: bytes) -> x509.Certificate:
    # pyOpenSSL is about to drop its own X509 objects here; cryptography's parser refuses more.
    certificate = x509.load_der_x509_certificate(der)
    # OpenSSL repairs octets behind the end and lengths in a long form (measured): the client
    # would see another certificate than the record says.
    if (
        crypto.dump_certificate(crypto.FILETYPE_ASN1, crypto.X509.from_cryptography(certificate))
        != der
    ):
        raise ValueError("OpenSSL would send other octets")
    return certificate


class Verifier:
    """Verifies a server's chain, and goes on whatever it finds."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._errors: list[str] = []

    def leg(self, sni: str | None) -> Leg:
        """A leg towards the server that records every error of its chain and refuses none."""

        def prepare(connection: SSL.Connection) -> None:
            if sni and len(sni) <= SNI_LIMIT:
                connection.set_tlsext_host_name(sni.encode("ascii", "ignore"))

        return Leg(self._context(), accepting=False, prepare=prepare)

    def _context(self) -> SSL.Context:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        if self._trust.system:
            context.set_default_verify_paths()
            if sys.platform in ("win32", "darwin"):  # pyOpenSSL finds the stores of Linux only
                context.load_verify_locations(certifi.where())
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
            self._note(_word(error))
        return True

    def _note(self, word: str) -> None:
        if word not in self._errors:
            self._errors.append(word)

    def found(self, leg: Leg) -> Upstream:
        """What the server showed and what is wrong with it, its name included (RFC 9525).

        Call it after the handshake.
        """
        certificates = leg.connection.get_peer_cert_chain() or []
        chain = tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, x) for x in certificates)
        if not names(chain[0], self._trust.name):
            self._note("name-mismatch")
        return Upstream(chain, tuple(self._errors))


def names(leaf: bytes, name: str) -> bool:
    """Whether a certificate is for this host name or IP address."""
    try:
        certificate = x509.load_der_x509_certificate(leaf)
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


def faults(chain: Sequence[bytes]) -> frozenset[str]:
    """What can be seen to be wrong with a chain whatever the client trusts, its name aside.

    Words of the reason vocabulary, with ``-issuer`` behind the time of any but the leaf. A
    certificate that cannot be read is ``malformed``.
    """
    leaf_der, *issuers = chain
    found = set(_time_faults(leaf_der))
    found |= {_of_issuer(word) for der in issuers for word in _time_faults(der)}
    try:
        leaf, *rest = (crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in chain)
        store = crypto.X509Store()
        store.add_cert(rest[-1] if rest else leaf)
        store.set_flags(PARTIAL_CHAIN | NO_CHECK_TIME)
        crypto.X509StoreContext(store, leaf, rest).verify_certificate()
    except crypto.X509StoreContextError as error:
        found.add(_word(error.errors[0]))
    except (crypto.Error, ValueError):
        found.add("malformed")
    return frozenset(found)


def _time_faults(der: bytes) -> list[str]:
    now = datetime.now(UTC)
    try:
        certificate = x509.load_der_x509_certificate(der)
        expired = certificate.not_valid_after_utc < now
        future = certificate.not_valid_before_utc > now
    except UNREADABLE:
        return ["malformed"]
    return ["expired"] * expired + ["not-yet-valid"] * future


def _of_issuer(word: str) -> str:
    return word if word == "malformed" else f"{word}-issuer"


def _word(error: int) -> str:
    # 24 is left out of the table for clients of other versions; ours means a key it cannot read.
    return "malformed" if error == NO_ISSUER_KEY else VERIFY_ERRORS.get(error, "policy")
