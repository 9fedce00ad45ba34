"""``mitmail list``: what there is."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mitmail.scenario.model import Scenario

NOTHING_SELECTED = 5

scenarios_option = click.option(
    "--scenarios",
    "folders",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    metavar="DIR",
    help="A folder of your own scenario files; may be given several times.",
)


@click.command("list")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="Only this group.")
@click.option(
    "--set", "set_", metavar="NAME|FILE", help="Only this set: quick, demo, starttls, or a file."
)
@click.option(
    "--antivirus", "what", flag_value="antivirus", help="List the simulated antivirus products."
)
@click.option(
    "--clients", "what", flag_value="clients", help="List the mail clients that can be asked."
)
@click.option("--switches", "what", flag_value="switches", help="List what --switch turns on.")
@scenarios_option
@click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
@click.option("--markdown", is_flag=True, help="As a page in Markdown.")
def list_command(
    groups: Sequence[str],
    set_: str | None,
    what: str | None,
    folders: Sequence[Path],
    *,
    as_json: bool,
    markdown: bool,
) -> None:
    """List every scenario, one line each; or antivirus products, their behaviours, clients.

    \b
    mitmail list --group trust
    mitmail list --antivirus
    mitmail list --clients
    """
    from mitmail.cli import catalogue
    from mitmail.scenario import loader, sets

    if as_json and markdown:
        raise click.UsageError("say --json or --markdown, not both")
    if what is not None:
        if groups or set_ is not None or folders:
            raise click.UsageError("--group, --set and --scenarios are for scenarios")
        if what == "clients":
            from mitmail.cli import clients

            clients.listed(as_json=as_json, markdown=markdown)
        else:
            _list_products(what, as_json=as_json, markdown=markdown)
        return
    everything = loader.load_all(folders)
    wanted = sets.load(set_, folders) if set_ is not None else everything
    scenarios = catalogue.selected([everything[name] for name in wanted], groups)
    if not scenarios:
        click.echo("ERROR: no scenario of this set is in this group", err=True)
        sys.exit(NOTHING_SELECTED)
    if as_json:
        document = {"schema": 1, "scenarios": [summary(scenario) for scenario in scenarios]}
        click.echo(json.dumps(document, indent=1))
    elif markdown:
        click.echo(catalogue.page(scenarios), nl=False)
    else:
        _print(scenarios)


def _list_products(what: str, *, as_json: bool, markdown: bool) -> None:
    from mitmail.cli import antivirus

    behaviours = antivirus.behaviours()
    if markdown:
        click.echo(antivirus.page(behaviours, antivirus.products()), nl=False)
        return
    rows: list[dict[str, object]]
    if what == "antivirus":
        products = antivirus.products()
        rows = [{"id": x.id, "title": x.title, "switches": list(x.behaviours)} for x in products]
        text = antivirus.listed_products(products)
    else:
        rows = [x.model_dump(mode="json", exclude={"file"}) for x in behaviours]
        text = antivirus.listed_switches(behaviours)
    click.echo(json.dumps({"schema": 1, what: rows}, indent=1) if as_json else text)


def _print(scenarios: "Sequence[Scenario]") -> None:
    width = max(len(scenario.id) for scenario in scenarios)
    for group in dict.fromkeys(scenario.group for scenario in scenarios):
        click.echo(f"{group}:")
        for scenario in (one for one in scenarios if one.group == group):
            expected = f"{scenario.expect.level} {scenario.expect.verdict}"
            click.echo(f"  {scenario.id:{width}}  {expected:13}  {scenario.title}")
    click.echo(
        f"\n{len(scenarios)} scenarios. One of them in detail: mitmail show ID; "
        "to a client: mitmail serve ID"
    )


def summary(scenario: "Scenario") -> dict[str, object]:
    """A scenario as it stands in ``mitmail list --json``."""
    return {
        "id": scenario.id,
        "title": scenario.title,
        "group": scenario.group,
        "endpoints": list(scenario.endpoints),
        "expect": {
            "verdict": scenario.expect.verdict,
            "reasons": list(scenario.expect.reasons),
            "level": scenario.expect.level,
        },
        "sees": scenario.sees,
        "catches": list(scenario.catches),
        "aka": list(scenario.aka),
    }
