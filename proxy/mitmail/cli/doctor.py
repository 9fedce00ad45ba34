"""``mitmail doctor``: what works on this machine, what is missing, and what installs it."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from mitmail import __version__

if TYPE_CHECKING:
    from mitmail.machine.check import Check
    from mitmail.machine.examination import Group

CANNOT_SERVE = 3


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
def doctor_command(*, as_json: bool) -> None:
    """Say what works on this machine, what is missing, and the command that installs it.

    Nothing is changed, nothing leaves this machine, and root is not needed. What is missing is
    missing for one purpose; only what nothing can be served without changes the exit code.

    Exit code 0: mitmail serve works here; 3: it cannot.
    """
    from mitmail.machine.examination import examine, system

    groups = examine()
    wrong = [x for group in groups for x in group.checks if x.stands_in_the_way]
    if as_json:
        click.echo(json.dumps(_document(groups, system(), serves=not wrong), indent=1))
    else:
        _print(groups, system(), wrong)
    sys.exit(CANNOT_SERVE if wrong else 0)


def _document(groups: "Sequence[Group]", system: str, *, serves: bool) -> dict[str, Any]:
    return {
        "schema": 1,
        "record": "doctor",
        "version": __version__,
        "system": system,
        "serves": serves,
        "groups": [
            {"id": one.id, "title": one.title, "checks": [_check(x) for x in one.checks]}
            for one in groups
        ],
    }


def _check(one: "Check") -> dict[str, Any]:
    return {
        "id": one.id,
        "status": one.status,
        "words": one.words,
        "fix": one.fix or None,
        "serves": one.serves,
    }


def _print(groups: "Sequence[Group]", system: str, wrong: "Sequence[Check]") -> None:
    click.echo(f"mitmail {__version__} on {system}")
    for group in groups:
        click.echo(f"\n{group.title}")
        for one in group.checks:
            click.echo(f"  {one.status:8} {one.line}")
    if not wrong:
        click.echo("\nmitmail serve works here. Begin with: mitmail serve expired")
        return
    click.echo("\nmitmail serve cannot work here:")
    for one in wrong:
        click.echo(f"  {one.line}")
