"""``mitmail diff``: what became different between two runs."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mitmail.judge.difference import Difference


@click.command("diff")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
def diff_command(old: Path, new: Path, *, as_json: bool) -> None:
    """Compare two runs of mitmail judge: of two releases of a client, for instance.

    OLD and NEW are their results.ndjson, or the folders that hold them. What a client says is
    compared without numbers, dates and paths. Exit code 1 when something became worse, also when
    it can not be judged any more; 3 when a run was cut off, so that the rest is not known.

    \b
    mitmail diff before after
    """
    from mitmail.judge import difference, result, secret

    found = difference.compare(*(secret.masked(result.read(x)) for x in (old, new)))
    if as_json:
        click.echo(json.dumps(found.record(), indent=1))
    else:
        _print(found)
    sys.exit(found.exit_code)


def _print(found: "Difference") -> None:
    from mitmail.cli.conclusion import cells
    from mitmail.judge.difference import KINDS, alike
    from mitmail.judge.report import phrase

    for line in found.versions:
        click.echo(line)
    for name, run in (("OLD", found.old), ("NEW", found.new)):
        if (cut_off := phrase.cut_off(run)) is not None:
            click.echo(f"{name}: {cut_off}.")
    counts = [f"{len(found.of(x))} {words}" for x, words in KINDS.items() if found.of(x)]
    click.echo(f"{cells(found.compared)} compared: {', '.join(counts) or 'no difference'}.")
    for kind, words in KINDS.items():
        if changes := found.of(kind):
            click.echo(f"\n{words}")
        for one, endpoints in alike(changes):
            where = f"{one.one.client}/{one.one.case}/{','.join(endpoints)}"
            click.echo(f"  {where}: {one.words}")
