"""A run of the judge as data: one head, one record per cell, one end (``"schema": 1``, NDJSON).

The records are the truth; every report is rendered from them and from nothing else.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mitmail.errors import MitmailError

SCHEMA = 1
RESULTS = "results.ndjson"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Which part of the plan was run: number ``index`` (from 1) of ``total``."""

    index: int = 1
    total: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What was to be run, and with what.

    ``plan`` is the SHA-256 of all cell names in their order and of ``sources``, ``cells`` their
    number over all shards, ``names`` the names themselves. ``sources`` maps what the cells are
    made of (``scenario expired``, ``antivirus norton``, ``client ours``, ``known failures``) to
    the SHA-256 of what it says, expectations included. ``clients`` maps a client's name to
    ``version`` and ``verifies``; ``tools`` the programs that judged (mitmail, mitmproxy, OpenSSL,
    Python) to their versions. ``started`` is UTC, as ISO 8601.
    """

    plan: str
    cells: int
    shard: Shard
    started: str
    platform: str
    tools: Mapping[str, str]
    clients: Mapping[str, Mapping[str, str]]
    strict: bool = False
    names: list[str] = field(default_factory=list)
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One cell: one client in one case on one endpoint.

    ``cell`` is its name, ``client/case/endpoint``, unique in a run; a ``case`` is a scenario, with
    ``+antivirus`` and ``+imported`` (the antivirus' root is trusted, too) or ``=name`` (a control,
    under another name) behind it. ``expected`` is what a correct client does: ``verdict``,
    ``reasons``, ``level``. ``said`` is the client's own word: ``verdict``, ``reason``,
    ``exit_code``, ``text``, and what more it knows. ``seen`` is our own witness: ``verdict``,
    ``certainty``, ``reason``, ``alert``, ``evidence``; None when nothing connected.
    ``sessions`` are the records of ``serve``, with their facts. ``chain`` is what was presented,
    leaf first: ``subject``, ``issuer``, ``names``, ``not_before``, ``not_after``, ``key``,
    ``signature``, ``sha256``. ``tries`` are the outcomes of earlier attempts (``outcome``,
    ``why``). ``seconds`` is how long the client took.
    """

    index: int
    cell: str
    client: str
    version: str
    case: str
    scenario: str
    group: str
    title: str
    why_it_matters: str
    antivirus: str
    name: str
    endpoint: str
    expected: Mapping[str, Any]
    said: Mapping[str, Any]
    seen: Mapping[str, Any] | None
    outcome: str
    why: str
    reproduce: str
    seconds: float = 0.0
    unstable: bool = False
    tries: list[Mapping[str, Any]] = field(default_factory=list)
    sessions: list[Mapping[str, Any]] = field(default_factory=list)
    chain: list[Mapping[str, Any]] = field(default_factory=list)
    screenshot: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A whole run, in the plan's order."""

    head: Head
    results: tuple[Result, ...]

    def count(self, outcome: str) -> int:
        """How many cells had this outcome."""
        return sum(one.outcome == outcome for one in self.results)

    @property
    def lost(self) -> int:
        """How many cells of its shard a run has not, since it was cut off."""
        shard = self.head.shard
        return len(range(shard.index - 1, self.head.cells, shard.total)) - len(self.results)

    @property
    def missing(self) -> list[str]:
        """Their names; none where the run is older than those in its head."""
        there, shard = {one.cell for one in self.results}, self.head.shard
        mine = self.head.names[shard.index - 1 :: shard.total]
        return [name for name in mine if name not in there]


def line(record: Head | Result) -> str:
    """A head or a result as one line of JSON."""
    kind = "run" if isinstance(record, Head) else "cell"
    return json.dumps({"schema": SCHEMA, "record": kind, **asdict(record)}) + "\n"


def record(run: Run) -> dict[str, Any]:
    """A whole run as one JSON document: the head, and the cells in it."""
    cells = [asdict(one) for one in run.results]
    return {"schema": SCHEMA, "record": "results", "run": asdict(run.head), "cells": cells}


def read(path: Path) -> Run:
    """A run from its file, or from the folder that holds it.

    Raises MitmailError, with file and line, for what is no such file, or is cut off.
    """
    path = path / RESULTS if path.is_dir() else path
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise MitmailError(f"cannot read {path}: {reason}") from None
    return parse(text.splitlines(), str(path))


def parse(lines: Iterable[str], where: str) -> Run:
    """A run from its lines; ``where`` names them in errors."""
    records = _records(lines, where)
    if not isinstance(head := next(records, None), Head):
        raise MitmailError(f"{where}:1: no results of mitmail judge: its first line is the run")
    results: dict[str, Result] = {}
    for number, one in enumerate(records, 2):
        if isinstance(one, Head):
            words = f"{where}:{number}: here another run begins"
            raise MitmailError(f"{words}: shards of one run are merged with mitmail merge")
        _place(one, head, results, f"{where}:{number}")
        results[one.cell] = one
    return Run(head, tuple(sorted(results.values(), key=lambda one: one.index)))


def _place(one: Result, head: Head, known: Mapping[str, Result], where: str) -> None:
    """Raise MitmailError for a cell that has no place in the run."""
    if one.cell in known:
        raise MitmailError(f"{where}: {one.cell} is here already: run mitmail judge again")
    # Runs that were written before they had names have none.
    if head.names and (one.index >= len(head.names) or head.names[one.index] != one.cell):
        raise MitmailError(f"{where}: {one.cell} is no cell of this run")


def _records(lines: Iterable[str], where: str) -> Iterator[Head | Result]:
    for number, text in enumerate(lines, 1):
        try:
            yield _record(json.loads(text))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            words = f"{where}:{number}: no record of mitmail judge ({error})"
            raise MitmailError(f"{words}: run mitmail judge again") from None


def _record(found: Any) -> Head | Result:
    # Here, and not above: a process that asks cells reads none.
    from mitmail.judge import shape

    if not isinstance(found, dict):
        raise ValueError("it is no object")
    if found.pop("schema") != SCHEMA:
        raise ValueError("its schema is another version's")
    kind = found.pop("record")
    if kind not in ("run", "cell"):
        raise ValueError(f"record {kind!r}")
    shape.check(kind, found)
    if kind == "run":
        return Head(**{**found, "shard": Shard(**found["shard"])})
    return Result(**found)
