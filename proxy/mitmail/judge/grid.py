"""The grid: the cells of a run by their names, in one order, and the part of them that is ours."""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from mitmail.endpoint import ENDPOINTS
from mitmail.errors import MitmailError
from mitmail.judge import sources
from mitmail.judge.brief import Brief, expand
from mitmail.judge.client import Client
from mitmail.judge.result import Shard
from mitmail.scenario import loader
from mitmail.scenario.matrix import BARE, HEALTHY, MatrixFile
from mitmail.scenario.matrix_loader import selected
from mitmail.scenario.model import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One cell that is to be asked; ``index`` is its place in the whole grid.

    ``xfail`` is why it is known to fail, ``exclusive`` what its client shares with others.
    """

    index: int
    client: str
    brief: Brief
    endpoint: str
    xfail: str | None = None
    exclusive: str | None = None

    @property
    def name(self) -> str:
        """``client/case/endpoint``."""
        return f"{self.client}/{self.brief.id}/{self.endpoint}"


@dataclass(frozen=True, slots=True)
class Grid:
    """All cells of a run, of every shard.

    ``sources`` are the digests of what they are made of, by name.
    """

    entries: tuple[Entry, ...]
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The names of all cells, in their order."""
        return [entry.name for entry in self.entries]

    @property
    def plan(self) -> str:
        """What tells this grid from any other."""
        return digest(self.names, self.sources)

    def of(self, shard: Shard) -> tuple[Entry, ...]:
        """Every so many-th cell: each shard has its part of every client's."""
        return self.entries[shard.index - 1 :: shard.total]


def digest(names: Iterable[str], made_of: Mapping[str, str] | None = None) -> str:
    """The SHA-256 of the names of cells in their order, and of what they are made of."""
    lines = [*names, *(f"{each} {said}" for each, said in sorted((made_of or {}).items()))]
    return sources.digest("".join(f"{line}\n" for line in lines))


def make(matrix: MatrixFile, clients: Sequence[Client], only: Sequence[str] = ()) -> Grid:
    """All cells of a matrix that match any pattern of ``only``, sorted by name.

    The healthy server is among the cases of every matrix. Raises MitmailError.
    """
    scenarios = {HEALTHY: loader.find(HEALTHY)} | selected(matrix.select)
    reach = {id_: scenario.endpoints for id_, scenario in scenarios.items()}
    briefs = expand(scenarios.values(), matrix.antiviruses)
    found = [
        Entry(
            index=0,
            client=client.name,
            brief=brief,
            endpoint=endpoint,
            xfail=_known(matrix, client.name, brief.id, endpoint),
            exclusive=client.exclusive,
        )
        for client in clients
        for brief in briefs
        for endpoint in matrix.endpoints
        if endpoint in reach[brief.scenario_id]
        if client.speaks(ENDPOINTS[endpoint])
    ]
    kept = [entry for entry in found if _wanted(entry, matrix, only)]
    kept.sort(key=lambda entry: entry.name)
    for one, two in itertools.pairwise(kept):
        if one.name == two.name:
            words = f"two cells are called {one.name}: name each client and antivirus once"
            raise MitmailError(f"{words}, and give files names of their own")
    entries = tuple(replace(entry, index=index) for index, entry in enumerate(kept))
    return Grid(entries, _sources(entries, scenarios.values(), clients))


def _sources(
    entries: Sequence[Entry], scenarios: Iterable[Scenario], clients: Iterable[Client]
) -> dict[str, str]:
    ids = {entry.brief.scenario_id for entry in entries}
    products = {entry.brief.antivirus for entry in entries} - {BARE}
    asked = {entry.client for entry in entries}
    known = {entry.name: entry.xfail for entry in entries if entry.xfail is not None}
    return {
        **sources.scenarios(one for one in scenarios if one.id in ids),
        **sources.antiviruses(map(loader.find_vendor, sorted(products))),
        **sources.clients(one for one in clients if one.name in asked),
        **({"known failures": sources.digest(sources.text(known))} if known else {}),
    }


def _known(matrix: MatrixFile, client: str, case: str, endpoint: str) -> str | None:
    known = (one.reason for one in matrix.xfail if one.match(client, case, endpoint))
    return next(known, None)


def _wanted(entry: Entry, matrix: MatrixFile, only: Sequence[str]) -> bool:
    if any(one.match(entry.client, entry.brief.id, entry.endpoint) for one in matrix.exclude):
        return False
    return not only or any(fnmatchcase(entry.name, pattern) for pattern in only)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What a process of the judge is told: which cells to ask, of which clients, and how.

    ``clients`` maps a client's name to the word that it is found by, ``versions`` to its version.
    ``again`` is the beginning of the line that asks a cell once more, ``patience`` the time-out
    that a client is told, in seconds. ``folder`` is where screenshots are kept, if anywhere.
    """

    entries: tuple[Entry, ...]
    clients: Mapping[str, str]
    versions: Mapping[str, str]
    again: str
    patience: float
    folder: str | None = None

    def write(self, file: Path) -> None:
        """Leave it for other processes."""
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")


def errand(file: Path) -> Errand:
    """What was left in a file."""
    said = json.loads(file.read_text(encoding="utf-8"))
    entries = tuple(
        Entry(**{**entry, "brief": Brief(**entry["brief"])}) for entry in said.pop("entries")
    )
    return Errand(entries=entries, **said)
