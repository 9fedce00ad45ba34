"""``mitmail merge``: the shards of a run become the run."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from mitmail.cli.conclusion import exit_code
from mitmail.cli.outcome import print_outcomes


@click.command("merge")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "-o", "file", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="The whole run.",
)  # fmt: skip
def merge_command(paths: Sequence[Path], file: Path) -> None:
    """Make one run of its shards: files of results, or folders that hold some.

    Cells that are missing, doubled or of another run are named, and nothing is written. The exit
    code is that of the whole run, as mitmail judge would give it.

    \b
    mitmail merge shards/ -o results.ndjson
    """
    from mitmail.judge.merging import files, merge, write
    from mitmail.judge.picture import gather

    run = merge(paths)
    gather(run, [x.parent for x in files(paths)], file.parent)
    write(run, file)
    print_outcomes(run.results)
    sys.exit(exit_code(run))
