"""What can be seen to be wrong with a chain, whatever the client trusts."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from OpenSSL import crypto

from mitmail.engine.certificate import UNREADABLE, load
from mitmail.engine.verify_error import verify_word

PARTIAL_CHAIN, NO_CHECK_TIME = 0x80000, 0x200000  # X509_V_FLAG_*, which pyOpenSSL does not name
# Below these some client or other refuses (RFC 9325 4.2, 4.5; CA/B BR 6.1.5, 7.1.3.2): what it
# then says about the chain may be about them.
RSA_BITS, EC_BITS = 2048, 256
WEAK_HASHES = (hashes.MD5, hashes.SHA1, hashes.SHA224)


def faults(chain: Sequence[bytes], anchors: Sequence[bytes] = ()) -> frozenset[str]:
    """What can be seen to be wrong with a chain, its name aside.

    ``anchors`` are what the client is told to trust; whether it does is not asked. Words of the
    reason vocabulary, with ``-issuer`` behind the time of any but the leaf. A certificate that
    cannot be read, and a chain without any, is ``malformed``.
    """
    if not chain:
        return frozenset({"malformed"})
    leaf, *issuers = chain
    found = set(_of_one(leaf))
    found |= {_of_issuer(word) for der in (*issuers, *anchors) for word in _of_one(der)}
    return frozenset(found | set(_of_signatures(chain, anchors)))


def _of_one(der: bytes) -> Iterator[str]:
    now = datetime.now(UTC)
    try:
        certificate = load(der)
        expired = certificate.not_valid_after_utc < now
        future = certificate.not_valid_before_utc > now
        weak = _is_weak(certificate)
        # OpenSSL finds no issuer for a leaf with an extension that it cannot read (measured: 20,
        # and alert 48): what a client says of such a one is not about its issuer.
        list(certificate.extensions)
    except UNREADABLE:
        yield "malformed"
        return
    yield from ["expired"] * expired + ["not-yet-valid"] * future + ["weak"] * weak


def _is_weak(certificate: x509.Certificate) -> bool:
    try:
        return isinstance(certificate.signature_hash_algorithm, WEAK_HASHES) or _has_weak_key(
            certificate
        )
    except UnsupportedAlgorithm:  # what cryptography does not know, a client may refuse as well
        return True


def _has_weak_key(certificate: x509.Certificate) -> bool:
    match certificate.public_key():
        case rsa.RSAPublicKey() as key:
            return key.key_size < RSA_BITS or key.public_numbers().e < 65537
        case ec.EllipticCurvePublicKey() as key:
            return key.curve.key_size < EC_BITS
        case other:
            return isinstance(other, dsa.DSAPublicKey)


def _of_issuer(word: str) -> str:
    return f"{word}-issuer" if word in {"expired", "not-yet-valid"} else word


def _of_signatures(chain: Sequence[bytes], anchors: Sequence[bytes]) -> Iterator[str]:
    try:
        leaf, *rest = (crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in chain)
        store = crypto.X509Store()
        for der in anchors or chain[-1:]:
            store.add_cert(crypto.load_certificate(crypto.FILETYPE_ASN1, der))
        store.set_flags(PARTIAL_CHAIN | NO_CHECK_TIME)
        crypto.X509StoreContext(store, leaf, rest).verify_certificate()
    except crypto.X509StoreContextError as error:
        yield verify_word(error.errors[0])
    except (crypto.Error, ValueError):
        yield "malformed"
