"""A verifier as a process: a scrubbed environment, a pretended clock, a deadline, no orphans."""

import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import IO

from bench import clean_environment
from proof.verifier import SILENT, Word

SAY = b"a LOGOUT\r\n"
ANSWER = b"a OK"
_SIGPIPE = 13
_NO_PROGRAM = (126, 127)  # what env and the shell say of a program that they cannot run

# What changes a verdict behind our back, besides what every test scrubs.
_FOREIGN = (
    "OPENSSL_", "GNUTLS_", "PYTHON", "GO", "CGO_", "JAVA_", "JDK_", "_JAVA", "PERL", "NSS_",
    "FAKETIME", "LD_", "SSLKEYLOGFILE", "LOCALDOMAIN", "RES_OPTIONS", "HOSTALIASES", "XDG_",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended; ``in_time`` False: it was ended, for its time was up."""

    code: int | None
    out: bytes
    err: bytes
    in_time: bool = True

    @property
    def text(self) -> str:
        """All that it printed."""
        return (self.err + b"\n" + self.out).decode(errors="replace")


def unjudged(ended: Ended) -> Word | None:
    """The word of one that has not come to a word by itself: silent, crashed or never started."""
    if not ended.in_time:
        return SILENT
    # A server that leaves early ends by SIGPIPE whoever still writes to it.
    crashed = ended.code is not None and ended.code < 0 and ended.code != -_SIGPIPE
    return Word("error", (), ended.text) if crashed or ended.code in _NO_PROGRAM else None


def environment(**extra: str) -> dict[str, str]:
    """An environment in which a verifier follows its command line alone, in plain English."""
    kept = {
        key: value
        for key, value in clean_environment().items()
        if not key.startswith(_FOREIGN) and not key.lower().endswith("_proxy")
    }
    return kept | {"LC_ALL": "C", "TZ": "UTC", "HOME": "/nonexistent"} | extra


def _libfaketime() -> str:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))  # Debian's place
    return str(found[0]) if found else ""


def pretending(command: Sequence[str], at: datetime | None) -> list[str]:
    """The command below libfaketime, which moves its clock to ``at``; None leaves it.

    The monotonic clock stays true: time-outs and the JVM's threads live by it. Not through the
    faketime command, which stays in between, and trips over what others left in shared memory.
    """
    if at is None:
        return list(command)
    when = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    clock = (f"FAKETIME=@{when}", "FAKETIME_DONT_FAKE_MONOTONIC=1")
    return ["env", f"LD_PRELOAD={_libfaketime()}", "TZ=UTC", *clock, *command]


def run(
    command: Sequence[str],
    *,
    give: bytes = b"",
    close: bool = False,
    until: bytes | None = None,
    at: datetime | None = None,
    seconds: float = 10.0,
    extra: Mapping[str, str] | None = None,
) -> Ended:
    """Run a command with ``give`` on its standard input, and end its whole process group.

    The input stays open, for some leave when it ends, answered or not, unless ``close``. With
    ``until`` the command is ended, successfully, once it has printed that: some never leave.
    """
    process = subprocess.Popen(
        pretending(command, at),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**(extra or {})),
        start_new_session=True,
    )
    assert process.stdin is not None
    try:
        _give(process.stdin, give, close=close)
        return _listen(process, until, monotonic() + seconds)
    finally:
        _end(process)


def _give(stdin: IO[bytes], give: bytes, *, close: bool) -> None:
    with suppress(BrokenPipeError):  # it is gone already; what it said is read below
        stdin.write(give)
        stdin.flush()
        if close:
            stdin.close()


def _listen(process: subprocess.Popen[bytes], until: bytes | None, deadline: float) -> Ended:
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, out)
        selector.register(process.stderr, selectors.EVENT_READ, err)
        while selector.get_map():
            left = deadline - monotonic()
            ready = selector.select(left) if left > 0 else []
            if not ready:
                return Ended(None, bytes(out), bytes(err), in_time=False)
            for key, _ in ready:
                octets = os.read(key.fd, 65536)
                key.data.extend(octets)
                if not octets:
                    selector.unregister(key.fileobj)
            if until is not None and (until in out or until in err):
                return Ended(None, bytes(out), bytes(err))
    try:
        code = process.wait(max(0.0, deadline - monotonic()))
    except subprocess.TimeoutExpired:
        return Ended(None, bytes(out), bytes(err), in_time=False)
    return Ended(code, bytes(out), bytes(err))


def _end(process: subprocess.Popen[bytes]) -> None:
    if sys.platform != "win32":
        with suppress(ProcessLookupError):  # also what the program started and left behind
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    # What libfaketime of a killed process leaves there, it takes for another one's in the next
    # process of that number, and ends (measured: 0.9.10).
    for left in ("sem.faketime_sem_{}", "faketime_shm_{}"):
        Path("/dev/shm", left.format(process.pid)).unlink(missing_ok=True)
    for stream in (process.stdin, process.stdout, process.stderr):
        assert stream is not None
        with suppress(BrokenPipeError):  # what it was given and never read
            stream.close()


def side_by_side[T, R](work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Do the work for all items, as many at a time as there are processors, twice."""
    with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        return list(pool.map(work, items))
