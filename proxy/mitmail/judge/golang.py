"""Go's net/smtp, in a small program that is compiled once in a process."""

import atexit
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path

from mitmail.judge import script
from mitmail.judge.client import Client, Job, Target
from mitmail.judge.program import run

COMPILING = 120.0  # seconds; the first time Go may compile its own library too


async def go_smtp(path: str, version: tuple[int, ...]) -> Client | None:
    """Go's net/smtp, by the go command at ``path``; None where it cannot compile."""
    program = _folder() / "smtp"
    if not program.exists():
        source = str(files("mitmail.judge") / "smtp.go")
        command = [path, "build", "-o", str(program), source]
        ended = await run(command, seconds=COMPILING, extra={"CGO_ENABLED": "0", "GOFLAGS": ""})
        if ended.code != 0:
            return None

    def prepare(target: Target, home: Path) -> Job:
        return Job(command=[str(program), script.job(target)])

    return Client("go-smtp", version, frozenset({"smtp"}), prepare, script.read)


@cache
def _folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="mitmail-", ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    return Path(folder.name)
