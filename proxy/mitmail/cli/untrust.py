"""``mitmail trust uninstall``: a root or a stored exception out of the stores that are named."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from mitmail.cli.root import kept_root, kept_roots
from mitmail.cli.trust import acting_options, agreed, each, keeper, machine, stores_option

if TYPE_CHECKING:
    from mitmail.trust.store import TrustStore


@click.command("uninstall")
@click.argument("name", default="server", metavar="[server|ANTIVIRUS|FILE|SHA-256]")
@stores_option(required=True)
@click.option(
    "--exception",
    "place",
    metavar="HOST:PORT",
    allow_from_autoenv=False,
    help="Take out this stored security exception (the Servers tab) instead of a root.",
)
@click.option(
    "--for-good", is_flag=True, help="With --exception: mitmail cleanup will not put it back."
)
@acting_options
def uninstall_command(
    name: str,
    words: Sequence[str],
    place: str | None,
    *,
    for_good: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Take a root out of the stores that you name, also one that was imported by hand.

    What was there before mitmail's install is there again. A SHA-256, or its first 8 digits, names
    an old root or a server's certificate that mitmail trust status has found.
    """
    here = machine()
    stores = [here.store(word) for word in words]
    if place is not None:
        _take_out(stores, place, for_good=for_good, dry_run=dry_run, yes=yes)
        return
    lines, due = [], {}
    for store in stores:
        fingerprint, title = _meant(name, store)
        if store.state(fingerprint) is None:
            lines.append(f"{store.word} does not hold {title}.")
            continue
        due[store] = fingerprint
        lines.append(f"{store.word}: take out {title}, or make of it what it was before")
    if not due:
        agreed(lines, dry_run=False, yes=True)
    elif agreed(lines, dry_run=dry_run, yes=yes):
        each(list(due), lambda store: _uninstall(due[store], store))


def _uninstall(fingerprint: str, store: "TrustStore") -> str:
    return f"{store.word}: {keeper().uninstall(fingerprint, store)}."


def _meant(name: str, store: "TrustStore") -> tuple[str, str]:
    """The fingerprint of what is meant, and its title; only of what has to do with mitmail."""
    from mitmail.errors import MitmailError
    from mitmail.pki.certificate import sha256
    from mitmail.trust.mistake import relevant
    from mitmail.trust.root import described

    digits = name.replace(":", "").lower()
    if len(digits) < 8 or set(digits) - set("0123456789abcdef"):
        root = kept_root(name)
        return root.sha256, root.title
    on_record = {one.sha256: one.title for one in keeper().journal.changes()}
    certificates = store.certificates()
    related = set(relevant(certificates, kept_roots()))
    known = {
        sha256(each): described(each)
        for each in certificates
        if sha256(each) in related or sha256(each) in on_record
    }
    fitting = [one for one in (on_record | known) if one.startswith(digits)]
    if len(fitting) != 1:
        wrong = "none of mitmail's has this SHA-256" if not fitting else "several begin like this"
        raise MitmailError(f"{store.word}: {name}: {wrong}; mitmail trust status lists them")
    return fitting[0], (on_record | known)[fitting[0]]


def _take_out(
    stores: Sequence["TrustStore"], place: str, *, for_good: bool, dry_run: bool, yes: bool
) -> None:
    from mitmail.errors import MitmailError
    from mitmail.trust import override
    from mitmail.trust.nss import Database

    profiles = [store.folder for store in stores if isinstance(store, Database)]
    if len(profiles) != len(stores):
        raise MitmailError("--exception is for profiles: --store thunderbird or nss:FOLDER")
    found = [(profile, override.removal(profile, place)) for profile in profiles]
    lines = [
        f"{profile}: take out the exception for {one.override.place}, which is for the "
        f"certificate {one.override.sha256[:16]} alone"
        for profile, one in found
    ]
    if not agreed(lines, dry_run=dry_run, yes=yes):
        return
    for profile, _ in found:
        keeper().remove_exception(profile, place, for_good=for_good)
        back = "" if for_good else " mitmail cleanup puts it back."
        click.echo(f"{profile}: the exception for {place} is out.{back}")
