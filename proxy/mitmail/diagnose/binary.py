"""What DER octets are: a certificate, or one of the things that people send in its place."""

import warnings
from collections.abc import Callable, Iterator
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from mitmail.engine.certificate import UNREADABLE
from mitmail.errors import MitmailError
from mitmail.pki import der

SIGNED_DATA: Final = "1.2.840.113549.1.7.2"  # RFC 5652 section 5.1
PFX_VERSION: Final = b"\x03"  # RFC 7292 section 4
CERTIFICATE_FIELDS: Final = [der.SEQUENCE, der.SEQUENCE, der.BIT_STRING]  # RFC 5280 section 4.1

PRIVATE_KEY: Final = (
    "this is a private key. It was neither kept nor shown. Whoever has seen this text can pose as "
    "the server: treat the key as compromised, have its certificate revoked and replaced, and "
    "send the certificates alone"
)
REQUEST: Final = (
    "a certificate signing request, not a certificate: send what the authority answered to it"
)
REVOCATION_LIST: Final = "a list of revoked certificates (CRL), not a certificate"
PUBLIC_KEY: Final = "a bare public key, without a certificate around it"
PKCS12: Final = (
    "a PKCS#12 file (.p12, .pfx), which may hold a private key: do not send it around; take the "
    "certificates out with: openssl pkcs12 -in FILE -nokeys"
)
UNKNOWN: Final = "not a certificate"


def certificates(octets: bytes) -> tuple[bytes, ...]:
    """The certificates of DER octets: one, several in a row, or those of a PKCS#7 bundle.

    A certificate may be broken inside, but not in its outermost frame. Raises MitmailError that
    says what the octets are instead; a private key is never quoted.
    """
    found: list[bytes] = []
    try:
        while octets.strip(b"\r\n\0") or not found:
            element = der.read(octets)
            found += _taken(element)
            octets = octets[element.end :]
    except der.DerError:
        if not found:
            raise MitmailError(_instead(octets)) from None
        raise MitmailError(f"{len(found)} certificates, and octets that are none") from None
    return tuple(found)


def _taken(element: der.Tlv) -> Iterator[bytes]:
    fields = der.children(der.expect(element, der.SEQUENCE).content)
    if fields and fields[0].tag == der.OBJECT_IDENTIFIER and der.to_oid(fields[0]) == SIGNED_DATA:
        yield from _bundled(element.raw)
    elif [one.tag for one in fields] == CERTIFICATE_FIELDS and _other(element.raw) is None:
        yield element.raw
    else:
        raise MitmailError(_instead(element.raw))


def _bundled(octets: bytes) -> tuple[bytes, ...]:
    try:
        with warnings.catch_warnings():
            # Of bundles whose certificates are not in the order of DER: that of most.
            warnings.simplefilter("ignore", UserWarning)
            bundle = pkcs7.load_der_pkcs7_certificates(octets)
    except (UnsupportedAlgorithm, ValueError):
        raise MitmailError("a PKCS#7 bundle that cannot be read") from None
    if not bundle:
        raise MitmailError("a PKCS#7 bundle without certificates")
    return tuple(one.public_bytes(serialization.Encoding.DER) for one in bundle)


def _instead(octets: bytes) -> str:
    return _other(octets) or UNKNOWN


def _other(octets: bytes) -> str | None:
    if is_private_key(octets):
        return PRIVATE_KEY
    if _is(x509.load_der_x509_csr, octets):
        return REQUEST
    if _is(x509.load_der_x509_crl, octets):
        return REVOCATION_LIST
    if _is(serialization.load_der_public_key, octets):
        return PUBLIC_KEY
    return PKCS12 if _is_pkcs12(octets) else None


def is_framed(octets: bytes) -> bool:
    """Whether octets are one SEQUENCE from the first to the last, as all these things are."""
    try:
        return der.expect(der.read(octets), der.SEQUENCE).end == len(octets)
    except der.DerError:
        return False


def is_private_key(octets: bytes) -> bool:
    """Whether DER octets are a private key in any usual form, encrypted or not."""
    try:
        serialization.load_der_private_key(octets, None)
    except TypeError:  # it is encrypted
        return True
    except (UnsupportedAlgorithm, *UNREADABLE):
        return _has_frame_of_a_key(octets)
    return True


def _has_frame_of_a_key(octets: bytes) -> bool:
    # RFC 8017 A.1.2, RFC 5915 3, RFC 5958 2: what the library cannot read is a key all the same.
    try:
        tags = [x.tag for x in der.children(der.expect(der.read(octets), der.SEQUENCE).content)]
    except der.DerError:
        return False
    rsa = len(tags) >= 9 and set(tags) == {der.INTEGER}
    ec = tags[:2] == [der.INTEGER, der.OCTET_STRING]
    pkcs8 = tags[:3] == [der.INTEGER, der.SEQUENCE, der.OCTET_STRING]
    encrypted = tags == [der.SEQUENCE, der.OCTET_STRING]
    return rsa or ec or pkcs8 or encrypted


def _is(read: Callable[[bytes], object], octets: bytes) -> bool:
    try:
        read(octets)
    except (UnsupportedAlgorithm, *UNREADABLE):
        return False
    return True


def _is_pkcs12(octets: bytes) -> bool:
    try:
        fields = der.children(der.expect(der.read(octets), der.SEQUENCE).content)
    except der.DerError:
        return False
    return bool(fields) and (fields[0].tag, fields[0].content) == (der.INTEGER, PFX_VERSION)
