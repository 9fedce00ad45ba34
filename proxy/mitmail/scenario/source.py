"""The text of a file that people wrote: UTF-8, of a sane size, and no traceback."""

from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final, NoReturn

from mitmail.scenario.problem import Problem, ScenarioError

MAX_OCTETS: Final = 1 << 20

type Place = tuple[int, int]
"""Line and column, 1-based, in characters."""


def text(file: Traversable) -> str:
    """Return the text of a file without its byte order mark.

    Raises `ScenarioError` when it is missing, no regular file, over 1 MiB, or not UTF-8.
    """
    octets = _octets(file)
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8", "replace")
        refuse(str(file), place_after(before), "not UTF-8 text: save the file as UTF-8")


def _octets(file: Traversable) -> bytes:
    name = str(file)
    if file.is_dir():
        refuse(name, (1, 1), "is a folder, not a file")
    try:
        if isinstance(file, Path) and file.exists() and not file.is_file():
            refuse(name, (1, 1), "is no regular file")  # a pipe would never end
        with file.open("rb") as stream:
            octets: bytes = stream.read(MAX_OCTETS + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        refuse(name, (1, 1), f"cannot be read: {reason}")
    if len(octets) > MAX_OCTETS:
        refuse(name, (1, 1), "is larger than 1 MiB")
    return octets


def place_after(before: str) -> Place:
    """Return the place of the character that follows this text."""
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def refuse(file: str, place: Place, message: str) -> NoReturn:
    """Raise a `ScenarioError` with this one problem."""
    raise ScenarioError([Problem(file, *place, "", message)]) from None
