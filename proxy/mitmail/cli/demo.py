"""``mitmail demo``: see it work."""

import asyncio
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mitmail.judge.demo import Cell

ENDPOINT_COUNT = 6
WIDTHS = (38, 17, 11, 26, 26, 9)


@click.command("demo")
@click.option("--verbose", "-v", is_flag=True, help="One line per endpoint, and our evidence.")
def demo_command(*, verbose: bool) -> None:
    """Run the first scenarios, with and without antivirus, against the clients found here.

    Python's own mail clients always; curl and openssl where they are installed. Nothing leaves
    this machine. Exit code 1 when a client did not do what it should.
    """
    from mitmail.judge import demo, driver

    async def run() -> list["Cell"]:
        clients = await driver.found(("curl", "openssl"))
        names = ", ".join(f"{x.name} {'.'.join(map(str, x.version))}" for x in clients)
        click.echo(f"Asking {names}; six endpoints on loopback.\n")
        return await demo.run(clients, done=_progress)

    cells = asyncio.run(run())
    _print(cells, verbose=verbose)
    sys.exit(_summary(cells))


def _progress(finished: int, total: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{finished} of {total}" + " " * 8, err=True, nl=finished == total)


def _print(cells: Sequence["Cell"], *, verbose: bool) -> None:
    click.echo(_row("scenario", "antivirus", "client", "expected", "client's word", "outcome"))
    for (label, antivirus, client), group in groupby(
        sorted(cells, key=_order), key=lambda x: (x.case.label, x.case.antivirus, x.client)
    ):
        rows = list(group)
        # Six endpoints that say the same are one line; where they differ each has its own.
        together = not verbose and len({_gist(cell) for cell in rows}) == 1
        for cell in rows[:1] if together else rows:
            where = label if together else f"{label} {cell.endpoint}"
            click.echo(_row(where, antivirus, client, *_gist(cell)))
            if verbose:
                click.echo(f"    we saw: {cell.evidence}")
            if cell.outcome.word not in {"pass", "warn"}:
                click.echo(f"    {cell.outcome.word}: {cell.outcome.why}")


def _order(cell: "Cell") -> tuple[object, ...]:
    scenario = cell.case.plan.scenario
    bare = cell.case.plan.shield is not None
    first = scenario.group != "control"
    return (first, scenario.group, cell.case.label, bare, cell.case.antivirus, cell.client)


def _gist(cell: "Cell") -> tuple[str, str, str]:
    expected = _words(cell.expected.verdict, sorted(cell.expected.reasons))
    if cell.expected.level != "must":
        expected = f"{cell.expected.level} {expected}"
    named = [cell.said.reason] if cell.said.reason else []
    return expected, _words(cell.said.verdict, named), cell.outcome.word


def _words(verdict: str, reasons: Iterable[str]) -> str:
    listed = ", ".join(reasons)
    return f"{verdict} ({listed})" if listed else verdict


def _row(*columns: str) -> str:
    return "  ".join(f"{x:{width}}" for x, width in zip(columns, WIDTHS, strict=True)).rstrip()


def _summary(cells: Sequence["Cell"]) -> int:
    count = {word: sum(cell.outcome.word == word for cell in cells) for word in _MEANINGS}
    click.echo("")
    for word, meaning in _MEANINGS.items():
        if count[word]:
            click.echo(f"{count[word]:4} {word:5}  {meaning}")
    if count["fail"]:
        return 1
    return 3 if count["error"] else 0


_MEANINGS = {
    "pass": "the client did what it should, by its own word and by what we saw",
    "warn": "the client does what a standard only advises against",
    "xfail": "a known exception of that client, kept with its source in the profile",
    "fail": "the client did not do what it must",
    "error": "could not be judged",
}
