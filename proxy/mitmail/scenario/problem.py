"""One thing that is wrong in a file, and the error that carries them all."""

from collections.abc import Iterable
from dataclasses import dataclass

from mitmail.errors import MitmailError


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a file, with its place.

    ``line`` and ``col`` count from 1, in characters. ``path`` is the key, such as
    ``server.leaf.names[0]``, and is empty when the whole file is meant.
    """

    file: str
    line: int
    col: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.col}"
        return ": ".join(part for part in (where, self.path, self.message) if part)


class ScenarioError(MitmailError):
    """A scenario file or a vendor profile is wrong; ``errors`` holds all that is wrong in it.

    The message has one line per problem: ``file:line:col: path: message``.
    """

    def __init__(self, errors: Iterable[Problem]) -> None:
        self.errors = sorted(errors)
        super().__init__(self.errors)

    def __str__(self) -> str:
        return "\n".join(map(str, self.errors))
