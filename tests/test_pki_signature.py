"""Signatures: others verify them, and know their algorithms by name."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import mldsa, padding, rsa

from bench import need
from mitmail.errors import MitmailError
from mitmail.pki import certificate, key, signature
from mitmail.pki.certificate import Recipe
from mitmail.pki.keypool import KeyPool
from mitmail.pki.name import distinguished_name

NOW = datetime.now(UTC).replace(microsecond=0)
RSA_HASHES = ("sha256", "sha384", "sha512", "sha224", "sha1", "md5", "pss-sha256")
EC_HASHES = ("sha256", "sha384", "sha512", "sha224", "sha1")
NAMES = {  # of the algorithms, as openssl prints them
    **{("rsa2048", word): f"{word}WithRSAEncryption" for word in RSA_HASHES[:-1]},
    ("rsa2048", "pss-sha256"): "rsassaPss",
    **{("ec256", word): f"ecdsa-with-{word.upper()}" for word in EC_HASHES},
    ("dsa2048", "sha256"): "dsa_with_SHA256",
    ("dsa2048", "sha224"): "dsa_with_SHA224",
    ("ed25519", "sha256"): "ED25519",
    ("ed448", "sha256"): "ED448",
    ("mldsa65", "sha256"): "2.16.840.1.101.3.4.3.18",
}
SIGNERS = [
    *((kind, word) for kind, word in NAMES if kind != "mldsa65"),
    *((kind, "sha256") for kind in ("rsa512", "rsa1024", "rsa2047", "rsa2048-e3", "rsa4096")),
    *(("rsa512", word) for word in ("sha224", "sha1", "md5")),
    *(("rsa1024", word) for word in ("sha512", "pss-sha256")),
    ("rsa2048-e3", "pss-sha256"),
    *(
        (kind, word)
        for kind in ("ec224", "ec384", "ec521", "secp256k1", "brainpool256")
        for word in ("sha224", "sha256", "sha512")
    ),
]


@pytest.fixture(scope="module")
def pool() -> KeyPool:
    return KeyPool()


def self_signed(made: key.Key, word: str, form: str = "plain") -> bytes:
    name = distinguished_name([("CN", "Signed by itself")])
    recipe = Recipe(
        subject=name,
        issuer=name,
        not_before=NOW - timedelta(days=1),
        not_after=NOW + timedelta(days=1),
        spki=key.spki(made, form),
        hash=word,
    )
    return certificate.make(recipe, made)


def verified(made: bytes, folder: Path) -> bool:
    """Whether openssl finds the signature good, trusting the certificate itself."""
    path = folder / "certificate.pem"
    path.write_bytes(certificate.pem(made))
    command = [
        need("openssl"), "verify", "-auth_level", "0", "-check_ss_sig",
        "-no-CApath", "-no-CAstore", "-CAfile", str(path), str(path),
    ]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, timeout=30, text=True)
    assert ran.stdout.endswith(": OK\n") == (ran.returncode == 0)
    return ran.returncode == 0


def shown(made: bytes) -> str:
    """What `openssl x509 -text` prints of it."""
    command = [need("openssl"), "x509", "-inform", "DER", "-noout", "-text"]
    ran = subprocess.run(command, input=made, capture_output=True, timeout=30, check=True)
    return ran.stdout.decode()


@pytest.mark.parametrize(("kind", "word"), SIGNERS)
def test_openssl_finds_the_signature_good_and_a_flipped_bit_bad(
    pool: KeyPool, tmp_path: Path, kind: str, word: str
) -> None:
    made = self_signed(pool.get(kind, "signer"), word)
    assert verified(made, tmp_path)
    middle = len(made) - 10  # inside the last number of the signature, and not its first octet
    broken = made[:middle] + bytes([made[middle] ^ 1]) + made[middle + 1 :]
    assert not verified(broken, tmp_path)


@pytest.mark.parametrize(("kind", "word"), NAMES)
def test_openssl_names_the_algorithm_inside_and_outside(
    pool: KeyPool, kind: str, word: str
) -> None:
    lines = shown(self_signed(pool.get(kind, "signer"), word)).splitlines()
    named = [line.strip() for line in lines if "Signature Algorithm:" in line]
    assert named == [f"Signature Algorithm: {NAMES[kind, word]}"] * 2


def test_openssl_reads_the_pss_parameters(pool: KeyPool) -> None:
    text = shown(self_signed(pool.get("rsa2048", "signer"), "pss-sha256"))
    for words in ("Hash Algorithm: sha256", "mgf1 with sha256", "Salt Length: 0x20"):
        assert text.count(words) == 2


@pytest.mark.parametrize(
    ("kind", "form", "word", "names"),
    [
        ("rsa2048", "pss", "pss-sha256", "Public Key Algorithm: rsassaPss"),
        ("ec256", "explicit", "sha256", "Field Type: prime-field"),
    ],
)
def test_openssl_verifies_by_a_public_key_of_another_form(
    pool: KeyPool, tmp_path: Path, kind: str, form: str, word: str, names: str
) -> None:
    made = self_signed(pool.get(kind, "signer"), word, form)
    assert verified(made, tmp_path)
    assert names in shown(made)


@pytest.mark.parametrize(
    ("kind", "word", "octets"),
    [
        # CA/Browser Forum Baseline Requirements 7.1.3.2.1, octet for octet
        ("rsa2048", "sha256", "300d06092a864886f70d01010b0500"),
        (
            "rsa2048",
            "pss-sha256",
            "304106092a864886f70d01010a3034a00f300d0609608648016503040201"
            "0500a11c301a06092a864886f70d010108300d0609608648016503040201"
            "0500a203020120",
        ),
        # CA/Browser Forum Baseline Requirements 7.1.3.2.2
        ("ec256", "sha256", "300a06082a8648ce3d040302"),
        ("ec521", "sha512", "300a06082a8648ce3d040304"),
        ("dsa2048", "sha256", "300b0609608648016503040302"),  # RFC 5758 3.1: no parameters
        ("ed25519", "sha256", "300506032b6570"),  # RFC 8410 3: no parameters
        ("ed448", "sha256", "300506032b6571"),
        ("mldsa65", "sha256", "300b0609608648016503040312"),  # RFC 9881 2: no parameters
    ],
)
def test_the_algorithm_identifier_is_that_of_its_standard(
    pool: KeyPool, kind: str, word: str, octets: str
) -> None:
    algorithm, _ = signature.sign(pool.get(kind, "signer"), b"", word)
    assert algorithm == bytes.fromhex(octets)
    assert algorithm == signature.signature_algorithm(pool.get(kind, "signer"), word)


def test_a_pss_salt_has_32_octets_and_is_never_the_same(pool: KeyPool) -> None:
    made = pool.get("rsa2048", "signer")
    assert isinstance(made, rsa.RSAPrivateKey)
    _, first = signature.sign(made, b"tbs", "pss-sha256")
    _, second = signature.sign(made, b"tbs", "pss-sha256")
    assert first != second
    exact = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    made.public_key().verify(first, b"tbs", exact, hashes.SHA256())
    other = padding.PSS(padding.MGF1(hashes.SHA256()), 20)
    with pytest.raises(InvalidSignature):
        made.public_key().verify(first, b"tbs", other, hashes.SHA256())


def test_mldsa65_signs_what_its_public_key_in_the_certificate_verifies(pool: KeyPool) -> None:
    """OpenSSL 3.0 does not know it: cryptography (OpenSSL 3.5 and later) reads the certificate."""
    made = x509.load_der_x509_certificate(self_signed(pool.get("mldsa65", "signer"), "sha256"))
    public = made.public_key()
    assert isinstance(public, mldsa.MLDSA65PublicKey)
    public.verify(made.signature, made.tbs_certificate_bytes)
    with pytest.raises(InvalidSignature):
        public.verify(made.signature, made.tbs_certificate_bytes + b"\0")


@pytest.mark.parametrize("kind", ["ed25519", "ed448", "mldsa65"])
def test_a_key_that_brings_its_own_hash_ignores_the_word(pool: KeyPool, kind: str) -> None:
    made = pool.get(kind, "signer")
    for word in ("md5", "pss-sha256", "anything"):
        algorithm, _ = signature.sign(made, b"tbs", word)
        assert algorithm == signature.signature_algorithm(made)


@pytest.mark.parametrize(
    ("kind", "word", "known"),
    [
        ("ec256", "md5", "sha256, sha384, sha512, sha224, sha1"),  # nobody numbered it
        ("ec256", "pss-sha256", "sha256, sha384, sha512, sha224, sha1"),
        ("dsa2048", "sha384", "sha256, sha224"),
        ("rsa2048", "sha3", "sha256, sha384, sha512, sha224, sha1, md5, pss-sha256"),
    ],
)
def test_a_hash_that_the_key_has_not_is_answered_with_those_it_has(
    pool: KeyPool, kind: str, word: str, known: str
) -> None:
    for ask in (signature.sign, lambda made, _, word: signature.signature_algorithm(made, word)):
        with pytest.raises(MitmailError, match=f"{word}' is unknown; one of: {known}$"):
            ask(pool.get(kind, "signer"), b"", word)


@pytest.mark.parametrize("word", ["sha384", "sha512", "pss-sha256"])
def test_rsa_512_is_too_short_for_a_longer_digest(pool: KeyPool, word: str) -> None:
    """RFC 8017 9.1.1 and 9.2: a SHA-256 digest takes 62 of the 64 octets; PSS would need 66."""
    with pytest.raises(MitmailError, match=f"rsa512 cannot sign with {word}"):
        signature.sign(pool.get("rsa512", "signer"), b"tbs", word)
