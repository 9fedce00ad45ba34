"""The summary of a run in Markdown, as GitHub shows it (``GITHUB_STEP_SUMMARY``)."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from mitmail.judge.report import attention, grid, phrase
from mitmail.judge.report.attention import Item
from mitmail.judge.report.grid import Mark, Row
from mitmail.judge.result import Run

# GitHub drops a summary of more than 1024 kB whole, and counts octets.
LIMIT: Final = 1_000_000
_CUT: Final = (
    "\n\nThe rest was cut off here: GitHub shows no more than 1 MB. "
    "The HTML report and the NDJSON file have everything.\n"
)
# What begins markup in GitHub's Markdown; a line can begin a list or a heading, a cell cannot.
_MARKUP: Final = re.compile(r"([\\`*_\[\]<>|~#$!@])")


def render(run: Run, limit: int = LIMIT) -> str:
    """The summary: counts, what needs attention, the matrix; never more octets than ``limit``."""
    return cut(_parts(run), limit)


def cut(parts: Iterable[str], limit: int) -> str:
    """As many of the parts as fit, one a line, and a sentence where that is not all of them."""
    room = limit - len(_CUT.encode())
    kept: list[str] = []
    for part in parts:
        room -= len(part.encode(errors="replace")) + 1
        if room < 0:
            return "\n".join(kept) + _CUT
        kept.append(part)
    return "\n".join(kept) + "\n"


def escaped(text: str) -> str:
    """Text that no Markdown begins in, on one line."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Text as code on one line; a fence longer than any in it (CommonMark 6.1)."""
    text = " ".join(text.split())
    ticks = max(map(len, re.findall("`+", text)), default=0) + 1
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{'`' * ticks}{pad}{text}{pad}{'`' * ticks}"


def _parts(run: Run) -> Iterator[str]:
    head = run.head
    failed, total = run.count("fail"), len(run.results)
    yield f"# mitmail judge: {failed} of {total} cells failed\n"
    tools = ", ".join(phrase.tools(head.tools))
    shard = f", shard {head.shard.index} of {head.shard.total}" if head.shard.total > 1 else ""
    yield escaped(f"{phrase.moment(head.started)}, {head.platform}; {tools}{shard}") + "\n"
    if (cut_off := phrase.cut_off(run)) is not None:
        yield f"**{cut_off.capitalize()}.**\n"
    if total != head.cells:
        yield f"**{total} of the {head.cells} cells of the plan are in this report.**\n"
    yield from _counts(run)
    yield from _attention(attention.items(run))
    yield from _unstable(attention.unstable(run))
    yield from _matrix(run)


def _counts(run: Run) -> Iterator[str]:
    yield "| | cells | |\n|---|---:|---|"
    for word in phrase.OUTCOMES:
        if run.count(word):
            shown = phrase.outcome(word)
            yield f"| {shown.shape} {shown.word} | {run.count(word)} | {shown.meaning} |"


def _attention(items: list[Item]) -> Iterator[str]:
    if not items:
        return
    yield "\n## Needs attention\n"
    yield "| | what | where | why | reproduce |\n|---|---|---|---|---|"
    for item in items:
        one, shown = item.first, phrase.outcome(item.first.outcome)
        cells = (escaped(item.sentence), escaped(item.mark.where), escaped(one.why))
        # A cell of a table ends at a bar, even one in code.
        again = code(one.reproduce).replace("|", "\\|")
        yield f"| {shown.shape} {shown.word} | {' | '.join(cells)} | {again} |"


def _unstable(items: list[Item]) -> Iterator[str]:
    if items:
        yield "\n## Came out differently when tried again\n"
    for item in items:
        tries = "; then ".join(f"{x.get('outcome')}: {x.get('why')}" for x in item.first.tries)
        words = f"{item.first.client}, {item.first.case}, {item.mark.where}: {tries}"
        yield f"- {escaped(words)}; then {item.first.outcome}"


def _matrix(run: Run) -> Iterator[str]:
    found = grid.grid(run)
    versions = [run.head.clients.get(x, {}).get("version", "") for x in found.clients]
    heads = [
        f"{escaped(x)} {escaped(v)}".strip() for x, v in zip(found.clients, versions, strict=True)
    ]
    yield "\n## Clients and cases\n"
    yield f"| case | {' | '.join(heads)} |\n|---{'|---' * len(heads)}|"
    for row in found.rows:
        yield f"| {_case(row)} | {' | '.join(_square(row, x) for x in found.clients)} |"


def _case(row: Row) -> str:
    return ", ".join([code(row.about.scenario), *map(escaped, phrase.setting(row.about))])


def _square(row: Row, client: str) -> str:
    return "<br>".join(map(_mark, row.marks.get(client, ())))


def _mark(mark: Mark) -> str:
    shown = phrase.outcome(mark.outcome)
    did = "" if mark.outcome in {"error", "skip"} else f" {phrase.deed(mark.first)}"
    word = "" if mark.outcome == "pass" else f" **{shown.word}**"
    where = "" if mark.everywhere else f" ({mark.where})"
    return f"{shown.shape}{word}{did}{where}"
