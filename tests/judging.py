"""The bench of the judge: impostors as client files, and real runs of ``mitmail judge``."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import clean_environment

# Not python -m mitmail: that looks into the current folder for modules, as its user asked for.
MITMAIL = [shutil.which("mitmail", path=str(Path(sys.executable).parent)) or "mitmail"]
CLIENT = """\
title: An impostor, {role}
command: "{python} -I {program} {role} {{host}} {{port}} {{name}} {{root}} {{user}} {{password}}"
protocols: [imap]
modes: [implicit]
refuses: [{{exit: [60]}}]
{more}
"""
# Two that share something, of which there is one.
SHARING = ("blind", "liar", "jealous", "jealous-too")


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a run: its exit code, what it printed, and its records by cell."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def head(self) -> dict[str, Any]:
        return self.records[0]

    @property
    def records(self) -> list[dict[str, Any]]:
        text = (self.folder / "results.ndjson").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    @property
    def cells(self) -> dict[str, dict[str, Any]]:
        return {record["cell"]: record for record in self.records[1:]}


def impostors(folder: Path, *roles: str) -> list[Path]:
    """Client files of impostors in a folder."""
    program = folder / "impostor.py"
    shutil.copy(Path(__file__).with_name("impostor.py"), program)
    files = []
    for role in roles:
        file = folder / f"{role}.yaml"
        more = "exclusive: screen" if role in SHARING else ""
        said = CLIENT.format(role=role, python=sys.executable, program=program, more=more)
        file.write_text(said)
        files.append(file)
    return files


def judge(*words: str | Path, folder: Path, cwd: Path | None = None, **environment: str) -> Judged:
    """A real run, to its end."""
    command = [*MITMAIL, "judge", *map(str, words), "-o", str(folder)]
    ended = subprocess.run(
        command,
        env=clean_environment(**environment),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Judged(ended.returncode, ended.stdout, ended.stderr, folder)


def start(
    words: Sequence[str | Path], folder: Path, **environment: str
) -> "subprocess.Popen[str]":
    """A real run that goes on, in a session of its own."""
    return subprocess.Popen(
        [*MITMAIL, "judge", *map(str, words), "-o", str(folder)],
        env=clean_environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # What runs in the background of a shell ignores interrupts, and so would this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def is_gone(pid: int) -> bool:
    """Whether there is no such process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
