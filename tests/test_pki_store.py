"""The store: what was made once is found again; what is damaged is named, never replaced."""

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

import pytest

from bench import need
from mitmail.errors import MitmailError
from mitmail.pki import certificate, key
from mitmail.pki.authority import Authority, make_root
from mitmail.pki.identity import Identity
from mitmail.pki.keypool import KeyPool
from mitmail.pki.name import distinguished_name
from mitmail.pki.store import Store, data_folder

NOW = datetime.now(UTC)
LIFE = (NOW - timedelta(days=1), NOW + timedelta(days=90))


def new_root(keys: KeyPool) -> Authority:
    return make_root(distinguished_name([("CN", "Root")]), keys.get("ec256", "root"), *LIFE)


def always(_kept: object) -> bool:
    return True


def never(_kept: object) -> bool:
    return False


def forbidden(_keys: KeyPool) -> Authority:
    raise AssertionError("it is there already")


def kept_root(store: Store) -> Authority:
    return store.authority("root", new_root, always)


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(tmp_path / "mitmail" if request.param == "folder" else None)


@pytest.mark.parametrize(
    ("environ", "platform", "wanted"),
    [
        ({"MITMAIL_HOME": "/x", "XDG_DATA_HOME": "/y", "HOME": "/h"}, "linux", "/x"),
        ({"MITMAIL_HOME": "/x", "LOCALAPPDATA": "/l"}, "win32", "/x"),
        ({"XDG_DATA_HOME": "/y", "HOME": "/h"}, "linux", "/y/mitmail"),
        ({"XDG_DATA_HOME": "y", "HOME": "/h"}, "linux", "/h/.local/share/mitmail"),
        ({"XDG_DATA_HOME": "", "HOME": "/h"}, "freebsd14", "/h/.local/share/mitmail"),
        (
            {"XDG_DATA_HOME": "/y", "HOME": "/h"},
            "darwin",
            "/h/Library/Application Support/mitmail",
        ),
        ({"LOCALAPPDATA": "/l", "HOME": "/h"}, "win32", "/l/mitmail"),
    ],
)
def test_the_data_folder_is_where_the_platform_wants_it(
    environ: dict[str, str], platform: str, wanted: str
) -> None:
    assert data_folder(environ, platform) == Path(PurePosixPath(wanted))


def test_an_authority_is_made_once(store: Store) -> None:
    first = kept_root(store)
    again = store.authority("root", forbidden, always)
    assert again.certificate == first.certificate
    assert key.spki(again.key) == key.spki(first.key)


def test_what_is_kept_is_listed_and_nothing_is_made_to_look_at_it(store: Store) -> None:
    assert (store.slots(), store.kept("root")) == ([], None)

    made = kept_root(store)

    (slot,) = store.slots()
    found = store.kept(slot)
    assert found is not None
    assert found.chain == (made.certificate,)


def test_a_stale_authority_is_made_again(store: Store) -> None:
    first = kept_root(store)
    asked: list[bytes] = []

    def stale(kept: Authority) -> bool:
        asked.append(kept.certificate)
        return False

    second = store.authority("root", new_root, stale)
    assert set(asked) == {first.certificate}
    assert second.certificate != first.certificate
    assert kept_root(store).certificate == second.certificate


def test_an_identity_keeps_its_chain_in_order(store: Store) -> None:
    def make(keys: KeyPool) -> Identity:
        root = new_root(keys)
        own = keys.get("ec256", "leaf")
        leaf = root.leaf(own, names=["a.test"], not_before=LIFE[0], not_after=LIFE[1])
        return Identity((leaf, root.certificate), own)

    first = store.identity("leaf", make, always)
    again = store.identity("leaf", make, always)
    assert again.chain == first.chain
    assert key.spki(again.key) == key.spki(first.key)
    assert store.identity("leaf", make, never).chain != first.chain


def test_a_leaf_that_is_faulty_on_purpose_is_kept_as_it_is(store: Store) -> None:
    def make(keys: KeyPool) -> Identity:
        return Identity((b"\x30\x03abc", bytes(300)), keys.get("ec256", "leaf"))

    store.identity("leaf", make, always)
    assert store.identity("leaf", make, always).chain == (b"\x30\x03abc", bytes(300))


def test_making_one_slot_may_ask_for_another(store: Store) -> None:
    def issuing(keys: KeyPool) -> Authority:
        subject = distinguished_name([("CN", "Issuing")])
        return kept_root(store).intermediate(subject, keys.get("ec256", "issuing"), *LIFE)

    made = store.authority("issuing", issuing, always)
    assert certificate.parse(made.certificate).issuer == kept_root(store).subject


def test_a_secret_is_made_once(store: Store) -> None:
    words = iter(["first", "second"])
    assert store.secret("password", lambda: next(words)) == "first"
    assert store.secret("password", lambda: next(words)) == "first"
    assert store.secret("other", lambda: next(words)) == "second"


def test_a_removed_slot_is_forgotten_with_its_key(store: Store, tmp_path: Path) -> None:
    first = kept_root(store)
    store.secret("root", lambda: "old")
    store.remove("root")
    assert not [path for path in tmp_path.rglob("root*") if path.is_file()]
    assert key.spki(kept_root(store).key) != key.spki(first.key)
    assert store.secret("root", lambda: "new") == "new"
    store.remove("never there")


