"""The clients that mitmail knows how to ask, and those of them that are here."""

import asyncio
import re
import shutil
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mitmail.errors import CannotJudgeError, MitmailError
from mitmail.judge import described
from mitmail.judge.client import Client, Verifies
from mitmail.judge.golang import COMPILED, go
from mitmail.judge.neomutt import neomutt
from mitmail.judge.node import PACKAGES, package
from mitmail.judge.program import run
from mitmail.judge.python import aiosmtplib, python
from mitmail.judge.resolution import wrapper
from mitmail.judge.thunderbird.thunderbird import thunderbird
from mitmail.judge.tls_tool import gnutls, openssl
from mitmail.scenario import loader
from mitmail.scenario.client import DescribedClient
from mitmail.scenario.word import did_you_mean, is_path

type Maker = Callable[[], Awaitable[Client | None]]


@dataclass(frozen=True, slots=True)
class Coded:
    """A client that is code: what it is, and what to install where it is not here."""

    title: str
    install: str
    make: Maker


def _program(
    make: Callable[[str, tuple[int, ...]], Client], command: str, ask: str, *, led: bool = False
) -> Maker:
    async def found() -> Client | None:
        path = shutil.which(command)
        # It looks a name up, and cannot be told where it leads.
        if path is None or (led and wrapper() is None):
            return None
        return make(path, await _version([path, ask]) or (0,))

    return found


def _node(name: str) -> Maker:
    async def found() -> Client | None:
        path = shutil.which("node")
        return package(name, path) if path else None

    return found


def _go(name: str) -> Maker:
    async def found() -> Client | None:
        path = shutil.which("go")
        return await go(name, path, await _version([path, "version"]) or (0,)) if path else None

    return found


def _here(client: Callable[[], Client | None]) -> Maker:
    async def found() -> Client | None:
        return client()

    return found


CODED: Final[dict[str, Coded]] = {
    "python": Coded("Python's imaplib, poplib and smtplib", "", _here(python)),
    "openssl": Coded(
        "openssl s_client, told to verify", "openssl", _program(openssl, "openssl", "version")
    ),
    "gnutls-cli": Coded("gnutls-cli", "gnutls-bin", _program(gnutls, "gnutls-cli", "--version")),
    "neomutt": Coded("neomutt", "neomutt", _program(neomutt, "neomutt", "-v", led=True)),
    "aiosmtplib": Coded("aiosmtplib, of Python", "pip: aiosmtplib", _here(aiosmtplib)),
    "thunderbird": Coded(
        "Thunderbird, on a display of its own", "thunderbird xvfb", _here(thunderbird)
    ),
    **{name: Coded(f"{name}, of Node", f"npm: {name}", _node(name)) for name in PACKAGES},
    **{name: Coded(x.title, x.install, _go(name)) for name, x in COMPILED.items()},
}
KNOWN: Final = (*CODED, *loader.client_files())


@dataclass(frozen=True, slots=True)
class Entry:
    """A client that mitmail knows: ``client`` is None where it is not here.

    ``install`` is what to install then, and ``verifies`` what a described one verifies.
    """

    name: str
    title: str
    install: str
    client: Client | None
    verifies: Verifies = "full"


async def found(names: Iterable[str] = ("curl", "openssl")) -> list[Client]:
    """Python, and those of ``names`` (of ``KNOWN``) that this machine has, in their order.

    Raises KeyError for a name that is not known.
    """
    wanted = ["python", *(name for name in names if name != "python")]
    entries = await asyncio.gather(*map(entry, wanted))
    return [one.client for one in entries if one.client is not None]


async def load(name_or_path: str) -> Client:
    """The client of this name, or the one that this file describes.

    Raises MitmailError for one that is not known, and for a wrong file; CannotJudgeError, with
    what to install, for one that is not here.
    """
    if not is_path(name_or_path) and name_or_path not in KNOWN:
        hint = did_you_mean(name_or_path, KNOWN)
        words = f"no client {name_or_path!r}{hint}: mitmail list --clients names them all"
        raise MitmailError(f"{words}; one of your own is a file, ./{name_or_path}.yaml")
    one = await entry(name_or_path)
    if one.client is None:
        raise CannotJudgeError(f"the client {one.name} is not here: {advice(one)}")
    return one.client


def advice(one: Entry) -> str:
    """What to do about a client that is not here."""
    if one.name in CODED and wrapper() is None and one.name == "neomutt":
        return "install neomutt and libnss-wrapper"
    return f"install {one.install}" if one.install else "install the programs that its file names"


async def entry(name_or_path: str) -> Entry:
    """A client that may be here. Raises KeyError for a name that is not known."""
    if (coded := CODED.get(name_or_path)) is not None:
        client = await coded.make()
        if client is not None:
            client = replace(client, title=coded.title)
        return Entry(name_or_path, coded.title, coded.install, client)
    file = Path(name_or_path) if is_path(name_or_path) else loader.client_files()[name_or_path]
    said = loader.load_client(file)
    install = " ".join(_packages(said))
    verifies = said.verifies.get("otherwise", "full")
    return Entry(said.id, said.title, install, await _described(said), verifies)


def _packages(said: DescribedClient) -> list[str]:
    wanted = [said.package] if said.package else []
    return wanted + (["libnss-wrapper"] if said.resolve == "wrapper" and wrapper() is None else [])


async def _described(said: DescribedClient) -> Client | None:
    program = shutil.which(said.command[0])
    if program is None or (said.resolve == "wrapper" and wrapper() is None):
        return None
    if not all(shutil.which(need) or Path(need).exists() for need in said.needs):
        return None
    version = await _version(said.version) if said.version else (0,)
    command = (program, *said.command[1:])
    return described.make(said, command, version) if version is not None else None


async def _version(command: Iterable[str]) -> tuple[int, ...] | None:
    """The version that a command prints; None when the command fails."""
    try:
        ended = await run([*command], seconds=20)
    except CannotJudgeError:
        return None
    if ended.code != 0:
        return None
    match = re.search(rb"\d+(\.\d+)+|(?<=NeoMutt )\d{8}", ended.out + ended.err)
    return tuple(int(part) for part in match[0].split(b".")) if match else (0,)
