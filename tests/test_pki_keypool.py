"""Key pools: a slot's key is made once, and kept for everybody."""

import os
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from bench import need
from mitmail.errors import MitmailError
from mitmail.pki import key
from mitmail.pki.authority import make_root
from mitmail.pki.identity import Identity
from mitmail.pki.keypool import KeyPool
from mitmail.pki.name import distinguished_name
from mitmail.pki.store import Store


def openssl(*arguments: str) -> str:
    command = [need("openssl"), *arguments]
    return subprocess.run(command, capture_output=True, timeout=30, check=True, text=True).stdout


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


def test_slots_whose_names_begin_alike_are_forgotten_together(tmp_path: Path) -> None:
    for folder in (None, tmp_path / "keys"):
        pool = KeyPool(folder)
        before = {slot: key.spki(pool.get("ec256", slot)) for slot in ("a-1", "a-::1", "b-1")}

        pool.remove_all("a-")

        kept = [slot for slot, spki in before.items() if key.spki(pool.get("ec256", slot)) == spki]
        assert kept == ["b-1"]


def test_processes_that_race_for_a_slot_get_one_key(tmp_path: Path) -> None:
    script = (
        "import sys, hashlib; from pathlib import Path; from mitmail.pki import key, keypool\n"
        "sys.stdin.read(1)\n"
        "made = keypool.KeyPool(Path(sys.argv[1])).get('rsa2048', 'root')\n"
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


@pytest.mark.parametrize("kind", [kind for kind in key.KINDS if kind != "rsa8192"])
def test_a_key_of_every_kind_is_kept(tmp_path: Path, kind: str) -> None:
    first = KeyPool(tmp_path).get(kind, "root")
    assert key.spki(KeyPool(tmp_path).get(kind, "root")) == key.spki(first)


@pytest.mark.parametrize(
    ("kind", "other"), [("rsa2048", "rsa2048-e3"), ("ec256", "secp256k1"), ("ed25519", "ed448")]
)
def test_kinds_of_one_size_are_told_apart(tmp_path: Path, kind: str, other: str) -> None:
    KeyPool(tmp_path).get(kind, "root")
    (path,) = tmp_path.glob("root*.pem")
    path.write_bytes(key.pem(key.generate(other)))
    with pytest.raises(MitmailError, match=f"the key is not {kind}; remove"):
        KeyPool(tmp_path).get(kind, "root")


def test_a_removed_slot_loses_its_keys_of_every_kind(tmp_path: Path) -> None:
    pool = KeyPool(tmp_path)
    for kind in ("rsa1024", "ec224", "ed448", "mldsa65"):
        pool.get(kind, "root")
    pool.remove("root")
    assert not list(tmp_path.glob("root*.pem"))


def test_a_hundred_identities_below_twenty_rsa_keys_are_there_within_a_second(
    tmp_path: Path,
) -> None:
    """Testing the primes of each again took three seconds (measured)."""
    now = datetime.now(UTC)
    life = (now - timedelta(days=1), now + timedelta(days=1))

    def make(number: int, keys: KeyPool) -> Identity:
        own = keys.get("rsa2048", f"slot {number % 20}")
        root = make_root(distinguished_name([("CN", f"{number}")]), own, *life)
        return Identity((root.certificate,), own)

    def everything(folder: Path) -> list[bytes]:
        store = Store(folder)
        kept = [
            store.identity(f"{number}", partial(make, number), lambda _: True)
            for number in range(100)
        ]
        return [key.spki(identity.key) for identity in kept]

    made = everything(tmp_path)
    began = time.monotonic()
    assert everything(tmp_path) == made
    assert time.monotonic() - began < 1
    assert len(set(made)) == 20
