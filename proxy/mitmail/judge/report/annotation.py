"""GitHub's annotations: workflow commands on standard output (``::error title=...::...``)."""

from collections.abc import Iterator
from typing import Final

from mitmail.judge.report import attention
from mitmail.judge.report.attention import Item
from mitmail.judge.result import Run

# GitHub keeps ten of a kind a step, and drops the rest without a word.
EACH: Final = 10
_KINDS: Final = {"fail": "error", "error": "error", "warn": "warning"}


def render(run: Run) -> str:
    """The annotations of a run: ten errors and ten warnings at most; the last counts the rest."""
    items = attention.items(run)
    lines: list[str] = []
    for kind in ("error", "warning"):
        lines += _annotations(kind, [x for x in items if _kind(x, strict=run.head.strict) == kind])
    return "".join(f"{line}\n" for line in lines)


def _kind(item: Item, *, strict: bool) -> str:
    return "error" if strict else _KINDS[item.first.outcome]


def _annotations(kind: str, items: list[Item]) -> Iterator[str]:
    shown = items if len(items) <= EACH else items[: EACH - 1]
    for item in shown:
        one = item.first
        words = f"{one.why} ({item.mark.where}). Reproduce: {one.reproduce}"
        yield _command(kind, f"{one.outcome}: {item.sentence}", words)
    if rest := items[len(shown) :]:
        cells = sum(len(x.mark.results) for x in rest)
        yield _command(kind, f"{cells} more cells", "GitHub shows ten: see the report for all.")


def _command(kind: str, title: str, message: str) -> str:
    return f"::{kind} title={_property(title)}::{_message(message)}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
