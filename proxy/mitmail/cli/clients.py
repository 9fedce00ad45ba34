"""``mitmail list --clients``: the mail clients that can be asked, and which of them are here."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import click

from mitmail.endpoint import ENDPOINTS
from mitmail.judge import driver
from mitmail.judge.driver import Entry

VERIFIES = {"full": "chain and name", "chain": "chain, no name", "none": "nothing"}


def listed(*, as_json: bool, markdown: bool) -> None:
    """Print every client, by name."""
    entries = asyncio.run(_all())
    if as_json:
        document = {"schema": 1, "clients": [_row(one) for one in entries]}
        click.echo(json.dumps(document, indent=1))
    elif markdown:
        click.echo(_page(entries))
    else:
        _print(entries)


async def _all() -> list[Entry]:
    return list(await asyncio.gather(*map(driver.entry, sorted(driver.KNOWN))))


def _row(one: Entry) -> dict[str, Any]:
    return {
        "name": one.name,
        "title": one.title,
        "version": _version(one) or None,
        "verifies": {name: one.verifies_on(ENDPOINTS[name]) for name in _spoken(one)},
        "install": one.install or None,
    }


def _print(entries: Sequence[Entry]) -> None:
    width = max(len(one.name) for one in entries)
    for one in entries:
        if one.client is not None:
            name, version = f"{one.name:{width}}", f"{_version(one):10}"
            click.echo(f"{name}  {version}  {one.title}; verifies {_depth(one)}")
    if missing := [one for one in entries if one.client is None]:
        click.echo("\nNot here:")
    for one in missing:
        click.echo(f"{one.name:{width}}  {driver.advice(one)}")
    click.echo("\nOne client in one case: mitmail exec expired --client NAME")


def _page(entries: Sequence[Entry]) -> str:
    rows = ["| client | what it is | endpoints | verifies | install |", "|---|---|---|---|---|"]
    for one in entries:
        cells = (f"`{one.name}`", one.title, ", ".join(_spoken(one)), _depth(one), one.install)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _spoken(one: Entry) -> list[str]:
    return [name for name, endpoint in ENDPOINTS.items() if one.speaks(endpoint)]


def _version(one: Entry) -> str:
    if one.client is None or not any(one.client.version):
        return ""
    return ".".join(map(str, one.client.version))


def _depth(one: Entry) -> str:
    """What it verifies, and where it verifies less."""
    depths = {name: one.verifies_on(ENDPOINTS[name]) for name in _spoken(one)}
    weaker = [f"{VERIFIES[x]} on {name}" for name, x in depths.items() if x != one.verifies]
    return ", ".join((VERIFIES[one.verifies], *weaker))
