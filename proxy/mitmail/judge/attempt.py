"""Attempts: what could not be judged is asked once more, and both answers are kept."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from mitmail.judge.cell import Cell
from mitmail.judge.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Attempt:
    """A cell, and the attempts before it.

    ``unstable``: the client answered differently each time. ``earlier`` then holds both answers,
    since neither of them is the cell's.
    """

    cell: Cell
    earlier: tuple[Cell, ...] = ()
    unstable: bool = False


async def attempt(ask: Callable[[], Awaitable[Cell]]) -> Attempt:
    """Ask; an error is asked once more, and no other outcome is.

    A second answer that surely contradicts the first proves that one of them is chance: that is
    an error, and no verdict.
    """
    first = await ask()
    if first.outcome.word != "error":
        return Attempt(first)
    second = await ask()
    if (words := _contradiction(first, second)) is None:
        return Attempt(second, (first,))
    return Attempt(replace(second, outcome=Outcome("error", words)), (first, second), True)


def _contradiction(first: Cell, second: Cell) -> str | None:
    for who, one, other in (
        ("it said", _said(first), _said(second)),
        ("we saw", _seen(first), _seen(second)),
    ):
        if one is not None and other is not None and one != other:
            return f"the client is unstable: {who} {one} first, {other} the second time"
    return None


def _said(cell: Cell) -> str | None:
    return cell.said.verdict if cell.said.verdict != "error" else None


def _seen(cell: Cell) -> str | None:
    seen = cell.seen
    if seen is None or seen.certainty != "sure" or seen.verdict not in {"accept", "reject"}:
        return None
    return seen.verdict
