"""Keys: made, written, read, and shown to others as a SubjectPublicKeyInfo."""

import hashlib
from collections.abc import Callable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from mitmail.errors import MitmailError
from mitmail.pki import curve, der
from mitmail.pki.word import choose

try:
    from cryptography.hazmat.primitives.asymmetric import mldsa
except ImportError:  # it came with cryptography 48
    mldsa = None  # type: ignore[assignment] # a module that may be missing

type Key = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | dsa.DSAPrivateKey
    | mldsa.MLDSA65PrivateKey
)

_F4 = 65537  # the public exponent that everybody takes


def _rsa(bits: int, exponent: int = _F4) -> Callable[[], Key]:
    return lambda: rsa.generate_private_key(public_exponent=exponent, key_size=bits)


def _rsa512() -> Key:
    # cryptography makes none below 1024 bits, but takes the numbers of one, and tests them.
    p, q = _prime256(), _prime256()
    d = rsa.rsa_recover_private_exponent(_F4, p, q)
    crt = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    public = rsa.RSAPublicNumbers(_F4, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, *crt, public).private_key()


def _prime256() -> int:
    # Here, because its import takes longer than everything else that this module needs.
    from tlslite.utils import cryptomath  # type: ignore[import-untyped] # it ships no types

    while True:  # its two top bits are set, so that the product of two has 512
        prime = int(cryptomath.getRandomPrime(256))
        if prime % _F4 != 1:  # else the exponent has no inverse
            return prime


def _ec(named: ec.EllipticCurve) -> Callable[[], Key]:
    return lambda: ec.generate_private_key(named)


def _mldsa65() -> Key:
    if mldsa is None:
        raise UnsupportedAlgorithm("ML-DSA")
    return mldsa.MLDSA65PrivateKey.generate()


_CURVES: dict[str, ec.EllipticCurve] = {
    "ec224": ec.SECP224R1(),
    "ec256": ec.SECP256R1(),
    "ec384": ec.SECP384R1(),
    "ec521": ec.SECP521R1(),
    "secp256k1": ec.SECP256K1(),
    "brainpool256": ec.BrainpoolP256R1(),
}
_KIND_OF_CURVE = {named.name: kind for kind, named in _CURVES.items()}

KINDS: dict[str, Callable[[], Key]] = {
    "rsa512": _rsa512,
    "rsa1024": _rsa(1024),
    "rsa2047": _rsa(2047),
    "rsa2048": _rsa(2048),
    "rsa2048-e3": _rsa(2048, 3),
    "rsa3072": _rsa(3072),
    "rsa4096": _rsa(4096),
    "rsa8192": _rsa(8192),
    **{kind: _ec(named) for kind, named in _CURVES.items()},
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
    "dsa2048": lambda: dsa.generate_private_key(2048),
    "mldsa65": _mldsa65,
}


def generate(kind: str) -> Key:
    """Make a key of one of ``KINDS``.

    RSA of 2048 bits and DSA take 20-500 ms, rsa8192 takes seconds, the others nothing. Raises
    MitmailError on another word, and for a kind that the installed cryptography does not have
    (mldsa65 before version 48).
    """
    make = choose(KINDS, kind, "the key kind")
    try:
        return make()
    except UnsupportedAlgorithm as error:
        raise MitmailError(
            f"the key kind {kind!r} is not in this version of cryptography; "
            "its wheels from 48 on have it"
        ) from error


def kind_of(key: Key) -> str:
    """The word of ``KINDS`` for this key; a key of no such kind gets a word of the same make."""
    match key:
        case rsa.RSAPrivateKey():
            exponent = key.public_key().public_numbers().e
            return f"rsa{key.key_size}" + (f"-e{exponent}" if exponent != _F4 else "")
        case ec.EllipticCurvePrivateKey():
            return _KIND_OF_CURVE.get(key.curve.name, key.curve.name)
        case dsa.DSAPrivateKey():
            return f"dsa{key.key_size}"
        case ed25519.Ed25519PrivateKey():
            return "ed25519"
        case ed448.Ed448PrivateKey():
            return "ed448"
        case _:
            return "mldsa65"