def test_another_run_finds_everything_again(tmp_path: Path) -> None:
    first = kept_root(Store(tmp_path))
    secret = Store(tmp_path).secret("password", lambda: "word")
    again = Store(tmp_path).authority("root", forbidden, always)
    assert again.certificate == first.certificate
    assert Store(tmp_path).secret("password", lambda: "another") == secret


def test_memory_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store(None)
    kept_root(store)
    store.secret("password", lambda: "word")
    assert store.public_file("root") is None
    assert not list(tmp_path.rglob("*"))


def test_the_public_file_is_for_others_and_the_key_is_not(tmp_path: Path) -> None:
    root = kept_root(Store(tmp_path))
    public = Store(tmp_path).public_file("root")
    assert public == tmp_path / "root.pem"
    assert b"PRIVATE" not in public.read_bytes()
    command = [need("openssl"), "x509", "-in", str(public), "-outform", "DER"]
    theirs = subprocess.run(command, capture_output=True, timeout=20, check=True).stdout
    assert theirs == root.certificate


@pytest.mark.skipif(sys.platform == "win32", reason="modes mean nothing on Windows")
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777], ids=oct)
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "mitmail"
    before = os.umask(umask)
    try:
        kept_root(Store(folder))
        Store(folder).secret("password", lambda: "word")
    finally:
        os.umask(before)
    modes = {
        path.relative_to(tmp_path).as_posix(): stat.S_IMODE(path.stat().st_mode)
        for path in tmp_path.rglob("*")
        if not path.name.startswith(".")
    }
    assert modes == {
        "mitmail": 0o700,
        "mitmail/root.key": 0o600,
        "mitmail/root.pem": 0o644,
        "mitmail/password.secret": 0o600,
        "mitmail/keys": 0o700,
        "mitmail/keys/root.ec256.pem": 0o600,
    }


def test_a_lost_or_foreign_public_file_is_written_again(tmp_path: Path) -> None:
    root = kept_root(Store(tmp_path))
    public = tmp_path / "root.pem"
    wanted = public.read_bytes()
    for damage in (public.unlink, lambda: public.write_text("mine")):
        damage()
        again = Store(tmp_path).authority("root", forbidden, always)
        assert again.certificate == root.certificate
        assert public.read_bytes() == wanted


def test_a_lost_key_file_makes_a_new_pair(tmp_path: Path) -> None:
    first = kept_root(Store(tmp_path))
    (tmp_path / "root.key").unlink()
    second = kept_root(Store(tmp_path))
    assert second.certificate != first.certificate
    assert certificate.from_pem((tmp_path / "root.pem").read_bytes()) == (second.certificate,)
    assert certificate.parse(second.certificate).spki == key.spki(second.key)


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"-----BEGIN CERTIFICATE-----\n"])
def test_a_damaged_key_file_is_named_and_left_alone(tmp_path: Path, content: bytes) -> None:
    kept_root(Store(tmp_path))
    (tmp_path / "root.key").write_bytes(content)
    with pytest.raises(MitmailError, match=r"root\.key: .*; remove the file for a new one$"):
        kept_root(Store(tmp_path))
    assert (tmp_path / "root.key").read_bytes() == content


def test_a_certificate_is_never_paired_with_a_foreign_key(tmp_path: Path) -> None:
    kept_root(Store(tmp_path))
    path = tmp_path / "root.key"
    foreign = key.pem(key.generate("ec256"))
    path.write_bytes(foreign + (tmp_path / "root.pem").read_bytes())
    with pytest.raises(MitmailError, match=r"root\.key: key and certificate differ; remove"):
        kept_root(Store(tmp_path))


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines\n", b"\xff\xfe\n"])
def test_a_damaged_secret_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "password.secret").write_bytes(content)
    with pytest.raises(MitmailError, match=r"password\.secret: not one line of text; remove"):
        Store(tmp_path).secret("password", lambda: "word")


def test_an_unwritable_folder_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    store = Store(tmp_path / "taken")
    for use in (lambda: kept_root(store), lambda: store.secret("password", lambda: "word")):
        with pytest.raises(MitmailError, match="taken") as caught:
            use()
        assert "\n" not in str(caught.value)


def test_processes_that_race_get_one_authority(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from datetime import UTC, datetime, timedelta\n"
        "from mitmail.pki import certificate, key\n"
        "from mitmail.pki.authority import make_root\n"
        "from mitmail.pki.name import distinguished_name\n"
        "from mitmail.pki.store import Store\n"
        "now = datetime.now(UTC)\n"
        "def make(keys):\n"
        "    name = distinguished_name([('CN', 'Root')])\n"
        "    return make_root(name, key.generate('rsa2048'), now, now + timedelta(days=1))\n"
        "sys.stdin.read(1)\n"
        "made = Store(Path(sys.argv[1])).authority('root', make, lambda kept: True)\n"
        "assert certificate.parse(made.certificate).spki == key.spki(made.key)\n"
        "print(certificate.sha256(made.certificate))\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "mitmail")]
    racers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("g")
        racer.stdin.flush()
    answers = [racer.communicate(timeout=60)[0].strip() for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * 6
    (public,) = certificate.from_pem((tmp_path / "mitmail" / "root.pem").read_bytes())
    assert set(answers) == {certificate.sha256(public)}
