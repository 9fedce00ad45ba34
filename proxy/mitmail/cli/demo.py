"""``mitmail demo``: see it work."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import click

from mitmail.cli.outcome import print_counts

if TYPE_CHECKING:
    from mitmail.judge.cell import Cell
    from mitmail.judge.modes import Modes

HEAD = ("scenario", "antivirus", "client", "expected", "client's word", "we saw", "outcome")
CLIENTS = ("curl", "openssl")


@click.command("demo")
@click.option(
    "--set", "chosen", default="demo", metavar="FILE|quick", help="These scenarios instead."
)
@click.option("--verbose", "-v", is_flag=True, help="One line per endpoint, and our evidence.")
def demo_command(*, chosen: str, verbose: bool) -> None:
    """Run the first scenarios, with and without antivirus, against the clients found here.

    Python's own mail clients always; curl and openssl where they are installed. Nothing leaves
    this machine. What each client does with STARTTLS and with SSL/TLS is compared. Exit code 1
    when a client did not do what it should, or not the same in both.

    \b
    mitmail demo
    mitmail demo --set quick
    """
    from mitmail.judge import demo, driver, ending, modes
    from mitmail.pki.store import Store

    every = demo.cases(Store(None), chosen)

    async def run() -> list["Cell"]:
        clients = await driver.found(CLIENTS)
        names = ", ".join(f"{x.name} {'.'.join(map(str, x.version))}" for x in clients)
        click.echo(f"Asking {names}; six endpoints on loopback.")
        for missing in set(CLIENTS) - {x.name for x in clients}:
            click.echo(f"Not asking {missing}: it is not installed here.")
        return await demo.run(clients, every, done=_progress)

    cells = ending.run(run())
    compared = modes.compare(cells)
    click.echo("")
    _print(cells, verbose=verbose)
    _print_modes(compared)
    sys.exit(_summary(cells, compared))


def _progress(finished: int, total: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{finished} of {total}" + " " * 8, err=True, nl=finished == total)


def _print(cells: Sequence["Cell"], *, verbose: bool) -> None:
    rows: list[tuple[tuple[str, ...], str | None]] = [(HEAD, None)]
    for _, group in groupby(sorted(cells, key=_order), key=_row_key):
        alike = list(group)
        # Six endpoints that say the same are one line; where they differ each has its own.
        together = not verbose and len({_gist(cell) for cell in alike}) == 1
        for cell in alike[:1] if together else alike:
            rows.append((_row(cell, endpoint=not together), _remark(cell, verbose=verbose)))
    widths = [max(len(row[column]) for row, _ in rows) for column in range(len(HEAD))]
    for row, remark in rows:
        click.echo("  ".join(f"{x:{w}}" for x, w in zip(row, widths, strict=True)).rstrip())
        if remark:
            click.echo(f"    {remark}")


def _print_modes(compared: "Modes") -> None:
    click.echo("")
    differing = len(compared.differences)
    total = compared.alike + differing
    click.echo(f"STARTTLS and SSL/TLS compared {total} times: {differing or 'no'} differences.")
    for one in compared.differences:
        click.echo(f"  {one.words}." + (f" Known: {one.known}" if one.known else ""))
    if compared.undecided:
        click.echo("Not compared:")
        for each in compared.undecided:
            click.echo(f"  {each.words}")


def _row_key(cell: "Cell") -> tuple[str, str, str]:
    return cell.case.label, cell.case.antivirus, cell.client


def _order(cell: "Cell") -> tuple[object, ...]:
    """The control first; each scenario bare, then behind an antivirus."""
    plan = cell.case.plan
    control_last = plan.scenario.group != "control"
    return (control_last, plan.scenario.group, cell.case.label, plan.shield is not None,
            cell.case.antivirus, cell.client)  # fmt: skip


def _row(cell: "Cell", *, endpoint: bool) -> tuple[str, ...]:
    label, antivirus, client = _row_key(cell)
    return (f"{label} {cell.endpoint}" if endpoint else label, antivirus, client, *_gist(cell))


def _gist(cell: "Cell") -> tuple[str, str, str, str]:
    expected = _words(cell.expected.verdict, sorted(cell.expected.reasons))
    if cell.expected.level != "must":
        expected = f"{cell.expected.level} {expected}"
    named = [cell.said.reason] if cell.said.reason else []
    return expected, _words(cell.said.verdict, named), _seen(cell), cell.outcome.word


def _seen(cell: "Cell") -> str:
    if cell.seen is None:
        return "no session"
    details = [f"alert {cell.seen.alert}"] if cell.seen.alert is not None else []
    details += ["suspected"] if cell.seen.certainty == "suspected" else []
    return _words(cell.seen.verdict, details)


def _remark(cell: "Cell", *, verbose: bool) -> str | None:
    if cell.outcome.word not in {"pass", "warn"}:
        return f"{cell.outcome.word}: {cell.outcome.why}"
    return f"we saw: {cell.seen.evidence}" if verbose and cell.seen else None


def _words(verdict: str, details: Iterable[str]) -> str:
    listed = " or ".join(details)
    return f"{verdict} ({listed})" if listed else verdict


def _summary(cells: Sequence["Cell"], compared: "Modes") -> int:
    print_counts(cell.outcome.word for cell in cells)
    count = Counter(cell.outcome.word for cell in cells)
    if count["fail"] or any(not x.known for x in compared.differences):
        return 1
    return 3 if count["error"] else 0
