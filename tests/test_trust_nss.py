"""NSS databases: read as certutil and newer programs write them, and left as they were."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import nss
from bench import need
from mitmail.errors import CannotJudgeError, MitmailError
from mitmail.pki.certificate import sha256
from mitmail.trust import bits
from mitmail.trust.java import JavaStore
from mitmail.trust.lock import RunningError, closed
from mitmail.trust.nss import Database
from trusting import authority, keeper, root

OTHER = authority("Some other root").certificate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A database that holds somebody's own root."""
    found = nss.database(tmp_path / "a profile, 100% ours")
    nss.put(found, OTHER, "CT,C,", "Some other root")
    return found


def newer(folder: Path, certificate: bytes, server: int) -> None:
    """Give a certificate a trust object as NSS writes it since 2025, which 3.87 cannot."""
    row = {
        "id": 0x0E5F50C7, "a0": bytes.fromhex(bits.NEW_CLASS), "a1": b"\1", "a2": b"\0",
        "a635": bytes.fromhex(sha256(certificate)), "a62c": server.to_bytes(4, "big"),
        "a62d": b"\0\0\0\4", "a62e": b"\0\0\0\4", "a62f": b"\0\0\0\4",
    }  # fmt: skip
    with closing(sqlite3.connect(folder / "cert9.db")) as database, database:
        for column in ("a62c", "a62d", "a62e", "a62f", "a635"):
            database.execute(f"ALTER TABLE nssPublic ADD COLUMN {column}")
        marks = ", ".join("?" * len(row))
        names = ", ".join(row)
        database.execute(f"INSERT INTO nssPublic ({names}) VALUES ({marks})", list(row.values()))


def trust_objects(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "cert9.db")) as database:
        query = "SELECT count(*) FROM nssPublic WHERE a0 <> x'00000001'"
        (number,) = database.execute(query).fetchone()
    return int(number)


@pytest.mark.parametrize(
    "given", ["C,,", ",,", "P,,", "p,,", "c,,", "T,,", "CT,C,C", ",C,", ",,C", "P,P,"]
)
def test_trust_bits_are_read_as_certutil_lists_them(folder: Path, given: str) -> None:
    nss.put(folder, root().certificate, given, "ours")

    assert Database(folder).state(root().sha256) == nss.listing(folder)["ours"]


@pytest.mark.parametrize("was", [None, ",,", "P,,", "p,,", ",C,", "T,,"])
def test_after_install_and_cleanup_the_database_is_as_before(
    folder: Path, tmp_path: Path, was: str | None
) -> None:
    if was is not None:
        nss.put(folder, root().certificate, was, "what a person called it")
    before = nss.listing(folder)

    assert keeper(tmp_path).install(root(), Database(folder))
    between = nss.listing(folder)
    (undone,) = keeper(tmp_path).cleanup()

    assert set(between.values()) == {"CT,C,", "C,,"}
    assert (undone.result, nss.listing(folder)) == ("done", before)
    assert keeper(tmp_path).journal.changes() == []


@pytest.mark.parametrize("was", ["C,,", "CT,C,C", "C,P,"])
def test_a_root_that_is_trusted_already_is_left_alone(
    folder: Path, tmp_path: Path, was: str
) -> None:
    nss.put(folder, root().certificate, was, "ours")

    assert not keeper(tmp_path).install(root(), Database(folder))
    assert list(keeper(tmp_path).cleanup()) == []
    assert nss.listing(folder)["ours"] == was


def test_of_two_roots_of_one_name_the_right_one_goes(folder: Path, tmp_path: Path) -> None:
    """certutil -D -n takes out whichever of them it finds first."""
    nss.put(folder, root(1).certificate, "C,,", "a name")
    nss.put(folder, root(2).certificate, "C,,", "a name")
    nss.put(folder, root(3).certificate, "C,,", "a name")

    Database(folder).remove(root(2).sha256)

    left = {sha256(one) for one in Database(folder).certificates()}
    assert left == {sha256(OTHER), root(1).sha256, root(3).sha256}


def test_what_a_newer_program_trusts_is_trusted_though_certutil_shows_nothing(
    folder: Path, tmp_path: Path
) -> None:
    nss.put(folder, root().certificate, ",,", "ours")
    newer(folder, root().certificate, 2)

    assert Database(folder).state(root().sha256) == "C,,"
    assert not keeper(tmp_path).install(root(), Database(folder))


def test_a_newer_programs_record_does_not_outlive_its_certificate(folder: Path) -> None:
    nss.put(folder, root().certificate, ",,", "ours")
    before = trust_objects(folder)
    newer(folder, root().certificate, 2)

    Database(folder).remove(root().sha256)

    assert trust_objects(folder) == before
    nss.put(folder, root().certificate, ",,", "ours")
    assert Database(folder).state(root().sha256) == ",,"


def test_two_records_that_contradict_each_other_are_no_trust(folder: Path, tmp_path: Path) -> None:
    nss.put(folder, root().certificate, "C,,", "ours")
    newer(folder, root().certificate, 3)
    (entry,) = Database(folder).entries([root().sha256])
    assert (entry.standing, entry.flags) == ("unclear", "C,, or p,,")

    keeper(tmp_path).install(root(), Database(folder))

    assert Database(folder).state(root().sha256) == "C,,"


def test_what_somebody_else_has_changed_since_stays_and_is_said(
    folder: Path, tmp_path: Path
) -> None:
    nss.put(folder, root().certificate, "P,,", "ours")
    keeper(tmp_path).install(root(), Database(folder))
    nss.certutil("-M", "-d", f"sql:{folder}", "-n", "ours", "-t", "T,,")

    (undone,) = keeper(tmp_path).cleanup()

    assert (undone.result, nss.listing(folder)["ours"]) == ("changed", "T,,")
    assert "T,,, which mitmail has not given it" in undone.words
    assert keeper(tmp_path).journal.changes() == []


