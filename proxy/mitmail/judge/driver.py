"""The clients that mitmail knows how to ask, and those of them that are here."""

import re
import shutil
from collections.abc import Callable, Iterable

from mitmail.judge.client import Client
from mitmail.judge.curl import curl, curl_ssl
from mitmail.judge.fetchmail import fetchmail
from mitmail.judge.golang import go_smtp
from mitmail.judge.mbsync import mbsync
from mitmail.judge.msmtp import msmtp
from mitmail.judge.neomutt import neomutt
from mitmail.judge.node import PACKAGES, package
from mitmail.judge.offlineimap import offlineimap
from mitmail.judge.program import run
from mitmail.judge.python import aiosmtplib, python
from mitmail.judge.resolution import wrapper
from mitmail.judge.thunderbird.thunderbird import thunderbird
from mitmail.judge.tls_tool import gnutls, openssl

type Maker = Callable[[str, tuple[int, ...]], Client]

# Client: what makes it, the command that it is, and what that prints its version for.
PROGRAMS: dict[str, tuple[Maker, str, str]] = {
    "curl": (curl, "curl", "--version"),
    "curl-ssl": (curl_ssl, "curl", "--version"),
    "openssl": (openssl, "openssl", "version"),
    "gnutls-cli": (gnutls, "gnutls-cli", "--version"),
    "msmtp": (msmtp, "msmtp", "--version"),
    "fetchmail": (fetchmail, "fetchmail", "--version"),
    "mbsync": (mbsync, "mbsync", "--version"),
    "neomutt": (neomutt, "neomutt", "-v"),
    "offlineimap3": (offlineimap, "offlineimap", "--version"),
}
# These look a name up, and cannot be told where it leads.
LED = frozenset({"msmtp", "fetchmail", "mbsync", "neomutt", "offlineimap3"})
LIBRARIES = ("python", "aiosmtplib", "nodemailer", "nodemailer-9.0.2", "imapflow", "go-smtp")
KNOWN = (*PROGRAMS, *LIBRARIES, "thunderbird")


async def found(names: Iterable[str] = ("curl", "openssl")) -> list[Client]:
    """Python, and those of ``names`` (of ``KNOWN``) that this machine has, in their order.

    Raises KeyError for a name that is not known.
    """
    clients = [await _find(name) for name in names if name != "python"]
    return [python(), *(client for client in clients if client is not None)]


async def _find(name: str) -> Client | None:
    if name == "aiosmtplib":
        return aiosmtplib()
    if name == "thunderbird":
        return thunderbird()
    if name == "go-smtp":
        path = shutil.which("go")
        return await go_smtp(path, await _version(path, "version")) if path else None
    if name in PACKAGES:
        path = shutil.which("node")
        return package(name, path) if path else None
    make, command, ask = PROGRAMS[name]
    path = shutil.which(command)
    if path is None or (name in LED and wrapper() is None):
        return None
    return make(path, await _version(path, ask))


async def _version(path: str, ask: str) -> tuple[int, ...]:
    ended = await run([path, ask], seconds=10)
    match = re.search(rb"\d+(\.\d+)+|(?<=NeoMutt )\d{8}", ended.out)
    return tuple(int(part) for part in match[0].split(b".")) if match else (0,)
