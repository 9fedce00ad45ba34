"""``mitmail exec``: one client, one case, both witnesses."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mitmail.cli.browse import scenarios_option
from mitmail.cli.seconds import Seconds

if TYPE_CHECKING:
    from mitmail.endpoint import Endpoint
    from mitmail.judge.cell import Cell
    from mitmail.judge.client import Client

WORDS = 130  # characters of the beginning and the end of a client's words that are shown


@click.command("exec")
@click.argument("case", metavar="ID[@ENDPOINT]|FILE")
@click.argument("command", nargs=-1, metavar="[-- COMMAND...]")
@click.option("--client", "known", metavar="NAME|FILE", help="This client instead of a command.")
@click.option(
    "--antivirus", default="none", metavar="NAME", help="Behind this antivirus, or its profile."
)
@click.option(
    "--trust-antivirus", is_flag=True, help="The client trusts the antivirus' root, too."
)
@click.option("--name", metavar="HOST|IP", help="Play this host name, the customer's own.")
@click.option(
    "--timeout",
    type=Seconds(0.5),
    default=15.0,
    show_default=True,
    metavar="S",
    help="How long the client may take for one connection, in seconds.",
)
@scenarios_option
@click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
def exec_command(
    case: str,
    command: Sequence[str],
    known: str | None,
    antivirus: str,
    name: str | None,
    timeout: float,
    folders: Sequence[Path],
    *,
    trust_antivirus: bool,
    as_json: bool,
) -> None:
    """Ask one client in one case: what does it say, what did we see, and is that right?

    The client is asked where nothing is wrong first: one that refuses everything proves nothing.
    It is a command, or one that mitmail knows (mitmail list --clients). In a command {host}
    {port} {name} {user} {password} {root} {antivirus_root} {endpoint} are filled in, and are in
    its environment as MITMAIL_HOST and so on. It ends with 0 when it did its work; or its last
    line says more, {"verdict": "reject", "reason": "expired"}, and it ends with 0 anyway.

    Exit code 0: as expected; 1: it did not do what it should; 3: that cannot be said.

    \b
    mitmail exec expired --client curl
    mitmail exec expired@imaps -- curl -sS --cacert {root} --user {user}:{password} \\
        --connect-to {name}:{port}:{host}:{port} imaps://{name}:{port}/INBOX
    """
    from mitmail.judge import driver, ending, one
    from mitmail.scenario.hostname import is_host

    if command and known is not None:
        raise click.UsageError("a command and a client are named: leave out one of them")
    if not command and known is None:
        raise click.UsageError("name a command (-- COMMAND...) or a client (--client NAME)")
    if name is not None and not is_host(name):
        raise click.UsageError(f"--name {name!r} is no host name, and no IP address")
    scenario, endpoint = _split(case)
    question = one.Question(
        scenario=scenario,
        endpoint=endpoint,
        antivirus=antivirus,
        trusts_antivirus=trust_antivirus,
        name=name,
        folders=tuple(folders),
    )
    every = one.cases(question)

    async def run() -> "tuple[Client, list[Cell]]":
        client = await driver.load(known) if known is not None else driver.command(command)
        return client, await one.answers(client, every, endpoint, timeout)

    client, cells = ending.run(run())
    if as_json:
        click.echo(json.dumps(_document(client, question, cells), indent=1))
    else:
        _print(client, every[-1].plan.scenario.title, cells)
    sys.exit(_exit_code(cells))


def _split(case: str) -> "tuple[str, Endpoint | None]":
    from mitmail.endpoint import find
    from mitmail.scenario.word import is_path

    scenario, at, endpoint = case.rpartition("@")
    if not at or is_path(endpoint):
        return case, None
    return scenario, find(endpoint)


def _exit_code(cells: "Sequence[Cell]") -> int:
    words = {cell.outcome.word for cell in cells}
    if "fail" in words:
        return 1
    return 3 if "error" in words else 0


def _print(client: "Client", title: str, cells: "Sequence[Cell]") -> None:
    from mitmail.judge.head import spelled

    named = f"{client.name} {spelled(client)}".strip()
    click.echo(f"{title}\nThe client: {named}" + (f" ({client.title})" if client.title else ""))
    for cell in cells:
        case, expected = cell.case, cell.expected
        product = "" if case.antivirus == "none" else f", behind {case.antivirus}"
        click.echo(f"\n{cell.endpoint}: {case.label}{product}")
        reasons = " or ".join(sorted(expected.reasons))
        level = "" if expected.level == "must" else f"{expected.level} "
        click.echo(f"  expected  {_with(level + expected.verdict, reasons)}")
        click.echo(f"  it says   {_with(cell.said.verdict, cell.said.reason)}{_detail(cell)}")
        click.echo(f"  we saw    {_seen(cell)}")
        click.echo(f"  {cell.outcome.word:8}  {cell.outcome.why}")


def _with(verdict: str, reason: str | None) -> str:
    return f"{verdict} ({reason})" if reason else verdict


def _detail(cell: "Cell") -> str:
    code = "" if cell.said.exit_code is None else f", exit code {cell.said.exit_code}"
    # What would move a cursor, or turn the line around, is shown as what it is: no letter.
    letters = (
        x if x.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for x in " ".join(cell.said.text.split())
    )
    words = "".join(letters)
    if not words or cell.said.verdict == "accept":
        return code
    if len(words) > 2 * WORDS:  # who breaks down says why at the end, others at the beginning
        words = f"{words[:WORDS]} ... {words[-WORDS:]}"
    return f"{code}: {words}"


def _seen(cell: "Cell") -> str:
    if cell.seen is None:
        return "no connection"
    suspected = "" if cell.seen.certainty == "sure" else "suspected, "
    return f"{_with(cell.seen.verdict, cell.seen.reason)}: {suspected}{cell.seen.evidence}"


def _document(client: "Client", question: Any, cells: "Sequence[Cell]") -> dict[str, Any]:
    from mitmail.judge.head import spelled

    return {
        "schema": 1,
        "record": "exec",
        "scenario": question.scenario,
        "antivirus": question.antivirus,
        "client": {
            "name": client.name,
            "version": spelled(client),
            "verifies": client.verifies,
        },
        "answers": [_answer(cell) for cell in cells],
    }


def _answer(cell: "Cell") -> dict[str, Any]:
    seen, said, expected = cell.seen, cell.said, cell.expected
    return {
        "endpoint": cell.endpoint,
        "asked": cell.case.label,
        "expected": {
            "verdict": expected.verdict,
            "reasons": sorted(expected.reasons),
            "level": expected.level,
        },
        "said": {
            "verdict": said.verdict,
            "reason": said.reason,
            "exit_code": said.exit_code,
            "text": said.text,
        },
        "seen": None
        if seen is None
        else {
            "verdict": seen.verdict,
            "certainty": seen.certainty,
            "reason": seen.reason,
            "alert": seen.alert,
            "evidence": seen.evidence,
        },
        "outcome": cell.outcome.word,
        "why": cell.outcome.why,
    }
