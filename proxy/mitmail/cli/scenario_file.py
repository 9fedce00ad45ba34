"""A new scenario file of the user's own: never one over another, never by a shipped name."""

from pathlib import Path

from mitmail.errors import MitmailError
from mitmail.scenario import loader


def write_new(file: Path, text: str) -> None:
    """Write a scenario file that is not there yet.

    Raises MitmailError for a name that is no id or ships with mitmail, for a file that is already
    there, and for one that cannot be written.
    """
    if problem := loader.id_problem(file.stem):
        raise MitmailError(f"{file}: the file's name is the id of the scenario: {problem}")
    if file.stem in loader.shipped():
        raise MitmailError(f"{file.stem!r} ships with mitmail: choose another name")
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        raise MitmailError(f"{file} is already there: choose another name, or edit it") from None
    except OSError as error:
        raise MitmailError(f"{file} cannot be written: {error.strerror}") from None
