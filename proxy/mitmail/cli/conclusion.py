"""How a run of the judge ends: in words, in files, and in an exit code."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mitmail.cli.outcome import print_outcomes

if TYPE_CHECKING:
    from mitmail.judge.result import Run

MET, UNMET, UNJUDGED = 0, 1, 3
ON_PAPER = "github"  # GitHub takes its annotations from what a job prints


def conclude(run: "Run", folder: Path | None, formats: Sequence[str]) -> None:
    """Print what came of a run, and write the reports of it that are wanted."""
    click.echo("")
    print_outcomes(run.results)
    from mitmail.judge import report

    files = ["results.ndjson", "junit.xml"]
    if folder is not None:
        report.write(run, "junit", folder / "junit.xml")
    for name in formats:
        if name == ON_PAPER or folder is None:
            click.echo(report.render(run, name), nl=False)
            continue
        files.append(f"report.{name}")
        report.write(run, name, folder / files[-1])
    if folder is not None:
        click.echo(f"\nWritten to {folder}: {', '.join(files)}.")


def exit_code(run: "Run") -> int:
    """1 when a client did not do what it must, 3 when only something could not be judged."""
    words = {one.outcome for one in run.results}
    if words & ({"fail", "warn"} if run.head.strict else {"fail"}):
        return UNMET
    return UNJUDGED if "error" in words else MET


def held_against(run: "Run", file: Path) -> int:
    """Print what a run has that its baseline has not; the exit code for that. Raises MitmailError.

    What could not be judged is never known.
    """
    from mitmail.judge import baseline

    news = baseline.apply(run, baseline.load(file))
    click.echo(f"\nHeld against {file}: {f'{len(news)} differences' if news else 'as known'}.")
    for one in news:
        click.echo(f"{one.kind:6} {one.cell}: {one.words}")
    kinds = {one.kind for one in news if one.counts}
    if kinds - {"error"}:
        return UNMET
    return UNJUDGED if kinds else MET


def update(run: "Run", file: Path) -> None:
    """Write what a run deviates in into its baseline."""
    from mitmail.judge import baseline

    baseline.write(file, run)
