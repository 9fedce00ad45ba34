"""Signatures over certificates, and the AlgorithmIdentifiers that name them."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa

from mitmail.errors import MitmailError
from mitmail.pki import der
from mitmail.pki.key import Key, kind_of
from mitmail.pki.word import choose

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha224": hashes.SHA224(),
    "sha1": hashes.SHA1(),
    "md5": hashes.MD5(),
    "pss-sha256": hashes.SHA256(),
}
_SALT_LENGTH = 32  # octets; RFC 8446 4.2.3 wants that of the digest
_PADDINGS: dict[str, padding.AsymmetricPadding] = {
    "pss-sha256": padding.PSS(padding.MGF1(hashes.SHA256()), _SALT_LENGTH),
}


def _pss_sha256() -> bytes:
    # The NULLs may be left out (RFC 4055 2.1), but the octets of the CA/Browser Forum's Baseline
    # Requirements 7.1.3.2.1 have them.
    sha256 = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"), der.null())
    mgf1 = der.sequence(der.oid("1.2.840.113549.1.1.8"), sha256)
    return der.sequence(
        der.context(0, sha256), der.context(1, mgf1), der.context(2, der.integer(_SALT_LENGTH))
    )


_RSA = {  # RFC 3279 2.2.1, RFC 4055 3 and 5
    "sha256": ("1.2.840.113549.1.1.11", der.null()),
    "sha384": ("1.2.840.113549.1.1.12", der.null()),
    "sha512": ("1.2.840.113549.1.1.13", der.null()),
    "sha224": ("1.2.840.113549.1.1.14", der.null()),
    "sha1": ("1.2.840.113549.1.1.5", der.null()),
    "md5": ("1.2.840.113549.1.1.4", der.null()),
    "pss-sha256": ("1.2.840.113549.1.1.10", _pss_sha256()),
}
_ECDSA = {  # RFC 3279 2.2.3, RFC 5758 3.2; nobody ever numbered ECDSA with MD5
    "sha256": ("1.2.840.10045.4.3.2", b""),
    "sha384": ("1.2.840.10045.4.3.3", b""),
    "sha512": ("1.2.840.10045.4.3.4", b""),
    "sha224": ("1.2.840.10045.4.3.1", b""),
    "sha1": ("1.2.840.10045.4.1", b""),
}
_DSA = {  # RFC 5758 3.1
    "sha256": ("2.16.840.1.101.3.4.3.2", b""),
    "sha224": ("2.16.840.1.101.3.4.3.1", b""),
}
_ED25519 = ("1.3.101.112", b"")  # RFC 8410 3
_ED448 = ("1.3.101.113", b"")  # RFC 8410 3
_MLDSA65 = ("2.16.840.1.101.3.4.3.18", b"")  # RFC 9881 2


def signature_algorithm(
    key: Key,
    hash: str = "sha256",  # noqa: A002  # the standard's word
) -> bytes:
    """The DER AlgorithmIdentifier of what ``sign`` makes; raises MitmailError on another hash."""
    algorithm, parameters = _algorithm(key, hash)
    return der.sequence(der.oid(algorithm), parameters)


def _algorithm(key: Key, word: str) -> tuple[str, bytes]:
    match key:
        case rsa.RSAPrivateKey():
            return choose(_RSA, word, "the RSA signature hash")
        case ec.EllipticCurvePrivateKey():
            return choose(_ECDSA, word, "the ECDSA hash")
        case dsa.DSAPrivateKey():
            return choose(_DSA, word, "the DSA hash")
        case ed25519.Ed25519PrivateKey():
            return _ED25519
        case ed448.Ed448PrivateKey():
            return _ED448
        case _:
            return _MLDSA65


def sign(
    key: Key,
    tbs: bytes,
    hash: str = "sha256",  # noqa: A002  # the standard's word
) -> tuple[bytes, bytes]:
    """The DER AlgorithmIdentifier and the signature over ``tbs``.

    Hashes: sha256 and sha224; for RSA and ECDSA sha384, sha512 and sha1 too; for RSA also md5 and
    pss-sha256. RSA signs with PKCS #1 v1.5, or with PSS and a salt of 32 octets (RFC 8017 8.1).
    Ed25519, Ed448 and ML-DSA bring their own and ignore the word. Raises MitmailError on another
    word, and when the key is too short for it: rsa512 has sha256, sha224, sha1 and md5.
    """
    algorithm = signature_algorithm(key, hash)
    try:
        return algorithm, _signature(key, tbs, hash)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise MitmailError(f"a key of kind {kind_of(key)} cannot sign with {hash}") from error


def _signature(key: Key, tbs: bytes, word: str) -> bytes:
    match key:
        case rsa.RSAPrivateKey():
            return key.sign(tbs, _PADDINGS.get(word, padding.PKCS1v15()), _HASHES[word])
        case ec.EllipticCurvePrivateKey():
            return key.sign(tbs, ec.ECDSA(_HASHES[word]))
        case dsa.DSAPrivateKey():
            return key.sign(tbs, _HASHES[word])
        case _:
            return key.sign(tbs)
