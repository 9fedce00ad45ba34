"""Whether a stapled OCSP response says, beyond doubt, that a server's certificate is revoked."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from mitmail.engine.certificate import UNREADABLE, load

SKEW = timedelta(minutes=5)  # of two clocks


def is_revoked(response: bytes, leaf: bytes, issuers: Iterable[bytes]) -> bool:
    """Whether a DER OCSPResponse says so: about this leaf (DER), signed by its issuer or by a
    delegate of its (RFC 6960 section 4.2.2.2), and of now. What is doubtful says nothing.

    ``issuers`` are the certificates (DER) among which the leaf's issuer may be.
    """
    try:
        found = ocsp.load_der_ocsp_response(response)
        if found.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return False
        certificate = load(leaf)
        return any(
            _is_signed(found, issuer) and any(_revoke(found, certificate, issuer))
            for issuer in _issuers(certificate, issuers)
        )
    except (UnsupportedAlgorithm, *UNREADABLE):
        return False


def is_authentic(response: bytes, leaf: bytes, issuers: Iterable[bytes]) -> bool | None:
    """Whether a successful DER OCSPResponse is signed by the leaf's issuer or a delegate of its.

    None where the issuer is not among ``issuers`` (DER). Raises what reading it raises.
    """
    found = ocsp.load_der_ocsp_response(response)
    of_leaf = list(_issuers(load(leaf), issuers))
    return any(_is_signed(found, issuer) for issuer in of_leaf) if of_leaf else None


def _issuers(leaf: x509.Certificate, candidates: Iterable[bytes]) -> Iterator[x509.Certificate]:
    for der in candidates:
        try:
            issuer = load(der)
        except UNREADABLE:
            continue
        if _has_issued(issuer, leaf):
            yield issuer


def _has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _revoke(
    response: ocsp.OCSPResponse, leaf: x509.Certificate, issuer: x509.Certificate
) -> Iterator[bool]:
    now = datetime.now(UTC)
    for single in response.responses:
        until = single.next_update_utc
        yield (
            _has_been_revoked(single, now)
            and single.serial_number == leaf.serial_number
            and _names(single, issuer)
            and single.this_update_utc <= now + SKEW
            and until is not None
            and now <= until
        )


def _has_been_revoked(single: ocsp.OCSPSingleResponse, now: datetime) -> bool:
    since = single.revocation_time_utc
    revoked = single.certificate_status is ocsp.OCSPCertStatus.REVOKED
    return revoked and since is not None and since <= now + SKEW


def _names(single: ocsp.OCSPSingleResponse, issuer: x509.Certificate) -> bool:
    key = _key_bits(issuer)
    name = issuer.subject.public_bytes()
    of_name, of_key = (
        hashlib.new(single.hash_algorithm.name, octets, usedforsecurity=False).digest()
        for octets in (name, key)
    )
    return (single.issuer_name_hash, single.issuer_key_hash) == (of_name, of_key)


def _key_bits(certificate: x509.Certificate) -> bytes:
    # RFC 6960 section 4.1.1: the hash is of the BIT STRING's content, as in a key identifier.
    key = certificate.public_key()
    match key:
        case ec.EllipticCurvePublicKey():
            return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        case rsa.RSAPublicKey():
            return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            return key.public_bytes_raw()
        case _:
            raise UnsupportedAlgorithm("a key of another type")


def _is_signed(response: ocsp.OCSPResponse, issuer: x509.Certificate) -> bool:
    signers = [issuer, *_delegates(response.certificates, issuer)]
    return any(_has_signed(response, signer) for signer in signers)


def _delegates(
    enclosed: Sequence[x509.Certificate], issuer: x509.Certificate
) -> Iterator[x509.Certificate]:
    now = datetime.now(UTC)
    for certificate in enclosed:
        valid = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
        if valid and _may_respond(certificate) and _has_issued(issuer, certificate):
            yield certificate


def _may_respond(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in usage


def _has_signed(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key, signature = signer.public_key(), response.signature
    signed, digest = response.tbs_response_bytes, response.signature_hash_algorithm
    try:
        match key:
            case rsa.RSAPublicKey() if digest is not None:
                key.verify(signature, signed, padding.PKCS1v15(), digest)
            case ec.EllipticCurvePublicKey() if digest is not None:
                key.verify(signature, signed, ec.ECDSA(digest))
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
                key.verify(signature, signed)
            case _:
                return False
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
