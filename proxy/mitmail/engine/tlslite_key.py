"""A private key in the shape that tlslite-ng signs with, and the certificate that it takes it for.

tlslite reasons about the certificate that it sends (its key's type and curve). Ours may be none
at all, so it gets a stand-in that says what the key is; the octets are put in when they go out.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from mitmail.engine.certificate import UNREADABLE, load
from mitmail.engine.leg import UnpresentableError
from mitmail.engine.spec import Identity

type Algorithm = Literal["rsa", "rsa-pss", "ecdsa", "dsa", "Ed25519", "Ed448"]
type SigningKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | dsa.DSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)

ALGORITHMS: dict[type, Algorithm] = {
    rsa.RSAPrivateKey: "rsa", ec.EllipticCurvePrivateKey: "ecdsa", dsa.DSAPrivateKey: "dsa",
    ed25519.Ed25519PrivateKey: "Ed25519", ed448.Ed448PrivateKey: "Ed448",
}  # fmt: skip
RSASSA_PSS = "1.2.840.113549.1.1.10"  # RFC 4055 section 3.1
CURVES = {  # as python-ecdsa writes them, and so tlslite
    "secp192r1": "NIST192p", "secp224r1": "NIST224p", "secp256r1": "NIST256p",
    "secp384r1": "NIST384p", "secp521r1": "NIST521p", "secp256k1": "SECP256k1",
    "brainpoolP256r1": "BRAINPOOLP256r1", "brainpoolP384r1": "BRAINPOOLP384r1",
    "brainpoolP512r1": "BRAINPOOLP512r1",
}  # fmt: skip
# tlslite hashes by itself and hands over the digest: its length says by what.
HASHES: dict[int, hashes.HashAlgorithm] = {
    20: hashes.SHA1(), 28: hashes.SHA224(), 32: hashes.SHA256(), 48: hashes.SHA384(),
    64: hashes.SHA512(),
}  # fmt: skip
# Octets of a DigestInfo (RFC 8017 section 9.2, note 1).
DIGEST_INFO = {"sha512": 83, "sha384": 67, "sha256": 51, "sha224": 47, "sha1": 35}
MD5_AND_SHA1 = 36  # RSA before TLS 1.2 signs both digests, without saying which (RFC 4346 7.4.3)


@dataclass(frozen=True, slots=True)
class _Curve:
    baselen: int = 64  # tlslite shortens a digest to this many octets; OpenSSL does that itself


@dataclass(frozen=True, slots=True)
class _Inner:
    curve: _Curve = _Curve()


class ServerKey:
    """Signs for tlslite; the names are those that it calls."""

    private_key = _Inner()

    def __init__(self, key: SigningKey, algorithm: Algorithm) -> None:
        self.key_type = algorithm
        self._key = key

    def sign(
        self,
        data: bytes,
        padding: str | None = None,
        hashAlg: str | None = None,  # tlslite's word
        saltLen: int | None = None,  # tlslite's word
    ) -> bytearray:
        """Sign a digest."""
        return bytearray(self._sign(bytes(data), pss=padding == "pss"))

    def _sign(self, digest: bytes, *, pss: bool) -> bytes:
        match self._key:
            case rsa.RSAPrivateKey() as key if len(digest) == MD5_AND_SHA1:
                return _raw(key, digest)
            case rsa.RSAPrivateKey() as key:
                algorithm = HASHES[len(digest)]
                return key.sign(digest, _padding(algorithm, pss=pss), Prehashed(algorithm))
            case ec.EllipticCurvePrivateKey() as key:
                return key.sign(digest, ec.ECDSA(Prehashed(HASHES[len(digest)])))
            case dsa.DSAPrivateKey() as key:
                return key.sign(digest, Prehashed(HASHES[len(digest)]))
            case other:
                return other.sign(digest)

    def hashAndSign(self, data: bytes, *ignored: object) -> bytearray:
        """Sign a message; only EdDSA is asked to."""
        return self.sign(data)

    def verify(self, *ignored: object, **ignored_too: object) -> bool:
        """Let tlslite believe what was just signed: it may be by another key than the leaf's."""
        return True

    hashAndVerify = verify

    def decrypt(self, octets: bytes) -> bytearray | None:
        """Decrypt a premaster secret (static RSA); ``None`` for what is none."""
        assert isinstance(self._key, rsa.RSAPrivateKey)
        try:
            return bytearray(self._key.decrypt(bytes(octets), padding.PKCS1v15()))
        except ValueError:
            return None


