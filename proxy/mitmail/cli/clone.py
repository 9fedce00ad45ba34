"""``mitmail clone``: a scenario file with the shape of what a server shows."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mitmail.cli.check import STARTTLS

if TYPE_CHECKING:
    from mitmail.cli.looked import Looked
    from mitmail.diagnose.presented import Presented
    from mitmail.diagnose.reach import Starttls
    from mitmail.diagnose.replica import Replica

STDOUT = "-"


@click.command("clone")
@click.argument("server", metavar="[HOST[:PORT]]", required=False)
@click.option(
    "--chain", metavar="FILE|-",
    help="What a customer sent, in place of a server: as for mitmail check.",
)  # fmt: skip
@click.option("--name", metavar="HOST", help="The name that the customer typed.")
@click.option(
    "--at", metavar="TIME",
    help="When it was seen, as 2026-03-01T12:00Z; by default the time in the text, else now.",
)  # fmt: skip
@click.option(
    "--roots", "roots_file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
    help="Whom the client trusts; what is wrong with the root is copied, too. By default the "
    "root is taken to be trusted.",
)  # fmt: skip
@click.option(
    "--starttls", type=click.Choice(STARTTLS), default="auto", metavar="WHICH",
    help="How a port is spoken to, as for mitmail check.",
)  # fmt: skip
@click.option(
    "--exact-names", is_flag=True,
    help="Keep host names and subjects as they are. Do not pass such a file on.",
)  # fmt: skip
@click.option(
    "-o", "--output", default=STDOUT, metavar="FILE",
    help="Write a new file, such as clone.yaml; by default to standard output.",
)  # fmt: skip
def clone_command(
    server: str | None,
    chain: str | None,
    name: str | None,
    at: str | None,
    roots_file: Path | None,
    starttls: "Starttls",
    output: str,
    *,
    exact_names: bool,
) -> None:
    """Make a scenario of what a server shows: the same shape, other keys, nobody's names.

    The customer's domain becomes customer.test. Labels before it stay, as exchange-berlin in
    exchange-berlin.customer.test: look before you pass the file on.

    \b
    mitmail clone mail.example.com:993 -o clone.yaml
    mitmail clone --chain chain.pem --name mail.example.com -o clone.yaml
    mitmail serve ./clone.yaml
    """
    from mitmail.cli import looked
    from mitmail.diagnose import roots
    from mitmail.diagnose.replica import replica
    from mitmail.diagnose.scenario_text import scenario_text
    from mitmail.diagnose.target import typed_name

    if (server is None) == (chain is None):
        raise click.UsageError("say HOST[:PORT] or --chain FILE, one of them")
    if name is not None and (not name.strip() or name.strip().startswith("[")):
        name = typed_name(name)  # an address without its brackets
    trusted = roots.from_file(roots_file) if roots_file else None
    moment = looked.moment(at) if at is not None else None
    if chain is not None:
        found = looked.at_chain(chain, name, moment, trusted or roots.public())
    else:
        assert server is not None
        errand = looked.Errand(None if name is None else typed_name(name), starttls, None)
        found = looked.at_server(server, errand, moment, trusted or roots.public())
    presented = _first(found, name)
    made = replica(presented, trusted.certificates if trusted else (), exact=exact_names)
    text = scenario_text(made, exact=exact_names)
    if output == STDOUT:
        click.echo(text, nl=False)
    else:
        _write(Path(output), text)
    _tell(made, output)


def _first(found: "Looked", name: str | None) -> "Presented":
    from mitmail.errors import CannotJudgeError

    if not found.presented:
        words = "; ".join(finding.words for finding in found.findings)
        raise CannotJudgeError(f"no certificate to copy: {words}")
    first, *others = found.presented
    if others:
        words = f"{len(others) + 1} different chains were shown: this is that of {first.source}."
        click.echo(words, err=True)
    for finding in found.findings:
        if finding.id in {"leaf-moved", "not-sent"}:
            click.echo(finding.words, err=True)
    # As it was typed: a final dot, which nobody asks a server for, counts for some clients.
    return replace(first, name=name or first.name)


def _write(file: Path, text: str) -> None:
    from mitmail.cli.scenario_file import write_new
    from mitmail.errors import MitmailError

    if file.suffix not in {".yaml", ".yml"}:
        raise MitmailError(f"{file}: a scenario file ends in .yaml: -o {file.stem}.yaml")
    write_new(file, text)


def _tell(made: "Replica", output: str) -> None:
    for words in made.lost:
        click.echo(f"Not copied: {words}.", err=True)
    for words in made.assumed:
        click.echo(words, err=True)
    if any("is taken to be" in words for words in made.assumed):
        click.echo("To say whom the client trusts: --roots FILE.", err=True)
    click.echo(f"The client connects to {made.name}.", err=True)
    if output != STDOUT:
        shown = output if "/" in output else f"./{output}"
        click.echo(f"Written. To a client: mitmail serve {shown}", err=True)
