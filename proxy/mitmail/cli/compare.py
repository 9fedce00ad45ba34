"""``mitmail compare``: is it the antivirus, or the account?"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mitmail.cli.running import find, from_anywhere, running_options
from mitmail.cli.seconds import Seconds
from mitmail.errors import MitmailError

if TYPE_CHECKING:
    from mitmail.judge.comparison import Comparison, Leg, Word
    from mitmail.judge.trial import Ask, State
    from mitmail.service.remote import Remote

A_COMMAND, A_PERSON = 60.0, 600.0


@click.command("compare")
@click.argument("command", nargs=-1, metavar="[-- COMMAND...]")
@click.option(
    "--antivirus", metavar="NAME", help="Compare with this one; else the one that is on."
)
@click.option("--endpoint", metavar="NAME", help="Where the command connects to: imaps, @993 ...")
@click.option("--seconds", type=Seconds(1), metavar="N", help="How long the client may take.")
@running_options
@click.option("--json", "as_json", is_flag=True, help="The verdict as one JSON document.")
def compare_command(
    command: Sequence[str],
    antivirus: str | None,
    endpoint: str | None,
    seconds: float | None,
    offset: int | None,
    control: Path | None,
    *,
    as_json: bool,
) -> None:
    """Is it the antivirus, or the account? The same client with the antivirus, and without.

    A running mitmail serve is switched for it, on the same ports, and back at the end. The client
    is a command, or a person at a mail program: then you are asked what it said.

    In a command {host} {port} {name} {user} {password} {root} {antivirus_root} {endpoint} are
    filled in, and are in its environment as MITMAIL_HOST and so on. It has to end with 0 when all
    went well. Exit code 0: it works in both; 1: it does not; 3: that cannot be said.

    \b
    mitmail compare --antivirus norton
    mitmail compare -- curl --ssl-reqd --cacert {root} --user {user}:{password} \\
        --connect-to {name}:{port}:{host}:{port} imaps://{name}:{port}/INBOX
    """
    import asyncio

    from mitmail.judge import trial

    if not command and not sys.stdin.isatty():
        raise MitmailError(
            "nobody is here to say what the client did: name it, mitmail compare -- COMMAND"
        )

    async def hold() -> "Comparison":
        remote = await find(control, offset)
        if command:
            ask = _by_command(command, endpoint, seconds or A_COMMAND)
        else:
            ask = _by_person(remote, seconds or A_PERSON)
        return await trial.held(remote, from_anywhere(antivirus), ask)

    found = asyncio.run(hold())
    if as_json:
        click.echo(json.dumps(found.record(), indent=1))
    else:
        _print(found)
    sys.exit(found.exit_code)


def _by_command(command: Sequence[str], endpoint: str | None, seconds: float) -> "Ask":
    from mitmail.judge import command as client

    async def ask(state: "State") -> "Word":
        return await client.ask(command, client.values(state, endpoint), seconds)

    return ask


def _by_person(remote: "Remote", seconds: float) -> "Ask":
    from mitmail.judge.comparison import Word

    async def ask(state: "State") -> "Word":
        antivirus = state["antivirus"]
        half = "Without the antivirus" if antivirus == "none" else f"With {antivirus}"
        click.echo(f"{half}: start the client anew and let it fetch and send. Waiting for it.")
        if not await _came(remote, state["last_session"], seconds):
            return Word(None, None, "the client did not connect")
        worked = click.confirm("Once it is done: did it do its work without a complaint?")
        return Word(worked)

    return ask


async def _came(remote: "Remote", after: int, seconds: float) -> bool:
    import time

    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        said = await remote.ask("sessions", after=after, until="verdict", seconds=min(left, 30))
        if said["sessions"]:
            return True
    return False


def _print(found: "Comparison") -> None:
    for half, one in (
        (f"with {found.shielded.antivirus}", found.shielded),
        ("without", found.bare),
    ):
        click.echo(f"{half:14} {_gist(one)}")
    click.echo("")
    click.echo(found.words)
    click.echo(found.advice)


def _gist(one: "Leg") -> str:
    code = one.word.exit_code
    exit_code = "" if code is None else f" (exit code {code})"
    fate = {"works": "works", "fails": "fails", "undecided": "not decided"}[one.fate]
    return f"{fate}{exit_code}: {one.why}"
