"""The outcomes of a run, counted and explained."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mitmail.judge.result import Result

MENTIONED = ("fail", "error", "warn")
LINES = 60  # a person reads no more
MEANINGS = {
    "pass": "the client did what it should, by its own word and by what we saw",
    "warn": "the client does what a standard only advises against",
    "xfail": "known: an exception of that client, an xfail of the matrix, or in the baseline",
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


def _remarks(results: Sequence["Result"]) -> Iterator[str]:
    """What went wrong, endpoints that say the same in one line."""
    alike: dict[tuple[str, ...], list[Result]] = {}
    for one in results:
        if one.outcome in MENTIONED:
            # Each run has ports of its own, and some clients name them.
            gist = re.sub(r"\b\d{4,5}\b", "", one.why)
            alike.setdefault((one.outcome, one.client, one.case, gist), []).append(one)
    for (outcome, client, case, _), found in sorted(
        alike.items(), key=lambda each: _rank(each[0])
    ):
        endpoints = ", ".join(one.endpoint for one in found)
        yield f"{outcome:5}  {client}/{case} on {endpoints}: {found[0].why}"


def _rank(key: tuple[str, ...]) -> tuple[object, ...]:
    return (MENTIONED.index(key[0]), *key[1:])
