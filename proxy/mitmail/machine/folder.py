"""mitmail's data folder: can it be written, and is what is private in it private?"""

import os
import shlex
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mitmail.machine.check import Check
from mitmail.pki.store import data_folder
from mitmail.service import control_file

# Roots for import elsewhere lie beside them, for everybody to read.
PRIVATE: Final = ("*.key", "*.secret", "keys/*.pem", f"{control_file.FOLDER}/*.json")
NAMED: Final = 2  # paths in one line


def folder() -> Path:
    """Where it is."""
    return data_folder(os.environ, sys.platform)


def writable(path: Path) -> Iterator[Check]:
    """Whether mitmail can keep its root and its keys there; nothing is made to find out."""
    there = next(x for x in (path, *path.absolute().parents) if _exists(x))
    if not there.is_dir():
        words = f"{there} is a file, and {path} has to be a folder"
        fix = "move it away, or set MITMAIL_HOME to another folder"
        yield Check(id="folder", status="broken", words=words, fix=fix, serves=True)
    elif not os.access(there, os.W_OK | os.X_OK):
        words = f"{path}, where mitmail keeps its root and its keys, cannot be written"
        fix = "set MITMAIL_HOME to a folder of your own"
        if there == path:  # as after a sudo mitmail
            fix = f"sudo chown -R $USER {shlex.quote(str(path))}, or {fix}"
        yield Check(id="folder", status="broken", words=words, fix=fix, serves=True)
    else:
        made = "" if there == path else ", made when something is first kept"
        yield Check(id="folder", status="ok", words=f"data folder {path}{made}", serves=True)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:  # that is said of the folder above it
        return False


def private(path: Path) -> Iterator[Check]:
    """Whether nobody else can read its keys and secrets."""
    if sys.platform == "win32" or not _exists(path) or not os.access(path, os.R_OK | os.X_OK):
        return
    files = [x for pattern in PRIVATE for x in sorted(path.glob(pattern)) if x.is_file()]
    seen = [x for x in files if stat.S_IMODE(x.stat().st_mode) & 0o077]
    if seen:
        names = " ".join(shlex.quote(str(x)) for x in seen[:NAMED])
        more = f" and {len(seen) - NAMED} more" if len(seen) > NAMED else ""
        words = f"others can read private keys, {names}{more}"
        fix = f"chmod -R go= {shlex.quote(str(path))}"
        yield Check(id="keys", status="broken", words=words, fix=fix)
    elif files:
        words = f"{len(files)} private files in it, which nobody else can read"
        yield Check(id="keys", status="ok", words=words)