_RSASSA_PSS = "1.2.840.113549.1.1.10"  # RFC 4055 1.2
_EC_PUBLIC_KEY = "1.2.840.10045.2.1"  # RFC 5480 2.1.1


def _plain(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _bits(key: Key) -> der.Tlv:
    _, bits = der.children(der.read(_plain(key)).content)
    return bits


def _pss(key: Key) -> bytes:
    if not isinstance(key, rsa.RSAPrivateKey):
        raise MitmailError(f"the public key form 'pss' is for RSA keys, not for {kind_of(key)}")
    return der.sequence(der.sequence(der.oid(_RSASSA_PSS)), _bits(key).raw)


def _explicit(key: Key) -> bytes:
    if kind_of(key) != "ec256":
        raise MitmailError(f"the public key form 'explicit' is for ec256, not for {kind_of(key)}")
    algorithm = der.sequence(der.oid(_EC_PUBLIC_KEY), curve.P256.explicit_parameters())
    return der.sequence(algorithm, _bits(key).raw)


FORMS: dict[str, Callable[[Key], bytes]] = {"plain": _plain, "pss": _pss, "explicit": _explicit}


def spki(key: Key, form: str = "plain") -> bytes:
    """The DER SubjectPublicKeyInfo of the public half.

    ``form`` is ``plain``; ``pss`` for an RSA key that may only make PSS signatures (RFC 4055 1.2:
    id-RSASSA-PSS, no parameters); or ``explicit`` for an ec256 key that spells its curve out (RFC
    3279 2.3.5; RFC 5480 2.1.1 forbids it). Raises MitmailError on another form or kind of key.
    """
    return choose(FORMS, form, "the public key form")(key)


def key_id(key: Key) -> bytes:
    """20 octets: SHA-1 of the public key's bits (RFC 5280 4.2.1.2, method 1), in every form."""
    return hashlib.sha1(_bits(key).content[1:], usedforsecurity=False).digest()


def pem(key: Key) -> bytes:
    """The private key as PEM, PKCS #8, not encrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


_TYPES = (
    rsa.RSAPrivateKey,
    ec.EllipticCurvePrivateKey,
    ed25519.Ed25519PrivateKey,
    ed448.Ed448PrivateKey,
    dsa.DSAPrivateKey,
    *(() if mldsa is None else (mldsa.MLDSA65PrivateKey,)),
)


def load(pem: bytes) -> Key:
    """The key of a PEM text that mitmail wrote.

    An RSA key's numbers must agree, but its primes are believed to be primes: not for keys of
    others. Raises MitmailError on anything that is no such key, also on an encrypted one.
    """
    try:
        # Testing the primes again takes 30 ms at 2048 bits and 3 s at 8192 (measured). They come
        # from a 0600 file of our own, so what may have befallen them is damage, not malice.
        key = load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise MitmailError(
            "not a PEM private key without a password that this version of cryptography reads"
        ) from error
    if not isinstance(key, _TYPES):
        raise MitmailError(f"not a key that signs certificates here; kinds: {', '.join(KINDS)}")
    if isinstance(key, rsa.RSAPrivateKey) and not _agree(key.private_numbers()):
        raise MitmailError("a damaged RSA key: its numbers contradict each other")
    return key


def _agree(key: rsa.RSAPrivateNumbers) -> bool:
    p, q, d, public = key.p, key.q, key.d, key.public_numbers
    return (
        min(p, q) > 1
        and p * q == public.n
        and (public.e * d - 1) % (p - 1) == (public.e * d - 1) % (q - 1) == 0
        and (key.dmp1, key.dmq1) == (d % (p - 1), d % (q - 1))
        and key.iqmp * q % p == 1
    )
