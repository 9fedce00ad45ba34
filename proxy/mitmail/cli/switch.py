"""``mitmail switch``: something else on the ports of a running ``mitmail serve``."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from mitmail.cli.browse import scenarios_option
from mitmail.cli.running import find, from_anywhere, running_options


@click.command("switch")
@click.argument("scenario", required=False, metavar="[ID|FILE]")
@click.option(
    "--antivirus", metavar="NAME|off", help="Another antivirus, or none, before the server."
)
@click.option(
    "--switch",
    "switches",
    multiple=True,
    metavar="NAME",
    help="The behaviours of the antivirus that are on from now; none of the others.",
)
@click.option(
    "--reinstall",
    is_flag=True,
    help="Install the antivirus anew: a new root of the same name. The old one is gone.",
)
@running_options
@scenarios_option
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document.")
def switch_command(
    scenario: str | None,
    antivirus: str | None,
    switches: Sequence[str],
    offset: int | None,
    control: Path | None,
    folders: Sequence[Path],
    *,
    reinstall: bool,
    as_json: bool,
) -> None:
    """Serve something else in a running mitmail serve, on the same ports.

    What is not named stays as it is. Sessions that are open go on as they began; the client need
    not be set up anew. With nothing to change it says what is served now.

    \b
    mitmail switch healthy              the provider has repaired its certificate
    mitmail switch --antivirus off      the customer has removed the antivirus
    mitmail switch --reinstall          and has installed it again
    mitmail switch                      what is served now
    """
    import asyncio

    change = {
        "scenario": from_anywhere(scenario),
        "antivirus": from_anywhere(antivirus),
        "switches": list(filter(None, map(from_anywhere, switches))) or None,
        "reinstall": reinstall or None,
        "folders": [str(folder.absolute()) for folder in folders] or None,
    }
    said = {key: value for key, value in change.items() if value is not None}

    async def ask() -> dict[str, Any]:
        remote = await find(control, offset)
        return await remote.ask("switch", **said) if said else await remote.ask("served")

    answer = asyncio.run(ask())
    if as_json:
        click.echo(json.dumps(answer, indent=1))
        return
    for line in _words(answer, switched=bool(said)):
        click.echo(line)


def _words(answer: dict[str, Any], *, switched: bool) -> list[str]:
    behind = f" behind {answer['antivirus']}" if answer["antivirus"] != "none" else ""
    scenario = answer["scenario"] or "a real mail server"
    lines = [f"{'Now serving' if switched else 'Serving'} {scenario}{behind}."]
    ports = ", ".join(f"{name} {one['port']}" for name, one in answer["endpoints"].items())
    lines.append(f"Ports {'as before' if switched else 'of ' + answer['name']}: {ports}.")
    if answer["closed"]:
        lines.append(f"Turned away, for it has nothing there: {', '.join(answer['closed'])}.")
    if switched and answer["running"]:
        lines.append(f"Sessions that go on as they began: {answer['running']}.")
    if answer["new_root"] or not switched:
        new = "Another root to import" if switched else "Root to import into the client"
        lines.append(f"{new}: {answer['root_file']}")
    if answer["antivirus_root_file"] and (answer["new_antivirus_root"] or not switched):
        new = "own root now" if switched else "own root"
        lines.append(f"The antivirus' {new}: {answer['antivirus_root_file']}")
    return lines
