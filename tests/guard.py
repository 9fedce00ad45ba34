"""A guard before this machine's trust stores: whatever is broken in the code, no test changes one.

It is an audit hook (PEP 578) of the tests' own process and of the forge, which every forked
command inherits. Other programs are not watched; those that change a store are not started.
"""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

# In the environment: the stores, by ":", in whose place a mount namespace has copies.
COPIES: Final = "STORES_THAT_ARE_COPIES"

STORES: Final = (
    "/etc/ssl", "/usr/local/share/ca-certificates", "/etc/ca-certificates", "/etc/pki",
    "/var/lib/ca-certificates", "/usr/lib/jvm", "/etc/thunderbird", "/etc/firefox",
)  # fmt: skip
_GUARDED: Final = tuple(
    store for store in STORES if store not in os.environ.get(COPIES, "").split(":")
)

_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
# Which arguments are names that come, go or mean another file: a link itself, not its target.
_NAMES: Final = {
    "os.rename": (0, 1), "os.link": (1,), "os.symlink": (1,), "os.remove": (0,), "os.rmdir": (0,),
    "os.mkdir": (0,),
}  # fmt: skip
_STARTS: Final = {"subprocess.Popen": 1, "os.exec": 1, "os.posix_spawn": 1, "os.system": 0}
_CHANGER: Final = re.compile(r"\bupdate-ca-(certificates|trust)\b|\badd-trusted-cert\b")
_KEYTOOL: Final = re.compile(r"\bkeytool\b.*(-importcert|-delete|-importkeystore)\b", re.DOTALL)


class TrespassError(BaseException):
    """A test was about to change a trust store of this machine. No code may catch this."""


def stand() -> None:
    """Guard the stores from here on, in this process and in all that it forks."""
    if sys.platform != "win32":
        sys.addaudithook(_watch)


def _watch(event: str, details: tuple[Any, ...]) -> None:
    if event == "open":
        path, _, flags = details
        if isinstance(flags, int) and flags & _WRITES:
            _keep_off(path)
    elif event in {"os.truncate", "os.chmod"}:
        _keep_off(details[0])
    elif event in _NAMES:
        for at in _NAMES[event]:
            name = os.path.abspath(os.fsdecode(details[at]))  # noqa: PTH100 - see _keep_off
            _keep_off(os.path.dirname(name), name)  # noqa: PTH120 - see _keep_off
    elif event in _STARTS:
        _question(details[_STARTS[event]])


def _keep_off(path: Any, *names: str) -> None:
    if isinstance(path, int):
        return
    # Not by pathlib: it is thrice as slow, and this is asked at every file that a test writes.
    places = (os.path.realpath(os.fsdecode(path)), *names)
    for place in places:
        if any(place == store or place.startswith(f"{store}/") for store in _GUARDED):
            raise TrespassError(f"a test was about to change {place}")


def _question(command: str | bytes | Sequence[Any]) -> None:
    words = [command] if isinstance(command, str | bytes) else list(command)
    said = [os.fsdecode(word) for word in words if isinstance(word, str | bytes | os.PathLike)]
    if not said or Path(said[0]).name == "unshare":
        return  # what it starts has stores of its own
    line = " ".join(said)
    if _CHANGER.search(line):
        raise TrespassError(f"a test was about to run {line[:200]}")
    if _KEYTOOL.search(line):
        stores = [said[at + 1] for at, word in enumerate(said[:-1]) if word.endswith("keystore")]
        if "-cacerts" in line.split() or not stores:
            raise TrespassError(f"a test was about to run {line[:200]}")
        for each in stores:
            if "-importkeystore" in said and each == _source(said):
                continue
            _keep_off(each)


def _source(said: Sequence[str]) -> str | None:
    """Where ``keytool -importkeystore`` reads from."""
    return said[said.index("-srckeystore") + 1] if "-srckeystore" in said else None
