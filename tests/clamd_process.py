"""A real clamd as a process of its own, unprivileged, with a database that knows EICAR only."""

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench import clean_environment, need
from mitmail.message.threat import EICAR

SECONDS = 20.0
NAME = "Mitmail.Eicar.UNOFFICIAL"
SETTINGS = """\
Foreground yes
DatabaseDirectory {home}/db
OfficialDatabaseOnly no
LocalSocket {home}/socket
TCPAddr 127.0.0.1
TCPSocket {port}
TemporaryDirectory {home}
PidFile {home}/pid
SelfCheck 0
MaxThreads 4
StreamMaxLength 26M
ScanMail yes
"""


@dataclass(frozen=True)
class Clamd:
    """Where it listens."""

    socket: Path
    port: int


@contextlib.contextmanager
def running() -> Iterator[Clamd]:
    """Start clamd, once it answers; it is gone afterwards."""
    if sys.platform == "win32":
        pytest.skip("clamd is a Unix program")
    program = need("clamd")
    home = Path(tempfile.mkdtemp(prefix="mm"))  # pytest's own are too long for unix sockets
    try:
        (home / "db").mkdir()
        (home / "db" / "eicar.ndb").write_text(f"Mitmail.Eicar:0:*:{EICAR.hex()}\n")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        (home / "conf").write_text(SETTINGS.format(home=home, port=port))
        process = subprocess.Popen(
            [program, "-c", str(home / "conf")], env=clean_environment(),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            _await_pong(home / "socket", process)
            yield Clamd(home / "socket", port)
        finally:
            process.terminate()
            process.communicate(timeout=SECONDS)
    finally:
        shutil.rmtree(home)


def _await_pong(path: Path, process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        return
    deadline = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as one, contextlib.suppress(OSError):
            one.settimeout(SECONDS)
            one.connect(str(path))
            one.sendall(b"zPING\0")
            if one.recv(5) == b"PONG\0":
                return
    said = process.communicate(timeout=1)[0] if process.poll() is not None else b""
    pytest.fail(f"clamd does not start: {said.decode(errors='replace')}")
