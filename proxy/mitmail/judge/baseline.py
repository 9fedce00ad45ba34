"""The baseline: the deviations that are known, so that a run fails for new ones only.

A text file, one cell a line, sorted, with a note behind ``#``::

    fail  curl/tls-v1-0/imaps  # until Debian 13
    warn  python/cn-only/imap

What could not be judged is no deviation: an ``error`` cannot be written into it, and is never
hidden by it.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from mitmail.errors import MitmailError
from mitmail.judge.result import Result, Run

type Baseline = Mapping[str, Known]
type Kind = Literal["new", "worse", "better", "stale", "error"]

DEVIATIONS: Final = ("warn", "fail")
_HEAD: Final = (
    "# Known deviations: mitmail judge --baseline fails only for what is not here.\n"
    "# OUTCOME  CELL  # NOTE\n"
)
_LINE: Final = re.compile(r"(?P<outcome>\S+)\s+(?P<cell>.*?)(?:\s+#\s*(?P<note>.*?))?\s*")


@dataclass(frozen=True, slots=True)
class Known:
    """A deviation that is known: of which cell, which outcome, and a note for people."""

    cell: str
    outcome: str
    note: str = ""

    @property
    def line(self) -> str:
        """The deviation as it stands in the file."""
        return f"{self.outcome}  {self.cell}" + (f"  # {self.note}" if self.note else "")


@dataclass(frozen=True, slots=True)
class News:
    """What a run has that its baseline has not, or the other way round.

    ``new`` and ``worse`` are deviations; ``error`` could not be judged; ``better`` deviates less
    than it did, and ``stale`` not any more. ``counts`` says whether the run fails for it.
    """

    kind: Kind
    cell: str
    outcome: str
    words: str
    counts: bool


def load(path: Path) -> dict[str, Known]:
    """The known deviations of a file, by cell.

    Raises MitmailError, with file and line, for what cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        hint = "make it with mitmail judge --update-baseline"
        raise MitmailError(f"cannot read the baseline {path}: {reason}; {hint}") from None
    found: dict[str, Known] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        one = _known(line.strip(), f"{path}:{number}")
        if one.cell in found:
            raise MitmailError(f"{path}:{number}: {one.cell} is here already: remove one of them")
        found[one.cell] = one
    return found


def apply(run: Run, known: Baseline) -> list[News]:
    """What is new in a run, in its order: worse and better than its baseline.

    Cells of the baseline that were not asked are no news: a run may be a part of the plan.
    """
    news = (_news(one, known.get(one.cell), strict=run.head.strict) for one in run.results)
    return [one for one in news if one is not None]


def excused(run: Run, known: Baseline) -> Run:
    """The run as it is to be shown: a deviation that is known is one, and fails nothing.

    What is worse than it was known stays what it is, and so does what could not be judged.
    """
    return replace(run, results=tuple(excuse(one, known.get(one.cell)) for one in run.results))


def excuse(one: Result, known: Known | None) -> Result:
    """A result, known where its baseline knows it."""
    if known is None or one.outcome not in DEVIATIONS or _worse(one, known):
        return one
    note = f" ({known.note})" if known.note else ""
    return replace(one, outcome="xfail", why=f"known: {one.outcome}, {one.why}{note}")


def strangers(run: Run, known: Baseline) -> list[str]:
    """The cells of a baseline that are in no part of the run's plan."""
    planned = {*run.head.names, *(one.cell for one in run.results)}
    return [cell for cell in known if cell not in planned]


def write(path: Path, run: Run) -> None:
    """Write what a run deviates in, and keep what it says nothing about: notes, other cells.

    What was there stays until the new file is whole. Raises MitmailError.
    """
    known = load(path) if path.exists() else {}
    text = _HEAD + "".join(f"{one.line}\n" for one in sorted(_next(run, known), key=_cell))
    new = path.with_name(f"{path.name}.new")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    except OSError as error:
        with suppress(OSError):  # its folder may be none
            new.unlink()
        raise MitmailError(f"cannot write {path}: {error.strerror}") from None


def _known(line: str, where: str) -> Known:
    read = _LINE.fullmatch(line)
    if read is None or not read["cell"] or read["cell"].startswith("#"):
        raise MitmailError(
            f"{where}: no known deviation: write OUTCOME CELL, and # NOTE behind it"
        )
    if read["outcome"] not in DEVIATIONS:
        why = (
            "an error could not be judged, and is never known"
            if read["outcome"] == "error"
            else ""
        )
        words = f"{where}: {read['outcome']!r} is no deviation: use {' or '.join(DEVIATIONS)}"
        raise MitmailError(f"{words} ({why})" if why else words)
    return Known(read["cell"], read["outcome"], read["note"] or "")


def _news(one: Result, known: Known | None, *, strict: bool) -> News | None:
    if one.outcome == "error":
        return News("error", one.cell, one.outcome, one.why, counts=True)
    if one.outcome in DEVIATIONS:
        counts = one.outcome == "fail" or strict
        if known is None:
            return News("new", one.cell, one.outcome, one.why, counts)
        if known.outcome == one.outcome:
            return None
        worse = _worse(one, known)
        words = f"was known as {known.outcome}, is {one.outcome}: {one.why}"
        return News("worse" if worse else "better", one.cell, one.outcome, words, worse and counts)
    if known is not None and one.outcome != "skip":
        words = f"was known as {known.outcome}, is {one.outcome} now: take it out"
        return News("stale", one.cell, one.outcome, words, counts=False)
    return None


def _worse(one: Result, known: Known) -> bool:
    return DEVIATIONS.index(one.outcome) > DEVIATIONS.index(known.outcome)


def _next(run: Run, known: Baseline) -> Iterable[Known]:
    judged = {one.cell for one in run.results if one.outcome not in {"error", "skip"}}
    yield from (one for cell, one in known.items() if cell not in judged)
    for one in run.results:
        if one.outcome in DEVIATIONS:
            before = known.get(one.cell)
            yield Known(one.cell, one.outcome, before.note if before else "")


def _cell(one: Known) -> str:
    return one.cell
