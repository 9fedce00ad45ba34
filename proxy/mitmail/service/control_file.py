"""Control files: where a running ``mitmail serve`` can be told things, and the token for it.

Each lies in the folder ``run`` of mitmail's data folder, or where ``--ready-json`` names it; it is
readable by its user alone, and gone when the process ends in order.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mitmail.errors import CannotJudgeError, MitmailError
from mitmail.pki import file
from mitmail.service.place import is_loopback

SCHEMA = 1
FOLDER = "run"
ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlFile:
    """Where it listens, what it wants to hear, and what its user started it with.

    ``port_offset`` is None for a run with free ports.
    """

    host: str
    port: int
    token: str
    pid: int
    port_offset: int | None

    def write(self, path: Path) -> None:
        """Write the file, 0600 in a folder of its user's; raises MitmailError."""
        content = json.dumps({"schema": SCHEMA} | asdict(self)).encode() + b"\n"
        for attempt in range(ATTEMPTS):
            try:
                file.make_folder(path.parent)
                file.write(path, content, 0o600)
            except MitmailError:
                # Another run may just have taken the empty folder away with it.
                if attempt == ATTEMPTS - 1 or path.parent.exists():
                    raise
            else:
                return


def read(path: Path) -> ControlFile:
    """Read a control file; raises MitmailError that names it."""
    content = file.read(path)
    if content is None:
        raise CannotJudgeError(f"{path}: there is no such file: that mitmail serve has ended")
    try:
        said = json.loads(content)
        if said.pop("schema") != SCHEMA:
            raise MitmailError(f"{path}: written by another version of mitmail")
        found = ControlFile(**{key: _checked(said, key) for key in _FORM})
    except (ValueError, LookupError, AttributeError, TypeError):
        raise MitmailError(f"{path}: not a control file of mitmail serve") from None
    if not is_loopback(found.host):
        raise MitmailError(f"{path}: {found.host} is not this machine")
    return found


_FORM: dict[str, Callable[[Any], bool]] = {
    "host": lambda x: isinstance(x, str),
    "port": lambda x: isinstance(x, int) and 0 < x < 65536,
    "token": lambda x: isinstance(x, str),
    "pid": lambda x: isinstance(x, int),
    "port_offset": lambda x: x is None or isinstance(x, int),
}


def _checked(said: dict[str, Any], key: str) -> Any:
    if not _FORM[key](said[key]):
        raise ValueError(key)
    return said[key]


def paths(data: Path) -> list[Path]:
    """The control files in a data folder, also those of processes that were killed."""
    return sorted((data / FOLDER).glob("serve-*.json"))


def remove(path: Path) -> None:
    """Remove a control file, and what is empty then of the folders that were made for it."""
    with suppress(MitmailError):
        file.remove(path)
    if path.parent.name == FOLDER:
        for folder in (path.parent, path.parent.parent):
            with suppress(OSError):  # not empty: there is more of ours
                folder.rmdir()
