"""``mitmail switch`` and ``mitmail compare`` against a running serve, as their user types them."""

import asyncio
import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

from mitmail.service.control_file import read as control_file_of
from mitmail.service.remote import Remote
from serve.program import MITMAIL, SECONDS, environment, mitmail
from serve.serving import ForProgram


def control_file(serving: ForProgram) -> Path:
    return Path(serving.ready["control"]["file"])


def switch(
    serving: ForProgram, *arguments: str, home: Path = Path("/nonexistent")
) -> subprocess.CompletedProcess[str]:
    """``mitmail switch`` for the run that named its control file."""
    return mitmail("switch", *arguments, "--control", str(control_file(serving)), home=home)


def asked(serving: ForProgram, verb: str, **said: object) -> Any:
    """What a running serve answers; the command would take a second to start."""
    file = control_file(serving)
    return asyncio.run(Remote(file, control_file_of(file)).ask(verb, **said))


def switched(serving: ForProgram, scenario: str | None = None, **said: object) -> Any:
    """What a switch that has to succeed answers."""
    return asked(serving, "switch", scenario=scenario, **said)


def compare(
    serving: ForProgram, *arguments: str, command: tuple[str, ...], **extra: str
) -> subprocess.CompletedProcess[str]:
    """``mitmail compare`` with a client's command."""
    control = ("--control", str(control_file(serving)))
    environ = environment(Path("/nonexistent"), LC_ALL="C", **extra)
    return subprocess.run(
        [*MITMAIL, "compare", *control, *arguments, "--", *command],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environ, timeout=2 * SECONDS,
    )  # fmt: skip


def raw(place: tuple[str, int], octets: bytes) -> bytes:
    """All that comes back for some octets."""
    with socket.create_connection(place, SECONDS) as plain:
        plain.sendall(octets)
        return b"".join(iter(lambda: plain.recv(65536), b""))


def token(file: Path) -> str:
    said: str = json.loads(file.read_text())["token"]
    return said


def led(folder: Path, host: str, name: str) -> dict[str, str]:
    """The environment in which a name leads to a host, for programs that look it up."""
    hosts = folder / "hosts"
    hosts.write_text(f"{host} {name}\n")
    assert os.name == "posix"
    return {"LD_PRELOAD": "libnss_wrapper.so", "NSS_WRAPPER_HOSTS": str(hosts)}
