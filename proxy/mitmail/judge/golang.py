"""Mail libraries of Go, in small programs that are compiled once in a process."""

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from mitmail.endpoint import MailProtocol
from mitmail.judge import script
from mitmail.judge.client import Client, Job, Target
from mitmail.judge.program import run

COMPILING: Final = 120.0  # seconds; the first time Go may compile its own library too
# Debian's packages of Go are sources in a folder, which no module names.
VARIABLES: Final = {
    "CGO_ENABLED": "0", "GOFLAGS": "", "GO111MODULE": "off", "GOPATH": "/usr/share/gocode",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Compiled:
    """A program: what it is, its source, what it speaks and imports, what to install for it."""

    title: str
    source: str
    protocol: MailProtocol
    install: str
    imports: str = ""


COMPILED: Final = {
    "go-smtp": Compiled("Go's net/smtp", "smtp.go", "smtp", "golang-go"),
    "go-imap": Compiled(
        "emersion's go-imap",
        "imap.go",
        "imap",
        "golang-go golang-github-emersion-go-imap-dev",
        imports="github.com/emersion/go-imap",
    ),
}


def is_here(name: str) -> bool:
    """Whether all that a program of ``COMPILED`` is made with is here; nothing is compiled."""
    sources = Path(VARIABLES["GOPATH"], "src", COMPILED[name].imports)
    return shutil.which("go") is not None and (not COMPILED[name].imports or sources.is_dir())


async def go(name: str, path: str, version: tuple[int, ...]) -> Client | None:
    """A program of ``COMPILED``, by the go command at ``path``; None where it cannot compile."""
    one = COMPILED[name]
    program = _folder() / name
    if not program.exists():
        sources = [str(files("mitmail.judge") / x) for x in (one.source, "said.go")]
        command = [path, "build", "-o", str(program), *sources]
        ended = await run(command, seconds=COMPILING, extra=VARIABLES)
        if ended.code != 0:
            return None

    def prepare(target: Target, home: Path) -> Job:
        return Job(command=[str(program), script.job(target)])

    return Client(name, version, frozenset({one.protocol}), prepare, script.read)


@cache
def _folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="mitmail-", ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    return Path(folder.name)
