"""How a run of the judge ends: in words, in files, and in an exit code."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mitmail.cli.outcome import print_outcomes
from mitmail.errors import MitmailError

if TYPE_CHECKING:
    from mitmail.judge.baseline import Baseline
    from mitmail.judge.result import Run

MET, UNMET, UNJUDGED = 0, 1, 3
REPORTS = ("junit.xml", "report.html", "report.md")  # what a run may write beside its records
NAMED = 5  # cells of a baseline that are in no plan; the rest is counted
ON_PAPER = "github"  # GitHub takes its annotations from what a job prints


def cells(number: int) -> str:
    """So many cells, in words."""
    return "1 cell" if number == 1 else f"{number} cells"


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


def remove_reports(folder: Path | None) -> None:
    """Remove the reports of an earlier run, which would stand beside the records of this one.

    Raises MitmailError.
    """
    for file in [] if folder is None else [folder / name for name in REPORTS]:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise MitmailError(f"cannot remove {file}: {error.strerror}") from None


def exit_code(run: "Run") -> int:
    """1 when a client did not do what it must, 3 when only something could not be judged."""
    words = {one.outcome for one in run.results}
    if words & ({"fail", "warn"} if run.head.strict else {"fail"}):
        return UNMET
    return UNJUDGED if "error" in words else MET


def known(file: Path | None, *, anew: bool = False) -> "Baseline":
    """The deviations that are known; none without a file, nor in one that is yet to be made.

    Raises MitmailError: to be asked before a run, which takes long.
    """
    from mitmail.judge import baseline

    if file is None:
        return {}
    if anew and not file.exists():
        if not file.absolute().parent.is_dir():
            raise MitmailError(f"cannot write {file}: its folder is not there")
        return {}
    return baseline.load(file)


def hold(run: "Run", file: Path, against: "Baseline", *, whole: bool = True) -> None:
    """Print what a run has that its baseline has not, and with the whole plan also the reverse.

    What could not be judged is never known.
    """
    from mitmail.judge import baseline

    news = baseline.apply(run, against)
    words = f"{len(news)} difference{'s' if len(news) > 1 else ''}" if news else "as known"
    click.echo(f"\nHeld against {file}: {words}.")
    for one in news:
        click.echo(f"{one.kind:6} {one.cell}: {one.words}")
    if whole and (strange := baseline.strangers(run, against)):
        more = f" and {len(strange) - NAMED} more" if len(strange) > NAMED else ""
        click.echo(f"not in this plan: {', '.join(strange[:NAMED])}{more}")


def update(run: "Run", file: Path) -> None:
    """Write what a run deviates in into its baseline."""
    from mitmail.judge import baseline

    baseline.write(file, run)
