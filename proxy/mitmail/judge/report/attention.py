"""What somebody has to look at: the cells that are not as they should be, alike ones together."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby

from mitmail.judge.report import grid, phrase
from mitmail.judge.report.grid import Mark
from mitmail.judge.result import Result, Run


@dataclass(frozen=True, slots=True)
class Item:
    """One client in one case, on all endpoints where the same came of it."""

    mark: Mark

    @property
    def first(self) -> Result:
        """The cell that stands for all."""
        return self.mark.first

    @property
    def sentence(self) -> str:
        """What the client did, and in which case: ``curl accepts: expired, behind norton``."""
        one = self.first
        # It may have failed by itself: nothing is said of what it does in the case.
        if one.outcome == "error":
            return f"{one.client} in {phrase.case(one)}"
        return f"{one.client} {phrase.deed(one)}{_because(one)}: {phrase.case(one)}"

    @property
    def evidence(self) -> str | None:
        """What our side saw."""
        return None if self.first.seen is None else str(self.first.seen.get("evidence") or "")


@dataclass(frozen=True, slots=True)
class Heap:
    """Items that have the same outcome: one client's, or ``client`` is empty."""

    outcome: str
    client: str
    items: tuple[Item, ...]

    @property
    def cells(self) -> int:
        """How many cells they are."""
        return sum(len(x.mark.results) for x in self.items)

    @property
    def scenarios(self) -> str:
        """In which scenarios they are."""
        return ", ".join(dict.fromkeys(x.first.scenario for x in self.items))


def heaps(found: Iterable[Item]) -> list[Heap]:
    """Items in their order: what is only advised against together, else by client."""

    def of(item: Item) -> tuple[str, str]:
        one = item.first
        return one.outcome, "" if one.outcome == "warn" else one.client

    return [Heap(*key, tuple(alike)) for key, alike in groupby(found, key=of)]


def items(run: Run) -> list[Item]:
    """What is to be looked at: the worst first, in the plan's order."""
    return [Item(mark) for mark in _marks(run, lambda x: x.outcome in phrase.ATTENTION)]


def unstable(run: Run) -> list[Item]:
    """The cells that came out differently when they were tried again."""
    return [Item(mark) for mark in _marks(run, lambda x: x.unstable)]


def _marks(run: Run, wanted: Callable[[Result], bool]) -> list[Mark]:
    found = sorted(filter(wanted, run.results), key=lambda x: (_rank(x), x.client, x.index))
    total = Counter((x.client, x.case) for x in run.results)
    marks: list[Mark] = []
    for (client, case), alike in groupby(found, key=lambda x: (x.client, x.case)):
        for mark in grid.marks(list(alike)):
            everywhere = len(mark.results) == total[client, case]
            marks.append(Mark(mark.results, everywhere=everywhere))
    return sorted(marks, key=lambda x: _rank(x.first))


def _rank(result: Result) -> int:
    return list(phrase.OUTCOMES).index(result.outcome) if result.outcome in phrase.OUTCOMES else -1


def _because(result: Result) -> str:
    reason = phrase.reason(result)
    return f" ({reason})" if reason else ""
