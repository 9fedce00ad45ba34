"""A program that keeps running: started, listened to and stopped, each with a deadline."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Condition, Thread
from time import monotonic
from types import TracebackType
from typing import IO, Self

import pytest

from bench import clean_environment

if sys.platform != "win32":
    from serve import forge

    type Running = forge.Forked | subprocess.Popen[str]
else:
    type Running = subprocess.Popen[str]

MITMAIL = (sys.executable, "-m", "mitmail")
SECONDS = 20.0


def environment(home: Path, **extra: str) -> dict[str, str]:
    """A clean environment in which everything that a program keeps is below ``home``."""
    kept = {key: text for key, text in clean_environment().items() if not key.startswith("XDG_")}
    return kept | {"HOME": str(home), "MITMAIL_HOME": str(home / "kept")} | extra


def mitmail(
    *arguments: str, home: Path, cwd: Path | None = None, **extra: str
) -> subprocess.CompletedProcess[str]:
    """A ``mitmail`` command that ends by itself; ``extra`` is for its environment."""
    if sys.platform != "win32":
        return forge.run(arguments, environment(home, **extra), cwd, SECONDS)
    return subprocess.run(
        [*MITMAIL, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment(home, **extra),
        cwd=cwd,
        timeout=SECONDS,
    )


class Program:
    """A running program. ``out`` and ``err`` are the lines that it has printed so far.

    A ``mitmail`` is forked by the forge; ``cold``, it begins at nothing as any other program.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: dict[str, str],
        *,
        umask: int = -1,
        cold: bool = sys.platform == "win32",
    ) -> None:
        self.out: list[str] = []
        self.err: list[str] = []
        self._told = Condition()
        self._open = 2
        if sys.platform != "win32" and not cold and (*command[: len(MITMAIL)],) == MITMAIL:
            self._process: Running = forge.Forked(command[len(MITMAIL) :], environ, umask=umask)
        else:
            self._process = _started(command, environ, umask)
        self.pid = self._process.pid
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        ears = ((self._process.stdout, self.out), (self._process.stderr, self.err))
        self._ears = [Thread(target=self._listen, args=ear, daemon=True) for ear in ears]
        for ear in self._ears:
            ear.start()

    def _listen(self, stream: IO[str], lines: list[str]) -> None:
        for line in stream:
            with self._told:
                lines.append(line.rstrip("\n"))
                self._told.notify_all()
        with self._told:
            self._open -= 1
            self._told.notify_all()

    def line(self, pattern: str, *, seconds: float = SECONDS) -> str:
        """The first line on standard output in which ``pattern`` is found; fails without one."""
        found = self.hears(pattern, seconds=seconds)
        if found is None:
            pytest.fail(f"{pattern!r} was not said in {seconds:g} s, but this:\n{self.said}")
        return found

    def warning(self, pattern: str) -> str:
        """As ``line``, on standard error."""
        found = self.hears(pattern, seconds=SECONDS, among=self.err)
        if found is None:
            pytest.fail(f"{pattern!r} was not said in {SECONDS:g} s, but this:\n{self.said}")
        return found

    def hears(
        self, pattern: str, *, seconds: float, among: Sequence[str] | None = None
    ) -> str | None:
        """As ``line``, and None when nothing of the kind is said in that time."""
        lines = self.out if among is None else among
        matches = re.compile(pattern).search
        deadline = monotonic() + seconds
        with self._told:
            while True:
                if found := next(filter(matches, lines), None):
                    return found
                left = deadline - monotonic()
                if left <= 0 or not self._open:
                    return None
                self._told.wait(left)

    @property
    def said(self) -> str:
        """All that it has printed, on both streams."""
        with self._told:
            return "\n".join(self.out + self.err)

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def deafen(self) -> None:
        """Stop listening: whatever it prints from now on, nobody reads."""
        assert self._process.stdout is not None
        os.dup2(os.open(os.devnull, os.O_RDONLY), self._process.stdout.fileno())

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send a signal, and wait for the end; the exit code as a shell shows it."""
        os.kill(self.pid, number)
        return self.ended()

    def kill(self) -> int:
        """End it without a chance to tidy up."""
        self._process.kill()
        return self.ended()

    def ended(self) -> int:
        """The exit code, once it has ended and all of its output is here."""
        code = self._process.wait(SECONDS)
        for ear in self._ears:
            ear.join(SECONDS)
        return code if code >= 0 else 128 - code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.running:
            self._process.terminate()
        try:
            self.ended()
        finally:
            self._process.kill()
            self._process.wait(SECONDS)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()


def _started(command: Sequence[str], environ: dict[str, str], umask: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
        umask=umask,
    )
