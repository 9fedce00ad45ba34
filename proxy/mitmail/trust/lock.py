"""Whether a Mozilla program has a profile open, and keeping it closed while we change it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mitmail.errors import CannotJudgeError

if sys.platform != "win32":
    import fcntl


class RunningError(CannotJudgeError):
    """The program is running: it would not see the change, or undo it when it ends."""

    def __init__(self, profile: Path) -> None:
        super().__init__(f"{profile}: in use by a running program; close it, then try again")


@contextmanager
def closed(profile: Path) -> Iterator[None]:
    """Hold the profile as the program itself would: nobody opens it meanwhile.

    Raises RunningError when a program has it open. The program's lock on ``.parentlock`` (POSIX)
    ends with the program, however it ends; the symbolic link ``lock`` stays behind after a crash,
    and counts only where no lock could be had. A folder that no program has opened has no lock.
    """
    if _left_by_living_process(profile / "lock"):
        raise RunningError(profile)
    with _held(profile):
        yield


def is_open(profile: Path) -> bool:
    """Whether a program has the profile open."""
    try:
        with closed(profile):
            return False
    except RunningError:
        return True


def _left_by_living_process(link: Path) -> bool:
    # ADDRESS:PID; ADDRESS:+PID says that its writer has the lock on .parentlock, which we ask.
    try:
        pid = os.readlink(link).rpartition(":")[2]  # noqa: PTH115 - it is no path
    except OSError:
        return False
    if not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


if sys.platform == "win32":

    @contextmanager
    def _held(profile: Path) -> Iterator[None]:
        # The program opens parent.lock for itself alone, and it goes when the program ends.
        try:
            (profile / "parent.lock").open("rb").close()
        except FileNotFoundError:
            pass
        except OSError:
            raise RunningError(profile) from None
        yield

else:

    @contextmanager
    def _held(profile: Path) -> Iterator[None]:
        try:
            descriptor = os.open(profile / ".parentlock", os.O_RDWR)
        except FileNotFoundError:
            yield
            return
        except OSError as error:
            raise CannotJudgeError(f"{profile}/.parentlock: {error.strerror}") from None
        try:
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise RunningError(profile) from None
            yield
        finally:
            os.close(descriptor)
