"""``mitmail new``: a scenario file of your own, begun as a copy."""

import json
from pathlib import Path

import click

SCHEMA_FILE = "scenario.schema.json"
MODELINE = f"# yaml-language-server: $schema=./{SCHEMA_FILE}\n"


@click.command("new")
@click.argument("name")
@click.option("--from", "source", default="healthy", metavar="ID|FILE", help="What to copy.")
def new_command(name: str, source: str) -> None:
    """Begin a scenario file of your own in this folder, as a copy of another one.

    \b
    mitmail new my-server --from hosting-wildcard
    """
    from mitmail.cli.scenario_file import write_new
    from mitmail.errors import MitmailError
    from mitmail.scenario import loader
    from mitmail.scenario.schema import schema

    copied = loader.find(source)
    if problem := loader.id_problem(name):
        raise MitmailError(f"{name!r}: {problem}")
    file = Path(f"{name}.yaml")
    write_new(file, MODELINE + Path(copied.file).read_text(encoding="utf-8"))
    Path(SCHEMA_FILE).write_text(json.dumps(schema("scenario"), indent=1) + "\n", encoding="utf-8")
    click.echo(
        f"{file} is a copy of {copied.id}; {SCHEMA_FILE} tells your editor what it may say."
    )
    click.echo(f"Change it, then: mitmail lint {file}; to a client: mitmail serve ./{file}")
