"""Other people's programs that change trust stores: found, run, and never waited for in vain."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mitmail.errors import CannotJudgeError

SECONDS: Final = 60.0  # update-ca-certificates takes 1 s here, and 20 s on a small board

# The Debian package that brings each program, and where others find it.
_BROUGHT_BY: Final = {
    "certutil": "apt install libnss3-tools (Fedora: nss-tools, macOS: brew install nss)",
    "keytool": "apt install default-jre-headless, or set JAVA_HOME",
    "update-ca-certificates": "apt install ca-certificates",
    "update-ca-trust": "dnf install ca-certificates",
}
_LEFT_OUT: Final = ("LD_PRELOAD", "NSS_", "SSL_DIR", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended; its text is both streams, for a message."""

    code: int
    out: str
    text: str


def find(program: str) -> str:
    """The path of a program; raises CannotJudgeError that names the package that brings it."""
    # Debian keeps update-ca-certificates where only root looks.
    path = os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/sbin"
    found = shutil.which(program, path=path)
    foreign = sys.platform == "win32" and "system32" in (found or "").lower()
    if found is None or foreign:
        # Windows has a certutil of its own, which knows nothing of NSS.
        raise CannotJudgeError(f"{program} is missing: {_BROUGHT_BY[program]}")
    return found


def run(
    command: Sequence[str], *, give: bytes = b"", seconds: float = SECONDS, **extra: str
) -> Ended:
    """Run a command in plain English with ``give`` on its standard input.

    Raises CannotJudgeError when it cannot be started, or does not end in time: it is ended then.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_LEFT_OUT)}
    try:
        ended = subprocess.run(
            list(command),
            input=give,
            capture_output=True,
            env=kept | {"LC_ALL": "C"} | extra,
            timeout=seconds,
            check=False,
            # A session of its own has no terminal to ask a password on.
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise CannotJudgeError(f"{command[0]} has not ended in {seconds:.0f} s") from None
    except OSError as error:
        raise CannotJudgeError(f"{command[0]}: {error.strerror}") from None
    out, err = (stream.decode(errors="replace") for stream in (ended.stdout, ended.stderr))
    return Ended(ended.returncode, out, f"{err}\n{out}".strip())


def complaint(ended: Ended) -> str:
    """The line in which a program said what was wrong."""
    lines = [line for line in ended.text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"exit code {ended.code}"
