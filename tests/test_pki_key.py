"""Keys: of the kind asked for, signing what others verify, kept once for everybody."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa

from bench import need
from mitmail.errors import MitmailError
from mitmail.pki import key
from mitmail.pki.key import KeyPool


@pytest.fixture(scope="module")
def pool() -> KeyPool:
    return KeyPool()


def openssl(*arguments: str, data: bytes = b"") -> str:
    command = [need("openssl"), *arguments]
    ran = subprocess.run(command, input=data, capture_output=True, timeout=30, check=True)
    return ran.stdout.decode()


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("rsa2048", "Private-Key: (2048 bit"),
        ("rsa3072", "Private-Key: (3072 bit"),
        ("rsa4096", "Private-Key: (4096 bit"),
        ("ec256", "ASN1 OID: prime256v1"),
        ("ec384", "ASN1 OID: secp384r1"),
        ("ed25519", "ED25519 Private-Key"),
    ],
)
def test_openssl_finds_the_kind_that_was_asked_for(kind: str, shown: str) -> None:
    text = openssl("pkey", "-noout", "-text", data=key.pem(key.generate(kind)))
    assert shown in text


def test_an_unknown_kind_is_answered_with_the_known_ones() -> None:
    with pytest.raises(MitmailError, match=r"'rsa1' is unknown; one of: rsa2048, .*, ed25519$"):
        key.generate("rsa1")


def test_a_key_comes_back_from_its_pem(pool: KeyPool) -> None:
    kept = pool.get("ec256", "a")
    assert key.spki(key.load(key.pem(kept))) == key.spki(kept)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"-----BEGIN PRIVATE " + b"KEY-----\nAAAA\n-----END PRIVATE " + b"KEY-----\n",
        b"\xff" * 100,
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"word"),
        ),
        dsa.generate_private_key(1024).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    ],
    ids=["empty", "cut", "garbage", "encrypted", "dsa"],
)
def test_what_is_no_usable_key_is_refused(text: bytes) -> None:
    with pytest.raises(MitmailError):
        key.load(text)


@pytest.mark.parametrize("kind", ["rsa2048", "ec256", "ed25519"])
def test_the_key_id_is_method_1_as_cryptography_computes_it(pool: KeyPool, kind: str) -> None:
    made = pool.get(kind, "id")
    theirs = x509.SubjectKeyIdentifier.from_public_key(made.public_key())
    assert key.key_id(made) == theirs.digest


HASHES = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha1": hashes.SHA1(),
    "md5": hashes.MD5(),
}


@pytest.mark.parametrize("word", HASHES)
def test_rsa_signatures_verify(pool: KeyPool, word: str) -> None:
    made = pool.get("rsa2048", "signer")
    assert isinstance(made, rsa.RSAPrivateKey)
    _, signature = key.sign(made, b"tbs", word)
    made.public_key().verify(signature, b"tbs", padding.PKCS1v15(), HASHES[word])
    with pytest.raises(InvalidSignature):
        made.public_key().verify(signature, b"TBS", padding.PKCS1v15(), HASHES[word])


@pytest.mark.parametrize("kind", ["ec256", "ec384"])
@pytest.mark.parametrize("word", ["sha256", "sha384", "sha512", "sha1"])
def test_ecdsa_signatures_verify(pool: KeyPool, kind: str, word: str) -> None:
    made = pool.get(kind, "signer")
    assert isinstance(made, ec.EllipticCurvePrivateKey)
    _, signature = key.sign(made, b"tbs", word)
    made.public_key().verify(signature, b"tbs", ec.ECDSA(HASHES[word]))


def test_ed25519_signatures_verify_and_ignore_the_hash(pool: KeyPool) -> None:
    made = pool.get("ed25519", "signer")
    assert isinstance(made, ed25519.Ed25519PrivateKey)
    algorithm, signature = key.sign(made, b"tbs", "md5")
    made.public_key().verify(signature, b"tbs")
    assert algorithm == bytes.fromhex("300506032b6570")  # RFC 8410 3: no parameters


@pytest.mark.parametrize(
    ("kind", "word", "name"),
    [
        ("rsa2048", "sha256", "sha256WithRSAEncryption"),
        ("rsa2048", "sha384", "sha384WithRSAEncryption"),
        ("rsa2048", "sha512", "sha512WithRSAEncryption"),
        ("rsa2048", "sha1", "sha1WithRSAEncryption"),
        ("rsa2048", "md5", "md5WithRSAEncryption"),
        ("ec256", "sha256", "ecdsa-with-SHA256"),
        ("ec256", "sha384", "ecdsa-with-SHA384"),
        ("ec256", "sha512", "ecdsa-with-SHA512"),
        ("ec256", "sha1", "ecdsa-with-SHA1"),
    ],
)
def test_openssl_knows_the_algorithm_by_its_name(
    pool: KeyPool, kind: str, word: str, name: str
) -> None:
    algorithm, _ = key.sign(pool.get(kind, "signer"), b"", word)
    command = [need("openssl"), "asn1parse", "-inform", "DER"]
    shown = subprocess.run(command, input=algorithm, capture_output=True, timeout=20, check=True)
    lines = shown.stdout.decode().splitlines()
    assert lines[1].endswith(f"OBJECT            :{name}")
    assert ("NULL" in lines[-1]) == (kind == "rsa2048")  # RFC 3279 2.2.1 and 2.2.3


def test_ecdsa_has_no_md5_and_says_what_it_has(pool: KeyPool) -> None:
    """RFC 3279 and RFC 5758 number no ecdsa-with-MD5."""
    with pytest.raises(MitmailError, match="sha256, sha384, sha512, sha1"):
        key.sign(pool.get("ec256", "signer"), b"", "md5")


def test_a_slot_keeps_its_key_and_slots_differ(tmp_path: Path) -> None:
    for folder in (None, tmp_path / "keys"):
        pool = KeyPool(folder)
        assert pool.get("ec256", "leaf") is pool.get("ec256", "leaf")
        spkis = {key.spki(pool.get("ec256", slot)) for slot in ("leaf", "Leaf", "../leaf", "::1")}
        assert len(spkis) == 4


def test_an_odd_slot_stays_inside_the_folder(tmp_path: Path) -> None:
    KeyPool(tmp_path / "a" / "keys").get("ec256", "../escaped")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["keys"]


def test_nothing_is_written_before_a_key_is_asked_for(tmp_path: Path) -> None:
    KeyPool(tmp_path / "keys")
    assert not list(tmp_path.iterdir())


def test_another_pool_finds_the_key_that_openssl_can_read(tmp_path: Path) -> None:
    first = KeyPool(tmp_path).get("ec256", "root")
    assert key.spki(KeyPool(tmp_path).get("ec256", "root")) == key.spki(first)
    (path,) = tmp_path.glob("root*.pem")
    assert "prime256v1" in openssl("pkey", "-in", str(path), "-noout", "-text")


@pytest.mark.skipif(sys.platform == "win32", reason="modes mean nothing on Windows")
@pytest.mark.parametrize("umask", [0o000, 0o777], ids=oct)
def test_key_files_are_0600_in_a_0700_folder_under_any_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        KeyPool(tmp_path / "keys").get("ec256", "root")
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_a_damaged_key_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    KeyPool(tmp_path).get("ec256", "root")
    (path,) = tmp_path.glob("root*.pem")
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(MitmailError, match=r"root\.ec256\.pem: .*; remove the file"):
        KeyPool(tmp_path).get("ec256", "root")


def test_a_key_of_another_kind_in_the_file_is_named(tmp_path: Path) -> None:
    KeyPool(tmp_path).get("ec256", "root")
    (path,) = tmp_path.glob("root*.pem")
    path.write_bytes(key.pem(key.generate("ec384")))
    with pytest.raises(MitmailError, match=r"root\.ec256\.pem: the key is not ec256; remove"):
        KeyPool(tmp_path).get("ec256", "root")


def test_a_removed_slot_gets_a_new_key(tmp_path: Path) -> None:
    for pool in (KeyPool(), KeyPool(tmp_path)):
        old, other = pool.get("ec256", "root"), pool.get("ec256", "other")
        pool.remove("root")
        assert not list(tmp_path.glob("root*.pem"))
        assert key.spki(pool.get("ec256", "root")) != key.spki(old)
        assert pool.get("ec256", "other") is other


def test_processes_that_race_for_a_slot_get_one_key(tmp_path: Path) -> None:
    script = (
        "import sys, hashlib; from pathlib import Path; from mitmail.pki import key\n"
        "sys.stdin.read(1)\n"
        "made = key.KeyPool(Path(sys.argv[1])).get('rsa2048', 'root')\n"
        "print(hashlib.sha256(key.spki(made)).hexdigest())\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "keys")]
    racers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("g")
        racer.stdin.flush()
    answers = [racer.communicate(timeout=60)[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * 6
    assert len(set(answers)) == 1
    assert len(list((tmp_path / "keys").glob("root*.pem"))) == 1
