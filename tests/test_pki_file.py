"""Private files: whole or absent, with their modes under any umask, and blamed by name."""

import os
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mitmail.errors import MitmailError
from mitmail.pki import file

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes mean nothing on Windows")


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@posix
@pytest.mark.usefixtures("umask")
def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    folder = tmp_path / "share" / "mitmail"
    file.make_folder(folder)
    file.write(folder / "secret", b"x", 0o600)
    file.write(folder / "public", b"x", 0o644)
    with file.locked(folder / "lock"):
        pass
    found = [mode(p) for p in (folder.parent, folder, *(folder / n for n in ("secret", "lock")))]
    assert found == [0o700, 0o700, 0o600, 0o600]
    assert mode(folder / "public") == 0o644


@posix
def test_a_folder_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    """MITMAIL_HOME=/tmp must not close /tmp to everybody else."""
    tmp_path.chmod(0o1777)
    file.make_folder(tmp_path)
    assert mode(tmp_path) == 0o1777


@posix
def test_a_secret_is_never_readable_by_others_even_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def look(_descriptor: int) -> None:
        seen.extend(mode(path) for path in tmp_path.iterdir())

    monkeypatch.setattr(os, "fsync", look)
    before = os.umask(0)
    try:
        file.write(tmp_path / "secret", b"x", 0o600)
    finally:
        os.umask(before)
    assert seen == [0o600]


def test_a_write_that_fails_leaves_the_old_content_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk_full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    file.write(tmp_path / "kept", b"old")
    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(MitmailError, match=r"kept: No space left"):
        file.write(tmp_path / "kept", b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("kept", b"old")]


def test_a_missing_file_is_none(tmp_path: Path) -> None:
    assert file.read(tmp_path / "nothing") is None


def test_a_folder_a_pipe_and_a_giant_are_no_files_of_ours(tmp_path: Path) -> None:
    (tmp_path / "giant").write_bytes(bytes(2_000_000))
    with pytest.raises(MitmailError, match=r"giant: too large"):
        file.read(tmp_path / "giant")
    with pytest.raises(MitmailError, match="not a file"):
        file.read(tmp_path)
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(MitmailError, match=r"pipe: not a file"):
            file.read(tmp_path / "pipe")


def test_an_impossible_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(MitmailError, match=r"taken.mitmail: ") as caught:
        file.make_folder(tmp_path / "taken" / "mitmail")
    assert "\n" not in str(caught.value)


def test_a_lock_keeps_a_second_thread_out_until_it_is_given_back(tmp_path: Path) -> None:
    order: list[str] = []
    inside = threading.Event()

    def second() -> None:
        inside.set()
        with file.locked(tmp_path / "lock"):
            order.append("second")

    with file.locked(tmp_path / "lock"):
        thread = threading.Thread(target=second)
        thread.start()
        assert inside.wait(10)
        thread.join(0.2)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_a_lock_that_nobody_gives_back_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "_PATIENCE", 0.1)
    with (
        file.locked(tmp_path / "lock"),
        pytest.raises(MitmailError, match=r"lock: held by another mitmail"),
        file.locked(tmp_path / "lock"),
    ):
        pass
