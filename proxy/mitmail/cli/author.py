"""``mitmail lint`` and ``mitmail schema``: for those who write scenario files."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click


@click.command("lint")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
def lint_command(paths: Sequence[Path], *, as_json: bool) -> None:
    """Check the files that people write: every error at once, as file:line:col.

    They are scenarios, vendor profiles (in a folder vendors), behaviours, clients, causes and
    speakers (likewise).
    Without a PATH, everything that ships with mitmail.
    """
    from mitmail import shipped
    from mitmail.errors import MitmailError
    from mitmail.scenario.lint import lint

    folders = (
        shipped.SCENARIOS,
        shipped.CERTS,
        shipped.CLIENTS,
        shipped.CAUSES,
        shipped.SPEAKERS,
    )
    ours = [Path(str(x)) for x in folders]
    problems = lint(paths or ours)
    if as_json:
        rows = [
            {"file": p.file, "line": p.line, "column": p.col, "path": p.path, "message": p.message}
            for p in problems
        ]
        click.echo(json.dumps({"schema": 1, "problems": rows}, indent=1))
        sys.exit(MitmailError.exit_code if problems else 0)
    for problem in problems:
        click.echo(str(problem), err=True)
    if problems:
        raise MitmailError(f"{len(problems)} to mend")
    click.echo("Nothing to mend.")


NAMES = [
    *("scenario", "vendor", "behaviour", "client", "matrix", "cause", "speaker"),
    *("ready", "ready-all", "ready-transparent", "record", "list"),
    *("control-request", "control-answer", "comparison"),
    *("results", "difference"),
    *("exec", "list-clients"),
    *("explanation", "check", "doctor", "trust-status"),
]


@click.command("schema")
@click.argument("name", type=click.Choice(NAMES))
def schema_command(name: str) -> None:
    """Print the JSON Schema of a file or of an output."""
    from mitmail.cli import explained_schema, standing
    from mitmail.diagnose import document as diagnosis
    from mitmail.judge import schema as judge
    from mitmail.machine import schema as machine
    from mitmail.scenario.schema import FILES, schema
    from mitmail.service.schema import DOCUMENTS

    known: dict[str, object] = {name: schema(name) for name in FILES}
    known |= DOCUMENTS | judge.DOCUMENTS | diagnosis.DOCUMENTS | machine.DOCUMENTS
    known |= explained_schema.DOCUMENTS | standing.DOCUMENTS
    click.echo(json.dumps(known[name], indent=1))
