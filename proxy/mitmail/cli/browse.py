"""``mitmail list`` and ``mitmail show``: what there is, and one thing explained."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mitmail.endpoint import ENDPOINTS

if TYPE_CHECKING:
    from mitmail.scenario.model import Scenario
    from mitmail.scenario.vendor import Vendor

scenarios_option = click.option(
    "--scenarios",
    "folders",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    metavar="DIR",
    help="A folder of your own scenario files; may be given several times.",
)


@click.command("list")
@scenarios_option
@click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
def list_command(folders: Sequence[Path], *, as_json: bool) -> None:
    """List every scenario, one line each."""
    from mitmail.scenario import loader

    scenarios = list(loader.load_all(folders).values())
    if as_json:
        document = {"schema": 1, "scenarios": [_summary(scenario) for scenario in scenarios]}
        click.echo(json.dumps(document, indent=1))
        return
    width = max(len(scenario.id) for scenario in scenarios)
    for group in dict.fromkeys(scenario.group for scenario in scenarios):
        click.echo(f"{group}:")
        for scenario in (one for one in scenarios if one.group == group):
            expected = f"{scenario.expect.level} {scenario.expect.verdict}"
            click.echo(f"  {scenario.id:{width}}  {expected:13}  {scenario.title}")
    click.echo("\nOne of them in detail: mitmail show ID; to a client: mitmail serve ID")


def _summary(scenario: "Scenario") -> dict[str, object]:
    return {
        "id": scenario.id,
        "title": scenario.title,
        "group": scenario.group,
        "endpoints": list(ENDPOINTS),
        "expect": {
            "verdict": scenario.expect.verdict,
            "reasons": list(scenario.expect.reasons),
            "level": scenario.expect.level,
        },
    }


@click.command("show")
@click.argument("name", metavar="ID|FILE|ANTIVIRUS")
@scenarios_option
@click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
def show_command(name: str, folders: Sequence[Path], *, as_json: bool) -> None:
    """Explain one scenario, or one simulated antivirus."""
    from mitmail.scenario import loader

    if name in loader.vendor_files() and name not in loader.files(folders):
        vendor = loader.find_vendor(name)
        document = {"schema": 1} | vendor.model_dump(mode="json")
        click.echo(json.dumps(document, indent=1) if as_json else _vendor(vendor))
        return
    scenario = loader.find(name, folders)
    if as_json:
        document = {"schema": 1} | _summary(scenario) | scenario.model_dump(mode="json")
        click.echo(json.dumps(document, indent=1))
    else:
        click.echo(_scenario(scenario))


def _scenario(scenario: "Scenario") -> str:
    expect = scenario.expect
    reasons = f" ({' or '.join(expect.reasons)})" if expect.reasons else ""
    lines = [
        f"{scenario.id}: {scenario.title}",
        "",
        scenario.why,
        "",
        f"A correct client {expect.level} {expect.verdict}{reasons}.",
        f"The rule:    {scenario.rule}",
        f"It sends:    {', '.join(scenario.server.chain)}",
        f"The client:  connects to {scenario.connect_as or 'mail.customer.test'}",
    ]
    if scenario.control is not None:
        lines.append(f"The proof:   as {scenario.control.connect_as} the same server is fine")
    return "\n".join(
        [*lines, f"The file:    {scenario.file}", "", f"Try it: mitmail serve {name_of(scenario)}"]
    )


def name_of(scenario: "Scenario") -> str:
    """What to type for this scenario: its id when it ships with mitmail, else its file."""
    from mitmail.scenario import loader

    return scenario.id if scenario.id in loader.shipped() else scenario.file


def _vendor(vendor: "Vendor") -> str:
    lines = [f"{vendor.id}: {vendor.title}", ""]
    for signer in vendor.roots:
        subject = ", ".join(f"{kind}={text}" for kind, text in vendor.subject(signer))
        lines.append(f"The {signer} root: {subject}")
    lines += ["", "Who signs what it finds on the mail server:"]
    lines += [f"  {result:15} {signer}" for result, signer in vendor.policy.items()]
    if vendor.switches:
        lines += ["", "Switches (off unless asked for with --switch):"]
        lines += [f"  {name}: {switch.description}" for name, switch in vendor.switches.items()]
    for known in vendor.exceptions:
        lines += ["", f"Known of {known.client} since {known.since}: {known.why}"]
    return "\n".join([*lines, "", f"Try it: mitmail serve --antivirus {vendor.id}"])
