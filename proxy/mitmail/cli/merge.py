"""``mitmail merge``: the shards of a run become the run."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from mitmail.cli.conclusion import exit_code, hold, known
from mitmail.cli.outcome import print_outcomes


@click.command("merge")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "-o", "file", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="The whole run.",
)  # fmt: skip
@click.option(
    "--baseline", "deviations", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Known deviations: exit code 1 only for others.",
)  # fmt: skip
def merge_command(paths: Sequence[Path], file: Path, deviations: Path | None) -> None:
    """Make one run of its shards: files of results, or folders that hold some.

    Cells that are missing, doubled or of another run are named, and nothing is written. The exit
    code is that of the whole run, as mitmail judge would give it.

    \b
    mitmail merge shards/ -o results.ndjson
    """
    from mitmail.judge import baseline
    from mitmail.judge.merging import files, merge, write
    from mitmail.judge.picture import gather

    before = known(deviations)
    run = merge(paths)
    gather(run, [x.parent for x in files(paths)], file.parent)
    write(run, file)
    shown = baseline.excused(run, before)
    print_outcomes(shown.results)
    if deviations is not None:
        hold(run, deviations, before)
    sys.exit(exit_code(shown))
