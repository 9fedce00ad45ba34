"""Private files: there whole or not at all, with the same modes under any umask."""

import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mitmail.errors import MitmailError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_LARGEST = 1 << 20  # octets; a chain of ten RSA-4096 certificates is 20 KB
_PATIENCE = 120.0  # seconds; an RSA-4096 key may take ten on a slow machine


@contextmanager
def _blaming(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MitmailError(f"{path}: {error.strerror or error}") from error


def make_folder(path: Path) -> None:
    """Make ``path`` and its missing parents, each 0700; what exists keeps its mode.

    Raises MitmailError that names the path.
    """
    with _blaming(path):
        for folder in reversed((path, *path.parents)):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
                folder.chmod(0o700)


def read(path: Path) -> bytes | None:
    """The content, or None when there is no such file.

    Raises MitmailError that names the path, also for what is no file or is above one megabyte.
    """
    with _blaming(path):
        if not path.exists():
            return None
        if not path.is_file():
            raise MitmailError(f"{path}: not a file")
        with path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise MitmailError(f"{path}: too large to be ours")
    return content


def write(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Put ``content`` in place of the file in one step; raises MitmailError that names the path.

    On Windows the mode says nothing: the folder's access list counts there.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with _blaming(path):
        descriptor = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600
        )
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.chmod(mode)
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise


def remove(path: Path) -> None:
    """Delete the file if it is there; raises MitmailError that names the path."""
    with _blaming(path):
        path.unlink(missing_ok=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file ``path`` against other threads and processes; it ends with its holder.

    Raises MitmailError when someone else holds it for two minutes.
    """
    with _blaming(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with _blaming(path):
            path.chmod(0o600)
            _acquire(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not _try_lock(descriptor):
        if time.monotonic() > deadline:
            raise MitmailError(f"{path}: held by another mitmail for {_PATIENCE:.0f} s")
        time.sleep(0.02)


if sys.platform == "win32":

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
