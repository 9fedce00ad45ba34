"""``mitmail report``: the results of a run, for people and for CI."""

import sys
from pathlib import Path

import click

FORMATS = ("html", "md", "github", "junit", "json", "ndjson", "compatibility")


@click.command("report")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--format", "shape", type=click.Choice(FORMATS), default="html", show_default=True,
    help="html is one file that opens by double click; md is a summary for GitHub, github its "
    "annotations, compatibility a table for documentation.",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="PATH",
    help="Write it here; without, or with -, it is printed.",
)  # fmt: skip
@click.option(
    "--baseline", "deviations", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Known deviations: they are shown as known, and not as failures.",
)  # fmt: skip
def report_command(file: Path, shape: str, output: Path | None, deviations: Path | None) -> None:
    """Render the results of a run: FILE is results.ndjson, or the folder that mitmail judge wrote.

    Passwords are masked in every format. Exit code 3 when the run was cut off: its cells are not
    all there.

    \b
    mitmail report out -o report.html
    mitmail report results.ndjson --format md >> "$GITHUB_STEP_SUMMARY"
    mitmail report results.ndjson --format github
    """
    from mitmail.cli.conclusion import UNJUDGED, cells, known
    from mitmail.judge import baseline, report, result
    from mitmail.judge.report import phrase

    run = baseline.excused(result.read(file), known(deviations))
    base = file if file.is_dir() else file.parent
    if output is None or str(output) == "-":
        # UTF-8 wherever it goes: on Windows a file that it is redirected to would be cp1252.
        click.echo(report.render(run, shape, base=base).encode(), nl=False)
    else:
        report.write(run, shape, output, base=base)
        click.echo(f"{output}: {cells(len(run.results))}.", err=True)
    if (cut_off := phrase.cut_off(run)) is not None:
        click.echo(f"{file}: {cut_off}.", err=True)
        sys.exit(UNJUDGED)
