"""Screenshots: kept beside the results, and named in them."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Final

from mitmail.errors import MitmailError
from mitmail.judge.result import Run

FOLDER: Final = "screenshots"


def keep(picture: bytes | None, index: int, cell: str, folder: Path | None) -> str | None:
    """Write a PNG into a folder of results; its name there, None where nothing is kept.

    ``index`` is the cell's in its plan, so that no name is there twice, in no shard.
    """
    if picture is None or folder is None:
        return None
    name = f"{FOLDER}/{index:04}-{re.sub(r'[^\w.+=-]+', '-', cell)}.png"
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(picture)
    return name


def gather(run: Run, sources: Iterable[Path], into: Path) -> None:
    """Copy the screenshots of a merged run from the folders of its shards. Raises MitmailError."""
    names = [one.screenshot for one in run.results if one.screenshot is not None]
    for source in sources:
        for name in filter(_is_below, names):
            found, wanted = source / name, into / name
            if found.is_file() and found.resolve() != wanted.resolve():
                _copy(found, wanted)


def _is_below(name: str) -> bool:
    """Whether a name leads into the folder; results may come from somebody else."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name


def _copy(found: Path, wanted: Path) -> None:
    try:
        wanted.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found, wanted)
    except OSError as error:
        raise MitmailError(f"cannot copy {found} to {wanted}: {error.strerror}") from None
