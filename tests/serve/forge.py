"""A process that has imported mitmail once, and forks each further ``mitmail``.

Importing mitmproxy and the models of scenarios takes more than a second of processor time, and the
tests start a hundred commands. What is forked is a process of its own like any other: its
arguments, environment, folder, streams, signals and exit code are those that were asked for.
What a start costs and imports is for `test_startup`, whose processes begin at nothing.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from select import select
from typing import IO, Any, NoReturn

assert sys.platform != "win32", "nothing forks there"

SECONDS = 20.0  # to import everything, on a machine that is busy
IMPORTED = ("mitmail.cli", "mitmail.service.bench")
_STREAMS = 3  # standard output, standard error, and ours for what became of it


class Forked:
    """A command in a forked process, with what the tests use of `subprocess.Popen`."""

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str], **said: Any) -> None:
        ours, theirs = zip(*(os.pipe() for _ in range(_STREAMS)), strict=True)
        said |= {"arguments": list(arguments), "environ": dict(environ)}
        said["cwd"] = str(said.get("cwd") or Path.cwd())
        try:
            socket.send_fds(_forge(), [json.dumps(said).encode() + b"\n"], theirs)
        finally:
            for each in theirs:
                os.close(each)
        self.stdout: IO[str] = os.fdopen(ours[0], encoding="utf-8")
        self.stderr: IO[str] = os.fdopen(ours[1], encoding="utf-8")
        self._fate = os.fdopen(ours[2], "rb", buffering=0)
        self.returncode: int | None = None
        self.pid = int(self._word(SECONDS))

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float) -> int:
        """The exit code, or minus the number of the signal that ended it."""
        if self.returncode is None:
            self.returncode = int(self._word(timeout))
            self._fate.close()
        return self.returncode

    def terminate(self) -> None:
        """Ask it to end, unless it has."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End it, unless it has ended."""
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _word(self, seconds: float) -> bytes:
        if not select([self._fate], [], [], seconds)[0]:
            raise subprocess.TimeoutExpired("mitmail", seconds)
        return self._fate.readline()


def run(
    arguments: Sequence[str], environ: Mapping[str, str], cwd: Path | None, seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run a ``mitmail`` command that ends by itself, in a fork."""
    forked = Forked(arguments, environ, cwd=cwd)
    with forked.stdout as out, forked.stderr as err:
        said = _both(out, err)
    return subprocess.CompletedProcess(list(arguments), forked.wait(seconds), *said)


def _both(*streams: IO[str]) -> list[str]:
    heard = {stream.fileno(): bytearray() for stream in streams}
    open_ = set(heard)
    while open_:
        ready, _, _ = select(open_, [], [], SECONDS)
        if not ready:
            raise subprocess.TimeoutExpired("mitmail", SECONDS)
        for each in ready:
            heard[each] += (octets := os.read(each, 65536))
            open_ -= set() if octets else {each}
    return [octets.decode() for octets in heard.values()]


@cache
def _forge() -> socket.socket:
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-P", __file__, str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], start_new_session=True)

    @atexit.register
    def _end() -> None:
        ours.close()
        process.wait(SECONDS)

    return ours


def _serve(orders: socket.socket) -> None:
    # Not from the start: the tests' folder is no place to import mitmail's own from.
    sys.path.append(str(Path(__file__).parents[1]))
    import_module("guard").stand()
    sys.path.pop()
    for name in IMPORTED:
        import_module(name)
    gc.freeze()
    while True:
        said, streams, _, _ = socket.recv_fds(orders, 65536, _STREAMS)
        while said and not said.endswith(b"\n"):
            said += orders.recv(65536)
        _bury()
        if not said:
            return
        if os.fork() == 0:
            orders.close()
            _watch(json.loads(said), *streams)
            return
        for each in streams:
            os.close(each)


def _bury() -> None:
    """Forget those who ended, so that their processor time is counted."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _watch(said: Mapping[str, Any], out: int, err: int, fate: int) -> None:
    pid = os.fork()
    if pid == 0:
        os.close(fate)
        _become(said, out, err)
    os.close(out)
    os.close(err)
    os.write(fate, b"%d\n" % pid)
    os.write(fate, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os._exit(0)


def _become(said: Mapping[str, Any], out: int, err: int) -> NoReturn:
    for number, stream in enumerate((os.open(os.devnull, os.O_RDONLY), out, err)):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 # to the end
    sys.stderr = open(  # noqa: SIM115 # to the end
        2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )
    os.environ.clear()
    os.environ.update(said["environ"])
    os.chdir(said["cwd"])
    if said.get("umask", -1) >= 0:
        os.umask(said["umask"])
    sys.argv[1:] = said["arguments"]
    runpy.run_module("mitmail", run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
