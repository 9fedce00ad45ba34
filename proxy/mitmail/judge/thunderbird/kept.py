"""A program that leaves nothing behind, however this process ends: its lines, and its end."""

import collections
import contextlib
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import IO

from mitmail.judge.program import environment

END = 10.0  # seconds for the keeper, which itself waits three
KEEPER = str(files("mitmail.judge.thunderbird") / "keeper.py")


class GoneError(Exception):
    """The program has ended; the message is the last that it said."""


class Kept:
    """A running program; ``folder`` is its own, and goes with it."""

    def __init__(self, command: Sequence[str], folder: Path, extra: Mapping[str, str]) -> None:
        # A session of its own: what is typed to end this process does not end the keeper.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", KEEPER, str(folder), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(**extra),
            start_new_session=True,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._errors: collections.deque[str] = collections.deque(maxlen=20)
        complaints = threading.Thread(target=self._hear, args=(self._process.stderr,), daemon=True)
        complaints.start()
        threading.Thread(
            target=self._read, args=(self._process.stdout, complaints), daemon=True
        ).start()

    def line(self, deadline: float) -> str:
        """The next line that it prints, until a time of ``time.monotonic()``.

        Raises TimeoutError, and GoneError once it has ended.
        """
        try:
            line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise TimeoutError from None
        if line is None:
            self._lines.put(None)
            raise GoneError(self._errors[-1] if self._errors else "it said nothing")
        return line

    def end(self) -> None:
        """End it, and wait until nothing of it is left."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END)

    def _read(self, out: IO[bytes], complaints: threading.Thread) -> None:
        with out:
            for line in out:
                self._lines.put(line.decode(errors="replace").rstrip("\n"))
        complaints.join(END)
        self._lines.put(None)

    def _hear(self, err: IO[bytes]) -> None:
        with err:
            for line in err:
                if said := line.decode(errors="replace").strip():
                    self._errors.append(said)
