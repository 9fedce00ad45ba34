"""GitHub's annotations: workflow commands on standard output (``::error title=...::...``)."""

from collections.abc import Iterator
from typing import Final

from mitmail.judge.report import attention, phrase
from mitmail.judge.report.attention import Item
from mitmail.judge.result import Run

# GitHub keeps ten of a kind a step, and drops the rest without a word.
EACH: Final = 10
_KINDS: Final = {"fail": "error", "error": "error", "warn": "warning"}


def render(run: Run) -> str:
    """The annotations of a run: ten errors and ten warnings at most; the last counts the rest."""
    items = attention.items(run)
    lines: list[str] = []
    if (cut_off := phrase.cut_off(run)) is not None:
        which = ", ".join(run.missing[:EACH]) + (", ..." if len(run.missing) > EACH else "")
        lines.append(_command("error", cut_off, which or "Which ones, its records do not say."))
    for kind in ("error", "warning"):
        chosen = [x for x in items if _kind(x, strict=run.head.strict) == kind]
        lines += _annotations(kind, chosen, EACH - len(lines) if kind == "error" else EACH)
    return "".join(f"{line}\n" for line in lines)


def _kind(item: Item, *, strict: bool) -> str:
    return "error" if strict else _KINDS[item.first.outcome]


def _annotations(kind: str, items: list[Item], room: int) -> Iterator[str]:
    shown = items if len(items) <= room else items[: room - 1]
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
