"""The clients that mitmail knows how to ask, and those of them that are here."""

import asyncio
import re
import shlex
import shutil
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from mitmail.endpoint import Endpoint, MailProtocol, TlsMode
from mitmail.errors import CannotJudgeError, MitmailError
from mitmail.judge import described
from mitmail.judge.client import ALL, MODES, Client, Verifies
from mitmail.judge.golang import COMPILED, go
from mitmail.judge.neomutt import SPEAKS as NEOMUTT
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
    protocols: frozenset[MailProtocol]
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
    "python": Coded("Python's imaplib, poplib and smtplib", ALL, "python3", _here(python)),
    "openssl": Coded(
        "openssl s_client, told to verify", ALL, "openssl", _program(openssl, "openssl", "version")
    ),
    "gnutls-cli": Coded(
        "gnutls-cli", ALL, "gnutls-bin", _program(gnutls, "gnutls-cli", "--version")
    ),
    "neomutt": Coded(
        "neomutt", NEOMUTT, "neomutt libnss-wrapper", _program(neomutt, "neomutt", "-v", led=True)
    ),
    "aiosmtplib": Coded(
        "aiosmtplib, of Python", frozenset({"smtp"}), "aiosmtplib by pip", _here(aiosmtplib)
    ),
    "thunderbird": Coded(
        "Thunderbird, on a display of its own", ALL, "thunderbird xvfb", _here(thunderbird)
    ),
    **{
        name: Coded(f"{name}, of Node", protocols, f"{name} by npm", _node(name))
        for name, (_, protocols) in PACKAGES.items()
    },
    **{
        name: Coded(one.title, frozenset({one.protocol}), one.install, _go(name))
        for name, one in COMPILED.items()
    },
}
COMMAND: Final = "command:"
VERSION: Final = 20.0  # seconds for a program to print its version
KNOWN: Final = (*CODED, *loader.client_files())


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A client that mitmail knows: ``client`` is None where it is not here.

    ``lacks`` is what its file needs and is not here, or did not work, where there is a file;
    ``install`` is what to install then, by the names of Debian's packages where not said.
    """

    name: str
    title: str
    install: str
    client: Client | None
    protocols: frozenset[MailProtocol]
    modes: frozenset[TlsMode] = MODES
    verifies: Verifies = "full"
    weaker: Mapping[str, Verifies] = field(default_factory=dict)
    lacks: str = ""

    def speaks(self, endpoint: Endpoint) -> bool:
        """Whether it can be asked on this endpoint."""
        return endpoint.protocol in self.protocols and endpoint.tls in self.modes

    def verifies_on(self, endpoint: Endpoint) -> Verifies:
        """What it verifies on this endpoint."""
        return self.weaker.get(endpoint.name, self.verifies)


async def found(names: Iterable[str] = ("curl", "openssl")) -> list[Client]:
    """Python, and those of ``names`` (of ``KNOWN``) that this machine has, in their order.

    Raises MitmailError for a name that is not known.
    """
    wanted = ["python", *(name for name in names if name != "python")]
    entries = await asyncio.gather(*map(entry, wanted))
    return [one.client for one in entries if one.client is not None]


async def load(name_or_path: str) -> Client:
    """The client of this name, or the one that this file describes.

    With ``command:`` before it, it is a command, split as a shell does. Raises MitmailError for
    one that is not known, and for a wrong file; CannotJudgeError, with what to install, for one
    that is not here.
    """
    if name_or_path.startswith(COMMAND):
        try:
            return command(shlex.split(name_or_path.removeprefix(COMMAND)))
        except ValueError:
            raise MitmailError("in the command: a quote is never closed") from None
    if not is_path(name_or_path) and name_or_path not in KNOWN:
        hint = did_you_mean(name_or_path, KNOWN)
        words = f"no client {name_or_path!r}{hint}: mitmail list --clients names them all"
        raise MitmailError(f"{words}; one of your own is a file, ./{name_or_path}.yaml")
    one = await entry(name_or_path)
    if one.client is None:
        lacks = f"{one.lacks}; " if one.lacks and one.install else ""
        raise CannotJudgeError(f"the client {one.name} is not here: {lacks}{advice(one)}")
    return one.client


def command(words: Sequence[str], protocols: Iterable[MailProtocol] = ALL) -> Client:
    """A user's own command as a client, of which nothing is known but what it says.

    Raises MitmailError for a placeholder that is mistyped, CannotJudgeError for a program that
    is not here.
    """
    if not words:
        raise MitmailError("the command is empty")
    said = loader.command_client(words, tuple(sorted(protocols)))
    program = shutil.which(words[0])
    if program is None:
        raise CannotJudgeError(f"cannot run {words[0]}: there is no such program here")
    return described.make(said, (program, *said.command[1:]), (0,))


def advice(one: Entry) -> str:
    """What to do about a client that is not here."""
    return f"install {one.install}" if one.install else one.lacks or "install what it needs"


async def entry(name_or_path: str) -> Entry:
    """A client that may be here. Raises MitmailError for a name that is not known."""
    if (coded := CODED.get(name_or_path)) is not None:
        client = await coded.make()
        return Entry(
            name=name_or_path,
            title=coded.title,
            install=coded.install,
            client=None if client is None else replace(client, title=coded.title),
            protocols=coded.protocols,
        )
    said = loader.find_client(name_or_path)
    unplaced = described.make(said, said.command, (0,))
    found = await _described(said)
    return Entry(
        name=said.id,
        title=said.title,
        install=" ".join(_packages(said)),
        client=None if isinstance(found, str) else found,
        lacks=found if isinstance(found, str) else "",
        protocols=unplaced.protocols,
        modes=unplaced.modes,
        verifies=unplaced.verifies,
        weaker=unplaced.weaker,
    )


def _packages(said: DescribedClient) -> list[str]:
    wanted = [said.package] if said.package else []
    return wanted + (["libnss-wrapper"] if said.resolve == "wrapper" else [])


async def _described(said: DescribedClient) -> Client | str:
    """The client of a file, or what it lacks."""
    program = shutil.which(said.command[0])
    if program is None:
        return f"there is no program {said.command[0]}"
    if said.resolve == "wrapper" and wrapper() is None:
        return "there is no nss_wrapper"
    for need in said.needs:
        if not (shutil.which(need) or Path(need).exists()):
            return f"there is no {need}, which it needs"
    version = await _asked_version(said.version) if said.version else (0,)
    if isinstance(version, str):
        return version
    return described.make(said, (program, *said.command[1:]), version)


async def _version(command: Sequence[str]) -> tuple[int, ...] | None:
    """The version that a command prints; None when the command fails."""
    found = await _asked_version(command)
    return None if isinstance(found, str) else found


async def _asked_version(command: Sequence[str]) -> tuple[int, ...] | str:
    """The version that a command prints, or how the command failed."""
    asked = f"what prints its version ({shlex.join(command)})"
    try:
        ended = await run([*command], seconds=VERSION)
    except CannotJudgeError as error:
        return f"{asked} fails: {error}"
    if ended.code is None:
        return f"{asked} did not end in {VERSION:g} s"
    if ended.code != 0:
        return f"{asked} ended with {ended.code}"
    match = re.search(rb"\d+(\.\d+)+|(?<=NeoMutt )\d{8}", ended.out + ended.err)
    return tuple(int(part) for part in match[0].split(b".")) if match else (0,)
