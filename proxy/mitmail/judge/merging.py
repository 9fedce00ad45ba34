"""Merging: the shards of one run become the run, or an error that names what does not fit."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from mitmail.errors import CannotJudgeError, MitmailError
from mitmail.judge import result
from mitmail.judge.grid import digest
from mitmail.judge.result import RESULTS, Head, Run, Shard

MANY = 5  # cells that are named; the rest are counted


def files(paths: Sequence[Path]) -> list[Path]:
    """The files of results that are meant: folders are searched. Raises MitmailError."""
    found: list[Path] = []
    for path in paths:
        below = sorted(path.rglob("*.ndjson")) if path.is_dir() else [path]
        if not below:
            raise MitmailError(f"{path} holds no {RESULTS}: is it what mitmail judge -o wrote?")
        found += below
    return list(dict.fromkeys(found))


def merge(paths: Sequence[Path]) -> Run:
    """The whole run of which these files are the shards.

    Raises MitmailError for a cell that is there twice or belongs to another run, and
    CannotJudgeError for one that is missing.
    """
    runs = {str(path): result.read(path) for path in files(paths)}
    (first, run), *others = runs.items()
    for file, one in runs.items():
        _own_plan(file, one.head)
    for other, one in others:
        _same_run(first, run.head, other, one.head)
    _no_strangers(runs)
    _none_twice(runs)
    _none_missing(runs)
    results = sorted((x for one in runs.values() for x in one.results), key=lambda x: x.index)
    return Run(_head([one.head for one in runs.values()]), tuple(results))


def write(run: Run, file: Path) -> None:
    """Write a run as ``mitmail judge`` does."""
    lines = [result.line(run.head), *(result.line(one) for one in run.results)]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(lines), encoding="utf-8")


def _own_plan(file: str, head: Head) -> None:
    if digest(head.names, head.sources) != head.plan or len(head.names) != head.cells:
        raise MitmailError(f"{file}:1: its plan is not that of its cells: run mitmail judge again")


def _same_run(first: str, head: Head, other: str, found: Head) -> None:
    for what, one, two in (
        ("plan", head.plan, found.plan),
        ("number of shards", head.shard.total, found.shard.total),
        ("--strict", head.strict, found.strict),
        ("version of mitmail or what it stands on", head.tools, found.tools),
    ):
        if one != two:
            stray = _stray(head, found)
            such = f" ({stray})" if stray else ""
            raise MitmailError(f"{other} is of another run than {first}: another {what}{such}")
    for name, said in found.clients.items():
        if said != head.clients.get(name, said):
            one, two = head.clients[name]["version"], said["version"]
            words = f"{name} is {two} in {other}, but {one} in {first}"
            raise MitmailError(f"{words}: all shards of a run need the same clients")


def _stray(head: Head, found: Head) -> str | None:
    """The first thing in which two plans differ."""
    if cells := sorted({*found.names} ^ {*head.names}):
        return f"such as {cells[0]}"
    made_of = sorted({*found.sources.items()} ^ {*head.sources.items()})
    return f"not the same {made_of[0][0]}" if made_of else None


def _no_strangers(runs: Mapping[str, Run]) -> None:
    for file, run in runs.items():
        names = run.head.names
        for one in run.results:
            if one.index >= len(names) or names[one.index] != one.cell:
                raise MitmailError(f"{file}: {one.cell} is no cell of this run")
            if not _is_of(run.head.shard, one.index):
                words = f"{one.cell} is no cell of shard {_shown(run.head.shard)}"
                raise MitmailError(f"{file}: {words}")


def _is_of(shard: Shard, index: int) -> bool:
    return index % shard.total == shard.index - 1


def _none_twice(runs: Mapping[str, Run]) -> None:
    count = Counter(one.cell for run in runs.values() for one in run.results)
    twice = sorted(cell for cell, times in count.items() if times > 1)
    if twice:
        holders = [file for file, run in runs.items() if twice[0] in {x.cell for x in run.results}]
        raise MitmailError(f"doubled: {_listed(twice)} (in {' and '.join(holders)})")


def _none_missing(runs: Mapping[str, Run]) -> None:
    head = next(iter(runs.values())).head
    there = {one.index for run in runs.values() for one in run.results}
    missing = [name for index, name in enumerate(head.names) if index not in there]
    if not missing:
        return
    lost = {run.head.shard.index for run in runs.values()}
    shards = [str(x) for x in range(1, head.shard.total + 1) if x not in lost]
    which = f"shard {' and '.join(shards)} of {head.shard.total}: " if shards else ""
    raise CannotJudgeError(f"missing: {which}{_listed(missing)}")


def _listed(cells: Sequence[str]) -> str:
    named = ", ".join(islice(cells, MANY))
    return named if len(cells) <= MANY else f"{named} and {len(cells) - MANY} more"


def _shown(shard: Shard) -> str:
    return f"{shard.index}/{shard.total}"


def _head(heads: Sequence[Head]) -> Head:
    clients = {name: said for head in heads for name, said in head.clients.items()}
    return replace(
        heads[0],
        shard=Shard(),
        started=min(head.started for head in heads),
        platform=", ".join(sorted({head.platform for head in heads})),
        clients=dict(sorted(clients.items())),
    )
