"""Certificate revocation lists: RFC 5280 5."""

from dataclasses import dataclass
from datetime import datetime

from mitmail.pki import der
from mitmail.pki.authority import Authority
from mitmail.pki.certificate import armored
from mitmail.pki.extension import Extension, authority_key_identifier
from mitmail.pki.signature import sign, signature_algorithm
from mitmail.pki.word import choose

ENUMERATED = 0x0A
_CRL_NUMBER = "2.5.29.20"  # RFC 5280 5.2.3
_REASON_CODE = "2.5.29.21"  # RFC 5280 5.3.1

REASONS = {  # CRLReason of RFC 5280 5.3.1; 7 is not used
    "unspecified": 0,
    "keyCompromise": 1,
    "cACompromise": 2,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "certificateHold": 6,
    "removeFromCRL": 8,
    "privilegeWithdrawn": 9,
    "aACompromise": 10,
}


def crl_reason(word: str) -> bytes:
    """The DER CRLReason of the standard's word (RFC 5280 5.3.1); others raise MitmailError."""
    return der.tlv(ENUMERATED, bytes((choose(REASONS, word, "the revocation reason"),)))


@dataclass(frozen=True, slots=True)
class RevokedCertificate:
    """One entry: the content of the serial's INTEGER, minimal or not, since when, and why."""

    serial: bytes
    time: datetime
    reason: str | None = None

    def der(self) -> bytes:
        """The DER entry of revokedCertificates; raises MitmailError on an unknown reason."""
        return der.sequence(
            der.tlv(der.INTEGER, self.serial), der.time(self.time), self._extensions()
        )

    def _extensions(self) -> bytes:
        if self.reason is None:
            return b""
        return der.sequence(Extension(_REASON_CODE, crl_reason(self.reason)).der())


@dataclass(frozen=True, slots=True, kw_only=True)
class TBSCertList:
    """The fields of a version 2 list (RFC 5280 5.1.2), to be signed by ``revocation_list``.

    Issuer and authorityKeyIdentifier are what the certificate of ``issuer`` says. ``number`` None
    leaves the cRLNumber out, ``next_update`` None the nextUpdate, both of which RFC 5280 demands;
    ``extensions`` come behind them. No times are compared: a list may have ended.
    """

    issuer: Authority
    this_update: datetime
    next_update: datetime | None
    entries: tuple[RevokedCertificate, ...] = ()
    number: int | None = 1
    extensions: tuple[Extension, ...] = ()
    hash: str = "sha256"

    def der(self, algorithm: bytes) -> bytes:
        """The DER TBSCertList, naming this DER AlgorithmIdentifier as its signature's."""
        return der.sequence(
            der.integer(1),
            algorithm,
            self.issuer.subject,
            der.time(self.this_update),
            b"" if self.next_update is None else der.time(self.next_update),
            self._revoked_certificates(),
            self._extensions(),
        )

    def _revoked_certificates(self) -> bytes:
        entries = b"".join(entry.der() for entry in self.entries)
        return der.sequence(entries) if entries else b""  # never empty: RFC 5280 5.1.2.6

    def _extensions(self) -> bytes:
        extensions = [authority_key_identifier(self.issuer.key_id)]
        if self.number is not None:
            extensions.append(Extension(_CRL_NUMBER, der.integer(self.number)))
        every = (each.der() for each in (*extensions, *self.extensions))
        return der.context(0, der.sequence(*every))


def revocation_list(
    content: TBSCertList, signer: Authority | None = None, *, broken: bool = False
) -> bytes:
    """Sign the list: a DER CertificateList; without a signer its issuer signs.

    Of the signer only the key matters. ``broken`` flips a bit of the signature. Raises
    MitmailError on an unknown reason or hash, and when the issuer's certificate is unreadable.
    """
    key = (signer or content.issuer).key
    tbs = content.der(signature_algorithm(key, content.hash))
    algorithm, signature = sign(key, tbs, content.hash)
    signature = flipped(signature) if broken else signature
    return der.sequence(tbs, algorithm, der.bit_string(signature))


def flipped(signature: bytes) -> bytes:
    """The signature with its very last bit flipped: of the same shape, and wrong.

    An ECDSA signature stays the DER that it is.
    """
    return signature[:-1] + bytes((signature[-1] ^ 1,))


def pem(crl: bytes) -> bytes:
    """A DER list as PEM (RFC 7468 6)."""
    return armored(b"X509 CRL", crl)
