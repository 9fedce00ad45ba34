"""The outcomes of a run, counted and explained."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mitmail.judge.result import Result

LINES = 60  # a person reads no more
MEANINGS = {
    "pass": "the client did what it should, by its own word and by what we saw",
    "warn": "the client does what a standard only advises against",
    "xfail": "known, with its source: an exception of that client, or an xfail of the matrix",
    "skip": "not asked",
    "fail": "the client did not do what it must",
    "error": "could not be judged",
}


def print_counts(outcomes: Iterable[str]) -> None:
    """Print how many cells had which outcome, and what that means."""
    count = Counter(outcomes)
    click.echo("")
    for word, meaning in MEANINGS.items():
        if count[word]:
            click.echo(f"{count[word]:4} {word:5}  {meaning}")


def print_outcomes(results: Sequence["Result"]) -> None:
    """Print what was no pass, and the counts."""
    remarks = list(_remarks(results))
    for remark in remarks[:LINES]:
        click.echo(remark)
    if len(remarks) > LINES:
        click.echo(f"... and {len(remarks) - LINES} more lines: -o DIR keeps them all.")
    print_counts(one.outcome for one in results)


def exit_code(results: Sequence["Result"], *, strict: bool) -> int:
    """1 when a client did not do what it must, 3 when only something could not be judged."""
    words = {one.outcome for one in results}
    if words & ({"fail", "warn"} if strict else {"fail"}):
        return 1
    return 3 if "error" in words else 0


def _remarks(results: Sequence["Result"]) -> Iterator[str]:
    """What went wrong, endpoints that say the same in one line."""
    wrong = [one for one in results if one.outcome in ("fail", "error", "warn")]
    wrong.sort(key=lambda one: (one.outcome, one.client, one.case, one.why, one.index))
    for (outcome, client, case, why), alike in groupby(
        wrong, key=lambda one: (one.outcome, one.client, one.case, one.why)
    ):
        endpoints = ", ".join(one.endpoint for one in alike)
        yield f"{outcome:5}  {client}/{case} on {endpoints}: {why}"
