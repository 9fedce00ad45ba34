"""``mitmail ca``: the roots that mitmail keeps for you, to look at and to import."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mitmail.pki.authority import Authority
    from mitmail.pki.store import Store


@click.group("ca")
def ca_group() -> None:
    """Show where the kept roots are, and export one for import into a client."""


def kept_store() -> "Store":
    """The store in the user's data folder."""
    from mitmail.pki.store import Store

    return Store(_folder())


def _folder() -> Path:
    from mitmail.pki.store import data_folder

    return data_folder(os.environ, sys.platform)


@ca_group.command("path")
def path_command() -> None:
    """Print the folder that holds the roots, their keys and the kept certificates."""
    click.echo(_folder())


@ca_group.command("new")
@click.argument("name", default="server", metavar="[server|ANTIVIRUS]")
def new_command(name: str) -> None:
    """Make a new root in place of the kept one; its clients must import it.

    \b
    mitmail ca new                another root for the simulated mail server
    mitmail ca new norton         as if Norton had been installed again: same name, new key
    """
    from mitmail.pki.certificate import sha256
    from mitmail.trust.journal import Journal

    old = replaced(name)
    new = find_root(name).certificate
    click.echo(f"The simulated {_whose(name)} has a new root.")
    click.echo(f"Its SHA-256: {sha256(new)}")
    if old is None:
        click.echo("There was none before.")
        return
    click.echo(f"The old one's: {sha256(old)}")
    click.echo("The old one signs nothing any more. A mitmail serve that runs goes on with it.")
    click.echo(f"Clients must import the new one: mitmail ca export {name}")
    for change in Journal(_folder()).changes():
        if change.sha256 == sha256(old):
            taken = f"mitmail trust uninstall {sha256(old)[:16]} --store '{change.store}'"
            click.echo(f"The old one is still trusted by {change.store}: {taken}")


@ca_group.command("export")
@click.argument("name", default="server", metavar="[server|ANTIVIRUS]")
@click.option(
    "--format", "form", type=click.Choice(["pem", "der"]), help="Default: der for an antivirus."
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="- is stdout."
)
@click.option(
    "--exact-names",
    is_flag=True,
    allow_from_autoenv=False,
    help="Called as the product's own. Its key is thrown away: it will never sign anything.",
)
def export_command(name: str, form: str | None, output: str | None, *, exact_names: bool) -> None:
    """Write a root certificate, never its key, into the working folder.

    \b
    mitmail ca export             the root of the simulated mail server
    mitmail ca export norton      the root of the simulated Norton, as wscert.der
    mitmail ca export norton --exact-names    for tools that find roots by name
    """
    from mitmail.pki.certificate import pem

    chosen = form or ("pem" if name == "server" else "der")
    certificate = find_root(name, exact_names=exact_names).certificate
    octets = pem(certificate) if chosen == "pem" else certificate
    target = output or _file_name(name, chosen)
    if target == "-":
        click.echo(octets, nl=False)
        return
    _write(Path(target), octets)
    click.echo(f"The root of the simulated {_whose(name)} is in {target}.")
    if exact_names:
        click.echo(
            "WARNING: it is called as the product's own. Its key was thrown away, so nothing"
        )
        click.echo("will ever be signed by it: it is for tools that look for roots by name.")
        return
    if name != "server":
        click.echo("It can sign for any name: keep it to test machines.")
    click.echo("Import it into the client under test, and remove it when you are done.")


def _whose(name: str) -> str:
    return "mail server" if name == "server" else name


def replaced(name: str) -> bytes | None:
    """Forget the kept root of a name, and what it has signed: its certificate, if there was one.

    Raises MitmailError for an antivirus that there is not.
    """
    from mitmail.plan import shield
    from mitmail.scenario import loader

    store = kept_store()
    if name == "server":
        found = store.kept("server-root")
        store.remove_all("server-intermediate-")
        store.remove("server-root")
        # A root of the same second must not get the old one's key.
        store.keys.remove_all("server-")
        return None if found is None else found.leaf
    vendor = loader.find_vendor(name)
    found = store.kept(shield.root_slot(vendor, "trusted"))
    shield.uninstall(vendor, store)
    return None if found is None else found.leaf


def find_root(name: str, *, exact_names: bool = False) -> "Authority":
    """The kept root of the simulated mail server or of an antivirus; it is made where missing.

    Raises MitmailError for an antivirus that there is not, or that signs nothing.
    """
    from mitmail.errors import MitmailError
    from mitmail.plan import server, shield
    from mitmail.scenario import loader

    store, now = kept_store(), server.utc_now()
    if name == "server" and exact_names:
        raise MitmailError("--exact-names is for an antivirus: mitmail ca export norton")
    if name == "server":
        return server.root(store, now, kind="server", constrained=True)
    root = shield.make(loader.find_vendor(name), store, now, exact=exact_names).root
    if root is None:
        raise MitmailError(f"{name} signs nothing: it has no root")
    return root


def _file_name(name: str, form: str) -> str:
    # The file that the Gen products leave under ProgramData, and that guides tell users to import.
    if name == "norton" and form == "der":
        return "wscert.der"
    return f"mitmail-{Path(name).stem}-root.{form}"


def _write(path: Path, octets: bytes) -> None:
    from mitmail.errors import MitmailError

    try:
        path.write_bytes(octets)
    except OSError as error:
        raise MitmailError(f"cannot write {path}: {error.strerror}") from None
