"""Keys: made, kept, and put to signing."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from mitmail.errors import MitmailError
from mitmail.pki import der, file
from mitmail.pki.word import choose

type Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def _rsa(bits: int) -> Callable[[], Key]:
    return lambda: rsa.generate_private_key(public_exponent=65537, key_size=bits)


KINDS: dict[str, Callable[[], Key]] = {
    "rsa2048": _rsa(2048),
    "rsa3072": _rsa(3072),
    "rsa4096": _rsa(4096),
    "ec256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ec384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha1": hashes.SHA1(),
    "md5": hashes.MD5(),
}
_RSA_SIGNATURES = {  # RFC 3279 2.2.1, RFC 4055 5
    "sha256": "1.2.840.113549.1.1.11",
    "sha384": "1.2.840.113549.1.1.12",
    "sha512": "1.2.840.113549.1.1.13",
    "sha1": "1.2.840.113549.1.1.5",
    "md5": "1.2.840.113549.1.1.4",
}
_ECDSA_SIGNATURES = {  # RFC 3279 2.2.3, RFC 5758 3.2; nobody ever numbered ECDSA with MD5
    "sha256": "1.2.840.10045.4.3.2",
    "sha384": "1.2.840.10045.4.3.3",
    "sha512": "1.2.840.10045.4.3.4",
    "sha1": "1.2.840.10045.4.1",
}
_ED25519 = "1.3.101.112"  # RFC 8410 3


def generate(kind: str) -> Key:
    """Make a key: rsa2048, rsa3072, rsa4096, ec256, ec384 or ed25519.

    RSA takes 20-250 ms (2048 bits), the others nothing. Raises MitmailError on another word.
    """
    return choose(KINDS, kind, "the key kind")()


def spki(key: Key) -> bytes:
    """The DER SubjectPublicKeyInfo of the public half."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_id(key: Key) -> bytes:
    """20 octets: SHA-1 of the public key's bits (RFC 5280 4.2.1.2, method 1)."""
    _, public_key = der.children(der.read(spki(key)).content)
    return hashlib.sha1(public_key.content[1:], usedforsecurity=False).digest()


def signature_algorithm(
    key: Key,
    hash: str = "sha256",  # noqa: A002  # the standard's word
) -> bytes:
    """The DER AlgorithmIdentifier of what ``sign`` makes; raises MitmailError on another hash."""
    match key:
        case ed25519.Ed25519PrivateKey():
            return der.sequence(der.oid(_ED25519))
        case rsa.RSAPrivateKey():
            algorithm = choose(_RSA_SIGNATURES, hash, "the RSA signature hash")
            return der.sequence(der.oid(algorithm), der.null())
        case _:
            return der.sequence(der.oid(choose(_ECDSA_SIGNATURES, hash, "the ECDSA hash")))


def sign(
    key: Key,
    tbs: bytes,
    hash: str = "sha256",  # noqa: A002  # the standard's word
) -> tuple[bytes, bytes]:
    """The DER AlgorithmIdentifier and the signature over ``tbs``.

    RSA signs with PKCS #1 v1.5. Hashes: sha256 sha384 sha512 sha1, and md5 for RSA only; Ed25519
    brings its own and ignores the word. Raises MitmailError on another word.
    """
    algorithm = signature_algorithm(key, hash)
    match key:
        case ed25519.Ed25519PrivateKey():
            return algorithm, key.sign(tbs)
        case rsa.RSAPrivateKey():
            return algorithm, key.sign(tbs, padding.PKCS1v15(), _HASHES[hash])
        case _:
            return algorithm, key.sign(tbs, ec.ECDSA(_HASHES[hash]))


def pem(key: Key) -> bytes:
    """The private key as PEM, PKCS #8, not encrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load(pem: bytes) -> Key:
    """The key of a PEM text; raises MitmailError on anything else, also on an encrypted key."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise MitmailError("not a PEM private key without a password") from error
    if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        return key
    raise MitmailError("not an RSA, ECDSA or Ed25519 key")


def _kind(key: Key) -> str:
    match key:
        case rsa.RSAPrivateKey():
            return f"rsa{key.key_size}"
        case ec.EllipticCurvePrivateKey():
            return f"ec{key.curve.key_size}"
        case _:
            return "ed25519"


class KeyPool:
    """Keys by slot: the same kind and slot give the same key, made when first asked for.

    With a folder (made 0700) they stay there as 0600 PEM files, the same for every process;
    without one they live as long as the pool.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._keys: dict[tuple[str, str], Key] = {}

    def get(self, kind: str, slot: str) -> Key:
        """The slot's key of this kind.

        Raises MitmailError on an unknown kind, a damaged key file or an unwritable folder.
        """
        choose(KINDS, kind, "the key kind")
        known = self._keys.get((kind, slot))
        if known is None:
            path = self._path(kind, slot)
            made = generate(kind) if path is None else _kept(path, kind)
            known = self._keys.setdefault((kind, slot), made)
        return known

    def remove(self, slot: str) -> None:
        """Forget the slot's keys of every kind, and delete their files."""
        for kind in KINDS:
            self._keys.pop((kind, slot), None)
            if path := self._path(kind, slot):
                file.remove(path)

    def _path(self, kind: str, slot: str) -> Path | None:
        return self._folder and self._folder / f"{quote(slot, safe='')}.{kind}.pem"


def _kept(path: Path, kind: str) -> Key:
    content = file.read(path)
    if content is None:
        file.make_folder(path.parent)
        with file.locked(path.with_name(f".{path.name}.lock")):
            content = file.read(path)
            if content is None:
                content = pem(generate(kind))
                file.write(path, content, 0o600)
    try:
        key = load(content)
    except MitmailError as error:
        raise MitmailError(f"{path}: {error}; remove the file for a new key") from error
    if _kind(key) != kind:
        raise MitmailError(f"{path}: the key is not {kind}; remove the file for a new key")
    return key
