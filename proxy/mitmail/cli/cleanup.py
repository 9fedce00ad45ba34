"""``mitmail cleanup``: undo every change that mitmail has made to a trust store."""

import sys
from typing import TYPE_CHECKING, Final

import click

from mitmail.cli.trust import agreed, keeper

if TYPE_CHECKING:
    from mitmail.trust.keeper import Result

# As elsewhere: 1, it is not as it was; 3, could not be done.
_CODES: Final[dict["Result", int]] = {"done": 0, "changed": 1, "gone": 3, "failed": 3}


@click.command("cleanup")
@click.option("--dry-run", is_flag=True, help="Say what would be undone, and do nothing.")
@click.option("--yes", is_flag=True, allow_from_autoenv=False, help="Do not ask. For CI.")
@click.option("--forget", is_flag=True, help="Forget changes to stores that are gone for good.")
def cleanup_command(*, dry_run: bool, yes: bool, forget: bool) -> None:
    """Undo every change to a trust store, the last one first, each by its SHA-256.

    What was there before mitmail stays. What cannot be undone now (the program runs) stays on
    record; what somebody else has changed since is said and left alone. Roots and keys in the data
    folder are kept.
    """
    kept = keeper()
    changes = kept.journal.changes()
    if not changes:
        click.echo("Nothing to undo: mitmail has no change to a trust store on record.")
        return
    lines = ["To be undone, the last one first:"]
    lines += [f"  {one.store}: {one.title}, of {one.at[:16]}" for one in reversed(changes)]
    if not agreed(lines, dry_run=dry_run, yes=yes):
        return
    codes = []
    for undone in kept.cleanup():
        code = _CODES[undone.result]
        if undone.result == "gone" and forget:
            kept.journal.drop(undone.change)
            code = 0
        word = {0: "", 1: "WARNING: ", 3: "ERROR: "}[code]
        line = f"{word}{undone.change.store}: {undone.change.title}: {undone.words}"
        click.echo(line, err=code != 0)
        codes.append(code)
    if left := kept.journal.changes():
        click.echo(f"Still on record: {len(left)}. Then again: mitmail cleanup", err=True)
        if any(code == 3 for code in codes) and not forget:
            click.echo("Where a store is gone for good: mitmail cleanup --forget", err=True)
    sys.exit(max(codes))
