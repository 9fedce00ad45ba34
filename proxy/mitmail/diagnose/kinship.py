"""Who signed whom: certificates, keys and signatures held against each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mitmail.diagnose.specimen import Specimen
from mitmail.pki import der
from mitmail.pki import name as names

_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha224": hashes.SHA224(),
    "sha1": hashes.SHA1(),
    "md5": hashes.MD5(),
}
# RFC 3279 2.2, RFC 4055 5, RFC 5758 3: the digest that a signature algorithm names.
_DIGESTS: Final = {
    "1.2.840.113549.1.1.4": "md5",
    "1.2.840.113549.1.1.5": "sha1",
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
    "1.2.840.113549.1.1.14": "sha224",
    "1.2.840.10045.4.1": "sha1",
    "1.2.840.10045.4.3.1": "sha224",
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
    "1.2.840.10040.4.3": "sha1",
    "2.16.840.1.101.3.4.3.1": "sha224",
    "2.16.840.1.101.3.4.3.2": "sha256",
}
RSA_PSS: Final = "1.2.840.113549.1.1.10"
# Keys that bring a digest of their own (RFC 8410 3, RFC 9881 2).
OWN_DIGEST: Final = {"1.3.101.112", "1.3.101.113", "2.16.840.1.101.3.4.3.18"}
_PSS_DIGESTS: Final = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_RSA: Final = "1.2.840.113549.1.1.1"
_EC: Final = "1.2.840.10045.2.1"
_P256: Final = "1.2.840.10045.3.1.7"
P256_OCTETS: Final = 65  # of an uncompressed point


def algorithm_oid(algorithm: bytes) -> str:
    """The OID of a DER AlgorithmIdentifier."""
    return der.to_oid(der.children(der.read(algorithm).content)[0])


def digest(algorithm: bytes) -> str | None:
    """The digest of a signature's DER AlgorithmIdentifier: ``sha256``, ``pss-sha256``, or None."""
    oid = algorithm_oid(algorithm)
    if oid == RSA_PSS:
        within = (word for each, word in _PSS_DIGESTS.items() if der.oid(each) in algorithm)
        return f"pss-{next(within, 'sha1')}"
    return _DIGESTS.get(oid)


@cache
def public_key(spki: bytes) -> Any:
    """The key of a SubjectPublicKeyInfo, also of the forms that few read; None: not readable."""
    try:
        return load_der_public_key(_plain(spki))
    except (ValueError, UnsupportedAlgorithm, der.DerError):
        return None


def _plain(spki: bytes) -> bytes:
    algorithm, bits = der.children(der.read(spki).content)
    oid, *parameters = der.children(algorithm.content)
    word = der.to_oid(oid)
    if word == RSA_PSS:
        return der.sequence(der.sequence(der.oid(_RSA), der.null()), bits.raw)
    explicit = word == _EC and parameters and parameters[0].tag == der.SEQUENCE
    if explicit and len(bits.content) - 1 == P256_OCTETS:
        return der.sequence(der.sequence(oid.raw, der.oid(_P256)), bits.raw)
    return spki


def signed_by(child: Specimen, spki: bytes) -> bool | None:
    """Whether this key signed a certificate; None: nobody here can tell."""
    if child.parsed is None:
        return False
    return holds(child.algorithm, child.signed, child.signature, spki)


def holds(algorithm: bytes, signed: bytes, signature: bytes, spki: bytes) -> bool | None:
    """Whether a signature is right for these octets and this key; None: nobody can tell."""
    key, word = public_key(spki), digest(algorithm)
    if key is None or (word is None and algorithm_oid(algorithm) not in OWN_DIGEST):
        return None
    how = _how(key, word)
    if how is None:
        return False
    try:
        key.verify(signature, signed, *how)
    except InvalidSignature:
        return False
    except (UnsupportedAlgorithm, ValueError):
        return None
    return True


def _how(key: Any, word: str | None) -> tuple[Any, ...] | None:
    """What the key's verification asks for besides, or None: it is no key for this digest."""
    if word is None:
        others = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | dsa.DSAPublicKey
        return None if isinstance(key, others) else ()
    hashed = _HASHES[word.removeprefix("pss-")]
    match key:
        case rsa.RSAPublicKey() if word.startswith("pss-"):
            return padding.PSS(padding.MGF1(hashed), padding.PSS.AUTO), hashed
        case rsa.RSAPublicKey():
            return padding.PKCS1v15(), hashed
        case ec.EllipticCurvePublicKey():
            return (ec.ECDSA(hashed),)
        case dsa.DSAPublicKey():
            return (hashed,)
        case _:
            return None


def same_name(one: bytes, other: bytes) -> bool:
    """Whether two DER Names read the same, however they are written."""
    return one == other or (names.text(one).lower() == names.text(other).lower())


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who issued a certificate: its ``index`` among those at hand, or None.

    ``proof``: ``signed`` its key did; ``named`` only the name says so, and the signature is
    broken; ``unchecked`` the same, and the signature cannot be read; ``namesake`` it is another
    one of the same name that is at hand; ``absent`` nobody of that name is.
    """

    index: int | None
    proof: str


def issuer(found: Sequence[Specimen], index: int, trusted: frozenset[int]) -> Issuer:
    """Who issued one of these certificates, judged by its signature first, then by names.

    Of several with the right key the one with the right name comes first, then the trusted one.
    """
    child = found[index]
    if child.parsed is None:
        return Issuer(None, "absent")
    wanted = child.parsed.issuer
    readable = [i for i, each in enumerate(found) if each.parsed is not None]
    proven = {i: signed_by(child, found[i].fields.spki) for i in readable}

    def named(i: int) -> bool:
        return same_name(found[i].fields.subject, wanted)

    signers = [i for i in readable if proven[i]]
    if signers:
        best = max(signers, key=lambda i: (named(i), i == index, i in trusted, _is_root(found[i])))
        return Issuer(best, "signed")
    candidates = sorted(filter(named, readable), key=lambda i: i != index)
    for i in candidates:
        if proven[i] is None:
            return Issuer(i, "unchecked")
        if i == index or _is_linked(child, found[i]):
            return Issuer(i, "named")
    return Issuer(candidates[0], "namesake") if candidates else Issuer(None, "absent")


def _is_root(one: Specimen) -> bool:
    return same_name(one.fields.subject, one.fields.issuer)


def _is_linked(child: Specimen, parent: Specimen) -> bool:
    return child.issuer_key_id is not None and child.issuer_key_id == parent.key_id
