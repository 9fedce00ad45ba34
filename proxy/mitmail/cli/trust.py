"""``mitmail trust``: roots in the trust stores of clients, looked at, put in and taken out."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mitmail.cli.root import kept_roots, named

if TYPE_CHECKING:
    from mitmail.trust.address import Machine
    from mitmail.trust.journal import Change
    from mitmail.trust.keeper import Keeper
    from mitmail.trust.root import Root
    from mitmail.trust.store import TrustStore


@click.group("trust")
def trust_group() -> None:
    """Have clients trust a root: look, print the commands, install, uninstall.

    \b
    mitmail trust status                                      what each store here holds of ours
    mitmail trust print                                       the commands, for every system
    mitmail trust install --store thunderbird                 the mail server's root
    mitmail trust install norton --store nss:FOLDER           the root of the simulated Norton
    mitmail trust uninstall --store thunderbird
    mitmail cleanup                                           undo every change
    """


def stores_option(*, required: bool) -> Callable[[Any], Any]:
    """The stores that a command is about."""
    # Never from the environment: a store is changed only where its name was typed.
    return click.option(
        "--store",
        "words",
        multiple=True,
        required=required,
        metavar="STORE",
        allow_from_autoenv=False,
        help="thunderbird[:PROFILE], firefox[:PROFILE], nss:FOLDER, policies:FILE, system, "
        "java[:FILE]; several times.",
    )


def acting_options(command: Callable[..., None]) -> Callable[..., None]:
    """What every command has that changes a store."""
    for option in (
        click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing."),
        click.option("--yes", is_flag=True, allow_from_autoenv=False, help="Do not ask. For CI."),
    ):
        command = option(command)
    return command


def machine() -> "Machine":
    """This machine, as its user has set it up."""
    from mitmail.trust.address import Machine

    return Machine(os.environ, sys.platform)


def keeper() -> "Keeper":
    """The journal's keeper for the data folder."""
    from mitmail.pki.store import data_folder
    from mitmail.trust.keeper import Keeper

    return Keeper(data_folder(os.environ, sys.platform), machine())


def agreed(lines: Sequence[str], *, dry_run: bool, yes: bool) -> bool:
    """Show what is about to be done, and have it agreed to; False: do nothing.

    Raises MitmailError where nobody is there to ask.
    """
    from mitmail.errors import MitmailError

    for line in lines:
        click.echo(line)
    if dry_run:
        click.echo("Nothing was done: --dry-run.")
        return False
    if yes:
        return True
    if not sys.stdin.isatty():
        raise MitmailError("nobody is here to say yes: add --yes to do this without a question")
    return click.confirm("Do this?")


@trust_group.command("status")
@stores_option(required=False)
@click.option(
    "--seen",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The certificate that the server shows now: says which stored exception is stale.",
)
@click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
def status_command(words: Sequence[str], seen: Path | None, *, as_json: bool) -> None:
    """Read what each store holds of mitmail's roots, what is wrong there, and what to do.

    Without --store: every profile of Thunderbird and Firefox, the policy files, the system's store
    and Java's, as far as they are here.
    """
    from mitmail.cli.standing import as_document, written
    from mitmail.trust import root
    from mitmail.trust.status import across, look

    here, roots = machine(), kept_roots()
    shown = None if seen is None else root.one(seen)
    named = [(word, here.store(word)) for word in words] if words else list(here.found())
    changes = _on_record()
    found = [look(word, store, roots, changes) for word, store in named]
    found = across(found, roots, here.platform)
    if as_json:
        click.echo(json.dumps(as_document(found, roots, shown), indent=1))
    else:
        for line in written(found, roots, shown):
            click.echo(line)
    if any(one.error for one in found):
        sys.exit(3)


def _on_record() -> "Sequence[Change]":
    from mitmail.errors import MitmailError

    try:
        return keeper().journal.changes()
    except MitmailError as error:  # the stores are looked through all the more
        click.echo(f"ERROR: {error}", err=True)
        return ()


@trust_group.command("print")
@click.argument("name", default="server", metavar="[server|ANTIVIRUS|FILE]")
@click.option(
    "--store",
    type=click.Choice(["thunderbird", "nss", "policies", "system", "java", "windows", "macos"]),
    help="For one kind of store only.",
)
def print_command(name: str, store: str | None) -> None:
    """Print the exact commands for every store and system; nothing is done."""
    from mitmail.trust.instruction import instructions

    root = named(name)
    assert root.file is not None
    click.echo(f"# {root.title}: {root.file}")
    for one in instructions(root, root.file):
        if store is not None and one.store != store:
            continue
        click.echo(f"\n# {one.title}")
        for line in (*one.install, "# and to undo it:", *one.uninstall):
            click.echo(line)
        for line in one.notes:
            click.echo(f"# {line}")


@trust_group.command("install")
@click.argument("name", default="server", metavar="[server|ANTIVIRUS|FILE]")
@stores_option(required=True)
@acting_options
def install_command(name: str, words: Sequence[str], *, dry_run: bool, yes: bool) -> None:
    """Have the stores that you name trust a root; each change is read back and on record."""
    from mitmail.trust.root import admit

    here = machine()
    stores = [here.store(word) for word in words]
    root = named(name)
    lines, due = [f"The root of {root.whose}: {root.title}"], []
    for store in stores:
        admit(root, store.reach, store.word)
        if store.trusts(store.state(root.sha256)):
            lines.append(f"{store.word} trusts it already.")
            continue
        due.append(store)
        lines += [f"{store.word}:", *(f"  {step}" for step in store.steps(root))]
    if not due:
        agreed(lines, dry_run=False, yes=True)
        return
    if not agreed(lines, dry_run=dry_run, yes=yes):
        return
    each(due, lambda store: _install(root, store))
    click.echo("To take everything out again: mitmail cleanup")


def _install(root: "Root", store: "TrustStore") -> str:
    keeper().install(root, store)
    start = " Start the program again." if store.word.startswith("policies:") else ""
    return f"{store.word} trusts it now, read back.{start}"


def each(stores: Sequence["TrustStore"], act: "Callable[[TrustStore], str]") -> None:
    """Act on every store; what fails is said, and holds up none of the others."""
    from mitmail.errors import MitmailError

    codes = [0]
    for store in stores:
        try:
            click.echo(act(store))
        except MitmailError as error:
            click.echo(f"ERROR: {error}", err=True)
            codes.append(error.exit_code)
    if any(codes):
        sys.exit(max(codes))