def _padding(algorithm: hashes.HashAlgorithm, *, pss: bool) -> padding.PSS | padding.PKCS1v15:
    if not pss:
        return padding.PKCS1v15()
    return padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)


def _raw(key: rsa.RSAPrivateKey, digest: bytes) -> bytes:
    numbers = key.private_numbers()
    size = (key.key_size + 7) // 8
    padded = b"\0\1" + b"\xff" * (size - len(digest) - 3) + b"\0" + digest
    power = pow(int.from_bytes(padded), numbers.d, numbers.public_numbers.n)
    return power.to_bytes(size)


@dataclass(frozen=True, slots=True)
class _PublicKey:
    curve_name: str


class StandIn:
    """What tlslite believes the leaf to be. Without issuer and subject it asks no further."""

    issuer = subject = sigalg = None
    bytes = b""

    def __init__(self, key: SigningKey, algorithm: Algorithm) -> None:
        self.certAlg = algorithm
        curve = key.curve.name if isinstance(key, ec.EllipticCurvePrivateKey) else ""
        self.publicKey = _PublicKey(CURVES.get(curve, curve))


def signing(identity: Identity) -> tuple[SigningKey, Algorithm]:
    """The key that signs the handshake, and the algorithm that its certificate says.

    Raises UnpresentableError where the key is not the leaf's, or of a type that tlslite lacks.
    """
    key = identity.key
    if not isinstance(key, SigningKey.__value__):
        raise UnpresentableError("no TLS implementation here signs with a key of this type")
    algorithm = next(word for kind, word in ALGORITHMS.items() if isinstance(key, kind))
    if (read := _leaf(identity)) is not None:
        oid, public = read
        if public != key.public_key():
            raise UnpresentableError("the key is not the certificate's")
        algorithm = "rsa-pss" if oid == RSASSA_PSS else algorithm
    return (stranger(key) if identity.manner.wrong_key else key), algorithm


def _leaf(identity: Identity) -> tuple[str, object] | None:
    try:
        certificate = load(identity.chain[0])
        return certificate.public_key_algorithm_oid.dotted_string, certificate.public_key()
    except (IndexError, *UNREADABLE):  # then the key alone says what it is
        return None


def stranger(key: SigningKey) -> SigningKey:
    """Another key of the same kind, the same one every time: RSA takes up to seconds to make."""
    match key:
        case rsa.RSAPrivateKey():
            return _another_rsa(max(key.key_size, 1024))
        case ec.EllipticCurvePrivateKey():
            return ec.generate_private_key(key.curve)
        case dsa.DSAPrivateKey():
            return key.parameters().generate_private_key()
        case ed25519.Ed25519PrivateKey():
            return ed25519.Ed25519PrivateKey.generate()
        case _:
            return ed448.Ed448PrivateKey.generate()


@cache
def _another_rsa(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def signs_tls13(key: PrivateKeyTypes) -> bool:
    """Whether TLS 1.3 has a signature scheme for a key of this kind (RFC 8446 section 4.2.3)."""
    match key:
        case rsa.RSAPrivateKey():
            return bool(rsa_hashes(key.key_size, pss=True))
        case ec.EllipticCurvePrivateKey():
            return key.curve.name in {"secp256r1", "secp384r1", "secp521r1"}
        case _:
            return isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)


def rsa_hashes(bits: int, *, pss: bool) -> list[str]:
    """The hashes whose signature fits into a modulus of so many bits (RFC 8017 9.1.1, 9.2)."""
    if pss:
        room = (bits + 6) // 8 - 2
        return [f"sha{n}" for n in (512, 384, 256) if n // 8 * 2 <= room]
    room = (bits + 7) // 8 - 11
    return [word for word, octets in DIGEST_INFO.items() if octets <= room]
