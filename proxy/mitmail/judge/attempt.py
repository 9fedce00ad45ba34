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
    said, seen = (_said(first), _said(second)), (_seen(first), _seen(second))
    if None not in said and said[0] != said[1]:
        return f"the client is unstable: it said {said[0]} first, {said[1]} the second time"
    # A refusal is always possible where an accept is only suspected.
    if None not in seen and seen[0] != seen[1] and (_accepted(first) or _accepted(second)):
        return f"the client is unstable: we saw {seen[0]} first, {seen[1]} the second time"
    # A client that lies twice in the same words is no unstable one: what it says is an error.
    if _accepted(first) and said[1] == "reject" and not _accepted(second):
        return "the client is unstable: we saw accept first, it said reject the second time"
    return None


def _said(cell: Cell) -> str | None:
    return cell.said.verdict if cell.said.verdict != "error" else None


def _seen(cell: Cell) -> str | None:
    seen = cell.seen
    return seen.verdict if seen is not None and seen.verdict in {"accept", "reject"} else None


def _accepted(cell: Cell) -> bool:
    return cell.seen is not None and (cell.seen.verdict, cell.seen.certainty) == ("accept", "sure")
