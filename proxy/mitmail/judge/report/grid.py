"""The matrix of a run: clients across, cases down, and in each square what the client did."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from mitmail.endpoint import ENDPOINTS
from mitmail.judge.report import phrase
from mitmail.judge.result import Result, Run


@dataclass(frozen=True, slots=True)
class Mark:
    """What one client did in one case, alike on these endpoints."""

    results: tuple[Result, ...]
    everywhere: bool
    """On all endpoints on which this client was put to this case."""

    @property
    def first(self) -> Result:
        """The one that stands for all."""
        return self.results[0]

    @property
    def outcome(self) -> str:
        """The outcome's word, as it stands in the record."""
        return self.first.outcome

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Their names, in the usual order."""
        return tuple(x.endpoint for x in self.results)

    @property
    def where(self) -> str:
        """Their names for a person."""
        count = len(self.results)
        if self.everywhere and count > 1:
            return "both endpoints" if count == 2 else f"all {count} endpoints"
        return ", ".join(self.endpoints)


@dataclass(frozen=True, slots=True)
class Row:
    """One case: a result that tells what it is about, and each client's marks, by its name."""

    case: str
    about: Result
    marks: dict[str, tuple[Mark, ...]]


@dataclass(frozen=True, slots=True)
class Grid:
    """``clients`` are the columns; ``groups`` the rows, under the name of their group."""

    clients: tuple[str, ...]
    groups: tuple[tuple[str, tuple[Row, ...]], ...]

    @property
    def rows(self) -> Iterator[Row]:
        """All rows, from top to bottom."""
        return (row for _, rows in self.groups for row in rows)


def grid(run: Run) -> Grid:
    """The matrix of a run; the control's group first, everything else in the plan's order."""
    clients = tuple(dict.fromkeys(one.client for one in run.results))
    cases: dict[str, list[Result]] = {}
    for one in run.results:
        cases.setdefault(one.case, []).append(one)
    rows = [Row(case, found[0], _marks(found)) for case, found in cases.items()]
    groups: dict[str, list[Row]] = {}
    for row in sorted(rows, key=_order):
        groups.setdefault(row.about.group, []).append(row)
    return Grid(clients, tuple((name, tuple(found)) for name, found in groups.items()))


def _order(row: Row) -> tuple[object, ...]:
    """Each scenario bare, then behind an antivirus, then what else there is of it."""
    about = row.about
    return (
        about.group != "control",
        about.group,
        about.scenario,
        about.antivirus != "none",
        row.case,
    )


def _marks(found: Iterable[Result]) -> dict[str, tuple[Mark, ...]]:
    of_client: dict[str, list[Result]] = {}
    for one in found:
        of_client.setdefault(one.client, []).append(one)
    return {client: marks(results) for client, results in of_client.items()}


def marks(results: Sequence[Result]) -> tuple[Mark, ...]:
    """One client's results in one case, those that are alike together; the worst first."""
    ordered = sorted(results, key=lambda x: (*_gist(x), _place(x)))
    found = [tuple(alike) for _, alike in groupby(ordered, key=_gist)]
    return tuple(Mark(alike, everywhere=len(found) == 1) for alike in found)


def _gist(result: Result) -> tuple[int, str, str, str, bool]:
    rank = list(phrase.OUTCOMES).index(result.outcome) if result.outcome in phrase.OUTCOMES else -1
    # The same refusal may name its reason on one endpoint and not on the other.
    reason = "" if result.outcome == "pass" else phrase.reason(result) or ""
    return rank, result.outcome, phrase.deed(result), reason, result.unstable


def _place(result: Result) -> int:
    names = list(ENDPOINTS)
    return names.index(result.endpoint) if result.endpoint in names else len(names)
