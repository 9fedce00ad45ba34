"""Keeps a program: ``python -I -S keeper.py FOLDER COMMAND...``.

Standard input ends however the starter of this ends, kill -9 included. Then, or when the program
ends by itself, its whole process group is ended and the folder removed: nothing is left.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys

GRACE = 3.0  # seconds to leave by itself, as an X server does that removes its socket


def keep(folder: str, command: list[str]) -> int:
    """Run the command until it or our starter ends; its exit code."""
    if sys.platform != "linux":
        raise OSError("only Linux has a file descriptor of a process")
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            # Nobody but us shall hold the pipes open that say that the program is there.
            for stream in (sys.stdout, sys.stderr):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            ended = os.pidfd_open(child.pid)
            select.select([sys.stdin, ended], [], [])
            os.killpg(child.pid, signal.SIGTERM)
            select.select([ended], [], [], GRACE)
        finally:
            # Its leader is not yet reaped, so the number is still that of this group.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        return child.returncode
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(keep(sys.argv[1], sys.argv[2:]))
