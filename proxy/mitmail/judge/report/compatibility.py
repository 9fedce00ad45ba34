"""The compatibility table: what each client does in each case, as a page of the documentation."""

from collections.abc import Iterator, Sequence
from typing import Final

from mitmail.judge.report import grid, phrase
from mitmail.judge.report.grid import Grid, Mark, Row
from mitmail.judge.report.markdown import code, escaped
from mitmail.judge.result import Run
from mitmail.judge.wording import elsewhere

_HEAD: Final = """\
# What mail clients do

{clients} clients in {cases} cases on {endpoints} endpoints, {cells} cells; written by
`make matrix` on {date} ({platform}), with {tools}.

A square says what the client did: *accepts* the server, or *refuses* it; by endpoint where they
differ. A bold square is not what a correct client does, and its note says why. *?* means that it
could not be judged. Each client trusts the server's test root, and where the antivirus' root was
imported, that one too.
"""
_VERIFIES: Final = {"none": "verifies nothing", "chain": "verifies the chain and no name"}


def render(run: Run) -> str:
    """The page of a run."""
    found = grid.grid(run)
    notes = _Notes()
    table = list(_table(found, notes))
    return "\n".join([_head(run, found), *_clients(run, found), *table, *notes.lines()]) + "\n"


class _Notes:
    """Footnotes: the same words have the same number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, words: str) -> int:
        return self._numbers.setdefault(words, len(self._numbers) + 1)

    def lines(self) -> Iterator[str]:
        if self._numbers:
            yield "\n## Notes\n"
        for words, number in self._numbers.items():
            yield f"{number}. {escaped(words)}"


def _head(run: Run, found: Grid) -> str:
    return _HEAD.format(
        clients=len(found.clients),
        cases=len(list(found.rows)),
        endpoints=len({x.endpoint for x in run.results}),
        cells=len(run.results),
        date=run.head.started[:10],
        platform=escaped(run.head.platform.partition("-")[0]),
        tools=", ".join(phrase.tools(run.head.tools)),
    )


def _clients(run: Run, found: Grid) -> Iterator[str]:
    for name in found.clients:
        known = run.head.clients.get(name, {})
        verifies = _VERIFIES.get(known.get("verifies", "full"))
        named = f"{escaped(name)} {known.get('version', '')}".strip()
        yield f"- {named}{f', {verifies}' if verifies else ''}"


def _table(found: Grid, notes: _Notes) -> Iterator[str]:
    for group, rows in found.groups:
        yield f"\n## {escaped(group)}\n"
        yield f"| case | a correct client | {' | '.join(map(escaped, found.clients))} |"
        yield f"|---|---|{'---|' * len(found.clients)}"
        for row in rows:
            squares = [_square(row.marks.get(name, ()), notes) for name in found.clients]
            yield f"| {_case(row)} | {_due(row)} | {' | '.join(squares)} |"


def _case(row: Row) -> str:
    return ", ".join([code(row.about.scenario), *map(escaped, phrase.setting(row.about))])


def _due(row: Row) -> str:
    """What is expected; endpoints may differ, where an antivirus looks into some of them only."""
    results = [x for marks in row.marks.values() for mark in marks for x in mark.results]
    due = dict.fromkeys(phrase.expected(x.expected) for x in results)
    return "<br>".join(due)


def _square(marks: Sequence[Mark], notes: _Notes) -> str:
    if not marks:
        return ""
    # Where nothing is amiss, only what it did tells endpoints apart.
    if all(x.outcome == "pass" for x in marks) and len({phrase.deed(x.first) for x in marks}) == 1:
        return phrase.deed(marks[0].first)
    return "<br>".join(_mark(mark, notes) for mark in marks)


def _mark(mark: Mark, notes: _Notes) -> str:
    one = mark.first
    where = "" if mark.everywhere else f" ({', '.join(mark.endpoints)})"
    if mark.outcome == "pass":
        return f"{phrase.deed(one)}{where}"
    if mark.outcome == "skip":
        return f"not asked{where}"
    did = "?" if mark.outcome == "error" else phrase.deed(one)
    shown = did if mark.outcome in {"error", "xfail"} else f"**{did}**"
    return f"{shown}{where} [{notes.number(_why(mark))}]"


def _why(mark: Mark) -> str:
    """The words of a note: the same on the next machine, and in the next run."""
    return f"{phrase.outcome(mark.outcome).word}: {elsewhere(mark.first.why)}"
