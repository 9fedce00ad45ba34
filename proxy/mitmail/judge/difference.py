"""What became different between two runs: of two releases of a client, or of the judge itself."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, zip_longest
from typing import Any, Final, Literal

from mitmail.errors import MitmailError
from mitmail.judge.report import phrase
from mitmail.judge.result import Result, Run
from mitmail.judge.wording import lasting

type Kind = Literal["worse", "better", "other", "words", "new", "gone"]

KINDS: Final[dict[Kind, str]] = {
    "worse": "worse",
    "better": "better",
    "other": "neither better nor worse",
    "words": "only in the client's words",
    "new": "new",
    "gone": "gone",
}
# Nobody knows what a client does in a cell that could not be judged, or was not.
_UNKNOWN: Final = frozenset({"error", "skip"})
_JUDGED: Final = ("pass", "xfail", "warn", "fail")
_UNMET: Final = frozenset({"fail", "error"})


@dataclass(frozen=True, slots=True)
class Change:
    """One cell that is not as it was; ``old`` is None for a new one, ``new`` for one that is gone.

    ``changed`` names what differs: ``outcome``, ``verdict``, ``reason``, ``alert``, ``exit_code``,
    ``words``.
    """

    cell: str
    kind: Kind
    changed: tuple[str, ...]
    old: Result | None
    new: Result | None

    @property
    def for_the_worse(self) -> bool:
        """Whether the new run is worse here: a new cell that fails counts, too."""
        born_bad = self.kind == "new" and self.new is not None and self.new.outcome in _UNMET
        return self.kind == "worse" or born_bad

    @property
    def one(self) -> Result:
        """The newer of the two."""
        found = self.new or self.old
        assert found is not None
        return found

    @property
    def words(self) -> str:
        """The change in one line: ``pass, refuses (expired) -> fail, accepts``."""
        if self.kind == "words" and self.old is not None and self.new is not None:
            return " -> ".join(map(repr, _first_apart(self.old, self.new)))
        sides = [_side(x, self.changed) for x in (self.old, self.new) if x is not None]
        why = f": {self.one.why}" if self.for_the_worse else ""
        return " -> ".join(sides) + why

    def record(self) -> dict[str, object]:
        """The change as it stands in a JSON document."""
        return {
            "cell": self.cell,
            "kind": self.kind,
            "changed": list(self.changed),
            "old": _record(self.old),
            "new": _record(self.new),
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """Two runs, held against each other."""

    old: Run
    new: Run
    compared: int
    changes: tuple[Change, ...]

    @property
    def exit_code(self) -> int:
        """1 where something became worse, 3 where a run was cut off: nobody knows of the rest."""
        if any(x.for_the_worse for x in self.changes):
            return 1
        return 3 if max(self.old.lost, self.new.lost) > 0 else 0

    def of(self, kind: Kind) -> list[Change]:
        """The changes of a kind."""
        return [x for x in self.changes if x.kind == kind]

    @property
    def versions(self) -> list[str]:
        """What the runs were made with, where it differs: ``curl 7.88.1 -> 8.11.0``."""
        old, new = _versions(self.old), _versions(self.new)
        return [
            f"{name} {old.get(name, 'not there')} -> {new.get(name, 'not there')}"
            for name in dict.fromkeys([*old, *new])
            if old.get(name) != new.get(name)
        ]

    def record(self) -> dict[str, object]:
        """The difference as a JSON document."""
        return {
            "schema": 1,
            "compared": self.compared,
            "missing": {"old": max(0, self.old.lost), "new": max(0, self.new.lost)},
            "worse": sum(x.for_the_worse for x in self.changes),
            "versions": {"old": _versions(self.old), "new": _versions(self.new)},
            "changes": [x.record() for x in self.changes],
        }


def compare(old: Run, new: Run) -> Difference:
    """Compare two runs, cell by cell, in the new one's order.

    A client's words are compared without numbers, dates and paths. Raises MitmailError for a run
    that has a cell twice.
    """
    before, after = by_cell(old), by_cell(new)
    names = dict.fromkeys([*after, *before])
    changes = (_change(name, before.get(name), after.get(name)) for name in names)
    compared = len(before.keys() & after.keys())
    return Difference(old, new, compared, tuple(x for x in changes if x is not None))


def by_cell(run: Run) -> dict[str, Result]:
    """The results of a run by their cells. Raises MitmailError where one is there twice."""
    found: dict[str, Result] = {}
    for one in run.results:
        if one.cell in found:
            words = f"the cell {one.cell} is in the results twice"
            raise MitmailError(f"{words}: these are several runs, merge them with mitmail merge")
        found[one.cell] = one
    return found


def alike(changes: Iterable[Change]) -> Iterator[tuple[Change, list[str]]]:
    """Changes, those of one client in one case that read the same together: with endpoints."""

    def gist(one: Change) -> tuple[str, str, str]:
        return one.one.client, one.one.case, lasting(one.words)

    for _, found in groupby(sorted(changes, key=gist), key=gist):
        together = list(found)
        yield together[0], [x.one.endpoint for x in together]


def _change(name: str, old: Result | None, new: Result | None) -> Change | None:
    if old is None or new is None:
        return Change(name, "new" if old is None else "gone", (), old, new)
    changed = tuple(key for key, of in _ASPECTS.items() if of(old) != of(new))
    return Change(name, _kind(old, new, changed), changed, old, new) if changed else None


def _kind(old: Result, new: Result, changed: tuple[str, ...]) -> Kind:
    if changed == ("words",):
        return "words"
    if "outcome" not in changed:
        return "other"
    if new.outcome in _UNKNOWN:
        # What is not known any more has not become better.
        return "other" if old.outcome in _UNKNOWN else "worse"
    if old.outcome in _UNKNOWN:
        return "worse" if new.outcome in {"fail", "warn"} else "better"
    return "worse" if _rank(new) > _rank(old) else "better"


def _rank(one: Result) -> int:
    return _JUDGED.index(one.outcome) if one.outcome in _JUDGED else len(_JUDGED)


_ASPECTS: Final[Mapping[str, Callable[[Result], object]]] = {
    "outcome": lambda x: x.outcome,
    "verdict": lambda x: (x.said.get("verdict"), (x.seen or {}).get("verdict")),
    "reason": lambda x: (x.said.get("reason"), (x.seen or {}).get("reason")),
    "alert": lambda x: (x.seen or {}).get("alert"),
    "exit_code": lambda x: x.said.get("exit_code"),
    "words": lambda x: lasting(str(x.said.get("text") or "")),
}


def _side(one: Result, changed: tuple[str, ...]) -> str:
    said, seen = one.said, one.seen or {}
    named = " and ".join(dict.fromkeys(x for x in (said.get("reason"), seen.get("reason")) if x))
    words = [one.outcome, phrase.deed(one) + (f" ({named})" if named else "")]
    if "alert" in changed:
        words.append(f"alert {phrase.alert(seen.get('alert')) or 'none'}")
    if "exit_code" in changed:
        words.append(f"exit code {said.get('exit_code')}")
    return ", ".join(words)


def _first_apart(old: Result, new: Result) -> tuple[str, str]:
    """The first line in which a client's words differ, as it was and as it is."""
    before, after = (str(x.said.get("text") or "").splitlines() for x in (old, new))
    lines = zip_longest(before, after, fillvalue="")
    found = next((x for x in lines if lasting(x[0]) != lasting(x[1])), ("", ""))
    return found[0].strip()[:160], found[1].strip()[:160]


def _record(one: Result | None) -> dict[str, object] | None:
    if one is None:
        return None
    seen = one.seen or {}
    return {
        "version": one.version,
        "outcome": one.outcome,
        "why": one.why,
        "said": {key: one.said.get(key) for key in ("verdict", "reason", "exit_code", "text")},
        "seen": {key: seen.get(key) for key in ("verdict", "reason", "alert")},
    }


def _versions(run: Run) -> dict[str, str]:
    clients: Mapping[str, Any] = run.head.clients
    said = {name: str(x.get("version") or "of no version") for name, x in clients.items()}
    return {**run.head.tools, **said}
