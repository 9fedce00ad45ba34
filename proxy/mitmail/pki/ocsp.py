"""OCSP responses: RFC 6960 4.2."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from mitmail.errors import MitmailError
from mitmail.pki import der, extension
from mitmail.pki.authority import Authority
from mitmail.pki.certificate import Parsed, parse
from mitmail.pki.crl import ENUMERATED, crl_reason, flipped
from mitmail.pki.extension import Extension
from mitmail.pki.key import Key, key_id
from mitmail.pki.signature import sign
from mitmail.pki.word import choose

_SHA1 = "1.3.14.3.2.26"
_BASIC = "1.3.6.1.5.5.7.48.1.1"  # id-pkix-ocsp-basic, RFC 6960 4.2.1
_NO_CHECK = "1.3.6.1.5.5.7.48.1.5"  # id-pkix-ocsp-nocheck, RFC 6960 4.2.2.2.1

_SUCCESSFUL = 0
UNSUCCESSFUL = {  # OCSPResponseStatus of RFC 6960 4.2.1; 4 is not used
    "malformedRequest": 1,
    "internalError": 2,
    "tryLater": 3,
    "sigRequired": 5,
    "unauthorized": 6,
}
_STATUSES = {
    "good": der.context(0, b"", constructed=False),
    "unknown": der.context(2, b"", constructed=False),
}
_RESPONDER_IDS: dict[str, Callable[[Parsed], bytes]] = {
    "name": lambda responder: der.context(1, responder.subject),
    "key": lambda responder: der.context(2, der.octet_string(_key_hash(responder))),
}


@dataclass(frozen=True, slots=True)
class RevokedInfo:
    """Since when a certificate is revoked, and why, by a word of ``crl.REASONS``."""

    time: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseData:
    """What a response says of one certificate (RFC 6960 4.2.1), to be signed by ``respond``.

    The certificate is named by its ``issuer`` (SHA-1 of name and key, both as the issuer's
    certificate has them) and ``serial``, the content of the INTEGER, minimal or not.
    ``produced_at`` None means ``this_update``; ``next_update`` None leaves that field out. No
    times are compared. ``extensions`` are the responseExtensions; there is no nonce among them.

    A ``responder_id`` by key asks for the signer's certificate to be enclosed when the signer is
    the root: GnuTLS looks for its trust anchors by name only (measured with 3.7.9, which calls a
    good staple invalid otherwise).
    """

    issuer: Authority
    serial: bytes
    status: Literal["good", "unknown"] | RevokedInfo = "good"
    this_update: datetime
    next_update: datetime | None = None
    produced_at: datetime | None = None
    responder_id: Literal["name", "key"] = "name"
    extensions: tuple[Extension, ...] = ()
    hash: str = "sha256"

    def der(self, responder: Parsed) -> bytes:
        """The DER ResponseData of this responder."""
        responder_id = choose(_RESPONDER_IDS, self.responder_id, "the responder ID")
        extensions = b"".join(each.der() for each in self.extensions)
        return der.sequence(
            responder_id(responder),
            _time(self.this_update if self.produced_at is None else self.produced_at),
            der.sequence(self._single_response()),
            der.context(1, der.sequence(extensions)) if extensions else b"",
        )

    def _single_response(self) -> bytes:
        next_update = b"" if self.next_update is None else _time(self.next_update)
        return der.sequence(
            self._cert_id(),
            _status(self.status),
            _time(self.this_update),
            der.context(0, next_update) if next_update else b"",
        )

    def _cert_id(self) -> bytes:
        issuer = parse(self.issuer.certificate)
        return der.sequence(
            der.sequence(der.oid(_SHA1), der.null()),
            der.octet_string(_sha1(issuer.subject)),
            der.octet_string(_key_hash(issuer)),
            der.tlv(der.INTEGER, self.serial),
        )


def respond(
    data: ResponseData,
    signer: Authority | None = None,
    *,
    certificates: Sequence[bytes] = (),
    broken: bool = False,
) -> bytes:
    """Sign the data: a DER OCSPResponse, fit for stapling; without a signer the issuer signs.

    The ResponderID is what the signer's certificate says; the signature is its key's. The DER
    ``certificates`` are enclosed as they are, and ``broken`` flips a bit of the signature. Raises
    MitmailError on an unknown word, and when issuer or signer has an unreadable certificate.
    """
    signer = signer or data.issuer
    tbs = data.der(parse(signer.certificate))
    algorithm, signature = sign(signer.key, tbs, data.hash)
    signature = flipped(signature) if broken else signature
    enclosed = der.context(0, der.sequence(*certificates)) if certificates else b""
    basic = der.sequence(tbs, algorithm, der.bit_string(signature), enclosed)
    return _response(_SUCCESSFUL, der.sequence(der.oid(_BASIC), der.octet_string(basic)))


def unsuccessful(status: str) -> bytes:
    """The DER OCSPResponse of a responder that does not answer, unsigned (RFC 6960 2.3).

    ``status`` is malformedRequest, internalError, tryLater, sigRequired or unauthorized; any
    other raises MitmailError.
    """
    return _response(choose(UNSUCCESSFUL, status, "the OCSP response status"))


def delegate(
    issuer: Authority,
    subject: bytes,
    key: Key,
    not_before: datetime,
    not_after: datetime,
    *,
    purposes: Sequence[str] = ("OCSPSigning",),
) -> Authority:
    """A responder that the issuer delegates to, as a signer (RFC 6960 4.2.2.2).

    Its certificate has to be enclosed in the response. Without OCSPSigning among the ``purposes``
    it has no say; no purposes, no extendedKeyUsage.
    """
    extensions = (
        extension.key_usage("digitalSignature"),
        *([extension.extended_key_usage(*purposes)] if purposes else []),
        extension.subject_key_identifier(key_id(key)),
        extension.authority_key_identifier(issuer.key_id),
        Extension(_NO_CHECK, der.null()),
    )
    return Authority(issuer.sign(subject, key, not_before, not_after, extensions), key)


def _response(status: int, content: bytes = b"") -> bytes:
    response_bytes = der.context(0, content) if content else b""
    return der.sequence(der.tlv(ENUMERATED, bytes((status,))), response_bytes)


def _status(status: str | RevokedInfo) -> bytes:
    if not isinstance(status, RevokedInfo):
        return choose(_STATUSES, status, "the certificate status")
    reason = b"" if status.reason is None else der.context(0, crl_reason(status.reason))
    return der.context(1, _time(status.time) + reason)


def _time(moment: datetime) -> bytes:
    if moment.tzinfo is None:
        raise ValueError(f"a time without a time zone: {moment}")
    moment = moment.astimezone(UTC)
    text = f"{moment.year:04}{moment:%m%d%H%M%S}Z"
    return der.tlv(der.GENERALIZED_TIME, text.encode())


def _key_hash(certificate: Parsed) -> bytes:
    try:
        _, public_key = der.children(der.read(certificate.spki).content)
    except ValueError as error:
        raise MitmailError("a public key without its bits has no SHA-1 to name it") from error
    return _sha1(public_key.content[1:])


def _sha1(octets: bytes) -> bytes:
    return hashlib.sha1(octets, usedforsecurity=False).digest()