def test_behind_a_primary_password_nothing_is_left_half_done(tmp_path: Path) -> None:
    """certutil 3.87 puts the certificate in, cannot sign its trust bits, and fails."""
    folder, password = tmp_path / "profile", tmp_path / "password"
    folder.mkdir()
    password.write_text("secret")
    nss.certutil("-N", "-d", f"sql:{folder}", "-f", str(password))

    with pytest.raises(CannotJudgeError, match="has a Primary Password"):
        keeper(tmp_path).install(root(), Database(folder))

    assert nss.listing(folder) == {}
    assert keeper(tmp_path).journal.changes() == []


LOCK = """
import fcntl, sys
file = open(sys.argv[1], "r+")
fcntl.lockf(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_profile_in_use_is_refused_and_one_left_by_a_crash_is_not(
    folder: Path, tmp_path: Path
) -> None:
    (folder / ".parentlock").touch()
    (folder / "lock").symlink_to("127.0.0.1:+1")  # whose process lives, and has no lock
    command = [sys.executable, "-c", LOCK, str(folder / ".parentlock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdin is not None
        program.stdout.readline()
        with pytest.raises(RunningError, match="in use by a running program; close it"):
            keeper(tmp_path).install(root(), Database(folder))
        assert keeper(tmp_path).journal.changes() == []
        program.stdin.close()

    assert keeper(tmp_path).install(root(), Database(folder))


def test_a_lock_without_a_file_system_that_has_any_is_its_process(folder: Path) -> None:
    (folder / "lock").symlink_to("127.0.0.1:1")
    with pytest.raises(RunningError), closed(folder):
        pass
    (folder / "lock").unlink()
    (folder / "lock").symlink_to(f"127.0.0.1:{2**22 + 1}")
    with closed(folder):
        pass


def test_nobody_opens_a_profile_while_it_is_changed(folder: Path) -> None:
    (folder / ".parentlock").touch()
    program = (
        "import fcntl, sys\nfcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
    )
    command = [sys.executable, "-c", program, str(folder / ".parentlock")]

    with closed(folder):
        during = subprocess.run(command, capture_output=True, check=False)
    after = subprocess.run(command, capture_output=True, check=False)

    assert (during.returncode, after.returncode) == (1, 0)
    assert b"BlockingIOError" in during.stderr


def test_what_is_no_profile_is_said_in_a_line(tmp_path: Path) -> None:
    need("certutil")
    with pytest.raises(MitmailError, match="no such folder"):
        Database(tmp_path / "missing")
    with pytest.raises(MitmailError, match=r"it holds no cert9\.db; start the program once"):
        Database(tmp_path)
    (tmp_path / "cert8.db").touch()
    with pytest.raises(MitmailError, match=r"a cert8\.db is too old"):
        Database(tmp_path)
    (tmp_path / "cert9.db").write_text("no database")
    with pytest.raises(MitmailError, match="not a database of NSS"):
        Database(tmp_path).certificates()
    (tmp_path / "cert9.db").write_bytes(b"")
    with pytest.raises(MitmailError, match="not a database of NSS"):
        Database(tmp_path).certificates()


def test_without_certutil_the_package_is_named_and_reading_works(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)

    assert Database(folder).state(sha256(OTHER)) == "CT,C,"
    with pytest.raises(CannotJudgeError, match="apt install libnss3-tools"):
        Database(folder).steps(root())
    with pytest.raises(CannotJudgeError, match="certutil is missing"):
        keeper(tmp_path).install(root(), Database(folder))
    assert keeper(tmp_path).journal.changes() == []


def test_two_that_certutil_cannot_tell_apart_are_left_to_a_person(
    folder: Path, tmp_path: Path
) -> None:
    mine = root(1).certificate
    with closing(sqlite3.connect(folder / "cert9.db")) as database:
        pass
    nss.put(folder, mine, "C,,", "twin")
    with closing(sqlite3.connect(folder / "cert9.db")) as database, database:
        database.execute("UPDATE nssPublic SET a102 = (SELECT a102 FROM nssPublic WHERE a3 = ?), "
                         "a3 = ? WHERE a11 = ?", [b"twin", b"twin", OTHER])  # fmt: skip

    with pytest.raises(CannotJudgeError, match="have the same key"):
        Database(folder).remove(root(1).sha256)


def ways(folder: Path) -> list[Path]:
    """Three paths to one folder."""
    link = folder.with_name("link")
    link.symlink_to(folder, target_is_directory=True)
    return [folder, link, folder.parent / "link" / ".." / folder.name]


def test_a_persons_own_trust_bits_come_back_by_whatever_way(folder: Path, tmp_path: Path) -> None:
    nss.put(folder, root().certificate, ",,", "theirs")
    before = nss.listing(folder)
    there, *others = ways(folder)

    for way in others:
        keeper(tmp_path).install(root(), Database(way))
        keeper(tmp_path).uninstall(root().sha256, Database(there))
        assert nss.listing(folder) == before
        keeper(tmp_path).install(root(), Database(there))
        keeper(tmp_path).uninstall(root().sha256, Database(way))
        assert nss.listing(folder) == before
    assert keeper(tmp_path).journal.changes() == []


def test_java_stores_have_one_name_each(tmp_path: Path) -> None:
    file = tmp_path / "java" / "cacerts"
    file.parent.mkdir()
    file.touch()

    assert {JavaStore(way / "cacerts").word for way in ways(file.parent)} == {f"java:{file}"}
