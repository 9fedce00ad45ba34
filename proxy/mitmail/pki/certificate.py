"""X.509 certificates: RFC 5280 4.1."""

import base64
import binascii
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from mitmail.errors import MitmailError
from mitmail.pki import der
from mitmail.pki.extension import Extension
from mitmail.pki.key import Key
from mitmail.pki.signature import sign, signature_algorithm

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")


def random_serial(octets: int = 20) -> int:
    """A positive serial number of exactly so many octets (RFC 5280 4.1.2.2: at most 20)."""
    bits = octets * 8 - 1
    return 1 << (bits - 1) | secrets.randbits(bits - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The fields of a TBSCertificate (RFC 5280 4.1), raw where a fault may hide.

    ``subject``, ``issuer`` and ``spki`` are DER; a ``serial`` of bytes is the INTEGER's content,
    minimal or not. ``validity`` (DER) stands in for the two times, ``raw_extensions`` (the content
    of SEQUENCE OF Extension) for ``extensions``. Version 1 is left out, being the DEFAULT.
    """

    subject: bytes
    issuer: bytes
    not_before: datetime
    not_after: datetime
    spki: bytes
    serial: int | bytes = field(default_factory=random_serial)
    version: int = 3
    hash: str = "sha256"
    extensions: tuple[Extension, ...] = ()
    validity: bytes | None = None
    raw_extensions: bytes | None = None

    def tbs(self, algorithm: bytes) -> bytes:
        """The DER TBSCertificate, naming this DER AlgorithmIdentifier as its signature's."""
        serial = self.serial
        return der.sequence(
            der.context(0, der.integer(self.version - 1)) if self.version != 1 else b"",
            der.integer(serial) if isinstance(serial, int) else der.tlv(der.INTEGER, serial),
            algorithm,
            self.issuer,
            self._validity(),
            self.subject,
            self.spki,
            self._extensions(),
        )

    def _validity(self) -> bytes:
        if self.validity is not None:
            return self.validity
        return der.sequence(der.time(self.not_before), der.time(self.not_after))

    def _extensions(self) -> bytes:
        content = self.raw_extensions
        if content is None:
            content = b"".join(extension.der() for extension in self.extensions) or None
        return b"" if content is None else der.context(3, der.sequence(content))


def make(recipe: Recipe, signer: Key, *, outer_hash: str | None = None) -> bytes:
    """Sign the recipe: the DER certificate. Every certificate of mitmail is made here.

    ``outer_hash`` makes the outer signatureAlgorithm name another hash than the one that signed,
    which RFC 5280 4.1.1.2 forbids.
    """
    tbs = recipe.tbs(signature_algorithm(signer, recipe.hash))
    algorithm, signature = sign(signer, tbs, recipe.hash)
    outer = algorithm if outer_hash is None else signature_algorithm(signer, outer_hash)
    return der.sequence(tbs, outer, der.bit_string(signature))


@dataclass(frozen=True, slots=True)
class Parsed:
    """Somebody's certificate, field by field.

    ``serial`` is the INTEGER's content; ``issuer``, ``validity``, ``subject`` and ``spki`` are the
    DER as it stood there; the times are UTC; the extensions keep their order.
    """

    version: int
    serial: bytes
    issuer: bytes
    validity: bytes
    not_before: datetime
    not_after: datetime
    subject: bytes
    spki: bytes
    extensions: tuple[Extension, ...]

    def extension(self, oid: str) -> Extension | None:
        """The first extension with this OID, or None."""
        return next((found for found in self.extensions if found.oid == oid), None)


def parse(certificate: bytes) -> Parsed:
    """Take a DER certificate apart; the signature is not verified.

    Raises MitmailError on anything that is not one strict DER certificate to its last octet.
    """
    try:
        return _parse(certificate)
    except der.DerError as error:
        raise MitmailError(f"not an X.509 certificate: {error}") from error


def _parse(certificate: bytes) -> Parsed:
    outer = der.read(certificate)
    if outer.end != len(certificate):
        raise der.DerError(f"{len(certificate) - outer.end} octets behind the end")
    tbs, _, _ = _fields(outer, der.SEQUENCE, der.SEQUENCE, der.BIT_STRING)
    fields = der.children(tbs.content)
    version = _version(fields.pop(0)) if fields and fields[0].tag == 0xA0 else 1
    known, rest = fields[:6], fields[6:]
    sequences = (der.SEQUENCE,) * 5
    serial, _, issuer, validity, subject, spki = _checked(known, der.INTEGER, *sequences)
    if [element.tag for element in rest] != sorted({element.tag for element in rest}):
        raise der.DerError("fields behind the public key in disorder")
    not_before, not_after = _times(validity)
    return Parsed(
        version=version,
        serial=serial.content,
        issuer=issuer.raw,
        validity=validity.raw,
        not_before=not_before,
        not_after=not_after,
        subject=subject.raw,
        spki=spki.raw,
        extensions=tuple(each for element in rest for each in _extensions(element)),
    )


def _fields(element: der.Tlv, *tags: int) -> list[der.Tlv]:
    return _checked(der.children(der.expect(element, der.SEQUENCE).content), *tags)


def _checked(elements: list[der.Tlv], *tags: int) -> list[der.Tlv]:
    found = tuple(element.tag for element in elements)
    if found != tags:
        raise der.DerError(f"fields {_hex(found[:12])} where {_hex(tags)} are due")
    return elements


def _hex(tags: tuple[int, ...]) -> str:
    return " ".join(f"{tag:02x}" for tag in tags) or "(none)"


def _version(element: der.Tlv) -> int:
    (number,) = _checked(der.children(element.content), der.INTEGER)
    if len(number.content) != 1:
        raise der.DerError("an unheard-of version")
    return int.from_bytes(number.content, signed=True) + 1


def _times(validity: der.Tlv) -> tuple[datetime, datetime]:
    times = der.children(validity.content)
    if len(times) != 2:
        raise der.DerError("a validity without its two times")
    return der.to_datetime(times[0]), der.to_datetime(times[1])


def _extensions(element: der.Tlv) -> list[Extension]:
    if element.tag in (0x81, 0x82):  # the unique identifiers of X.509 v2
        return []
    (extensions,) = _checked(der.children(der.expect(element, 0xA3).content), der.SEQUENCE)
    return [_extension(each) for each in der.children(extensions.content)]


def _extension(element: der.Tlv) -> Extension:
    fields = der.children(der.expect(element, der.SEQUENCE).content)
    critical = b"\x00"
    if len(fields) == 3:
        critical = der.expect(fields.pop(1), der.BOOLEAN).content
    oid, value = _checked(fields, der.OBJECT_IDENTIFIER, der.OCTET_STRING)
    if critical not in (b"\x00", b"\xff"):
        raise der.DerError("a BOOLEAN that is neither 00 nor ff")
    return Extension(der.to_oid(oid), value.content, critical == b"\xff")


def sha256(certificate: bytes) -> str:
    """The fingerprint of a DER certificate, 64 lower-case hexadecimal digits."""
    return hashlib.sha256(certificate).hexdigest()


def pem(*certificates: bytes) -> bytes:
    """DER certificates as PEM, one behind the other (RFC 7468 5)."""
    return b"".join(armored(b"CERTIFICATE", certificate) for certificate in certificates)


def armored(label: bytes, octets: bytes) -> bytes:
    """Octets in the textual encoding of RFC 7468 under this label."""
    text = base64.b64encode(octets)
    lines = b"\n".join(text[i : i + 64] for i in range(0, len(text), 64))
    return b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (label, lines, label)


def from_pem(text: bytes) -> tuple[bytes, ...]:
    """The DER certificates of a PEM text, in order; raises MitmailError when it holds none."""
    try:
        found = tuple(
            base64.b64decode(b"".join(each.split()), validate=True) for each in _PEM.findall(text)
        )
    except binascii.Error as error:
        raise MitmailError(f"not a PEM certificate: {error}") from error
    if not found:
        raise MitmailError("no PEM certificate")
    return found
