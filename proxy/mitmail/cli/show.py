"""``mitmail show``: a scenario, a simulated antivirus, or a behaviour of such, explained."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mitmail.cli.browse import scenarios_option, summary
from mitmail.endpoint import ENDPOINTS

if TYPE_CHECKING:
    from mitmail.scenario.model import Scenario


@click.command("show")
@click.argument("name", metavar="ID|FILE|ANTIVIRUS|SWITCH")
@scenarios_option
@click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
def show_command(name: str, folders: Sequence[Path], *, as_json: bool) -> None:
    """Explain one scenario, one simulated antivirus, or one behaviour of such."""
    from mitmail.cli import product
    from mitmail.scenario import loader

    own = name in loader.files(folders)
    switch = name in loader.behaviour_files()
    if name in loader.vendor_files() and not own:
        vendor = loader.find_vendor(name)
        document = {"schema": 1} | vendor.model_dump(mode="json", exclude={"said", "base"})
        click.echo(json.dumps(document, indent=1) if as_json else product.vendor(vendor))
        return
    if switch and not own:
        behaviour = loader.find_behaviour(name)
        document = {"schema": 1} | behaviour.model_dump(mode="json")
        click.echo(json.dumps(document, indent=1) if as_json else product.behaviour(behaviour))
        return
    scenario = loader.find(name, folders)
    if as_json:
        document = {"schema": 1} | summary(scenario) | scenario.model_dump(mode="json")
        click.echo(json.dumps(document, indent=1))
    else:
        click.echo(_scenario(scenario))
    if switch and not as_json:
        words = "There is also a behaviour of products that is called so."
        click.echo(f"\n{words}\n\n{product.behaviour(loader.find_behaviour(name))}")


def _scenario(scenario: "Scenario") -> str:
    from mitmail.cli import tree

    expect = scenario.expect
    reasons = f" ({' or '.join(expect.reasons)})" if expect.reasons else ""
    lines = [
        f"{scenario.id}: {scenario.title}",
        "",
        scenario.why,
        "",
        *tree.draw(scenario, ascii_only=not tree.can_draw(sys.stdout)),
        "",
        f"A correct client {expect.level} {expect.verdict}{reasons}.",
        *([f"The user:    {scenario.sees}"] if scenario.sees else []),
        f"The rule:    {scenario.rule}",
        *(f"Gives away:  {words}" for words in tree.canary(scenario)),
        f"The client:  connects to {scenario.connect_as or 'mail.customer.test'}",
    ]
    if len(scenario.endpoints) < len(ENDPOINTS):
        lines.append(f"It is shown: on {', '.join(scenario.endpoints)} only")
    if scenario.control is not None:
        lines.append(f"The proof:   as {scenario.control.connect_as} the same server is fine")
    lines += [
        f"Known of {one.client} since {one.since}: {one.why}"
        for one in scenario.exceptions.values()
    ]
    if scenario.catches:
        lines.append(f"It catches:  {', '.join(scenario.catches)}")
    if scenario.aka:
        lines.append(f"Others say:  {', '.join(scenario.aka)}")
    return "\n".join(
        [*lines, f"The file:    {scenario.file}", "", f"Try it: mitmail serve {name_of(scenario)}"]
    )


def name_of(scenario: "Scenario") -> str:
    """What to type for this scenario: its id when it ships with mitmail, else its file."""
    from mitmail.scenario import loader

    return scenario.id if scenario.id in loader.shipped() else scenario.file
