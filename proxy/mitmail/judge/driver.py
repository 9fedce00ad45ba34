"""The clients that mitmail knows how to ask, and those of them that are here."""

import re
import shutil

from mitmail.judge.client import Client
from mitmail.judge.curl import curl
from mitmail.judge.program import run
from mitmail.judge.python import python
from mitmail.judge.tls_tool import gnutls, openssl

PROGRAMS = {
    "curl": (curl, "--version"),
    "openssl": (openssl, "version"),
    "gnutls-cli": (gnutls, "--version"),
}


async def found(names: tuple[str, ...] = ("curl", "openssl")) -> list[Client]:
    """Python, and those of ``names`` that this machine has."""
    clients = [python()]
    for name in names:
        path = shutil.which(name)
        if path is not None:
            make, ask = PROGRAMS[name]
            clients.append(make(path, await _version(path, ask)))
    return clients


async def _version(path: str, ask: str) -> tuple[int, ...]:
    ended = await run([path, ask], seconds=10)
    match = re.search(rb"(\d+)\.(\d+)\.(\d+)", ended.out)
    return tuple(int(part) for part in match.groups()) if match else (0,)
