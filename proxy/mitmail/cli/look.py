"""What a command is to look at: a server, or a chain that somebody sent."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mitmail.diagnose.presented import Presented


def look(
    server: str | None,
    chain: str | None,
    name: str | None,
    at: datetime | None,
    roots: Sequence[bytes],
) -> "Presented":
    """What a server shows, or the pasted text of a file or of standard input (``-``).

    Raises MitmailError, or CannotJudgeError where nothing answers.
    """
    if chain is not None:
        return _pasted(chain, name, at)
    assert server is not None
    return _reached(server, name, at, roots)


def _pasted(chain: str, name: str | None, at: datetime | None) -> "Presented":
    from mitmail.diagnose import paste
    from mitmail.diagnose.presented import Presented

    source = "the pasted text" if chain == "-" else chain
    pasted = paste.read(_content(chain), source)
    return Presented(
        chain=pasted.chain, name=name, at=at or pasted.at or datetime.now(UTC), source=source,
        only_leaf=pasted.only_leaf,
    )  # fmt: skip


def _reached(
    server: str, name: str | None, at: datetime | None, roots: Sequence[bytes]
) -> "Presented":
    import asyncio
    from dataclasses import replace

    from mitmail.diagnose.reach import Errand, announcement, reach
    from mitmail.diagnose.target import parse
    from mitmail.errors import CannotJudgeError

    target = parse(server)
    click.echo(announcement(target), err=True)
    reached = asyncio.run(reach(target, Errand(name=name, roots=tuple(roots))))
    if not reached.presented:
        words = "; ".join(finding.words for finding in reached.findings)
        raise CannotJudgeError(f"{server}: no certificate to copy: {words}")
    first, *others = reached.presented
    if others:
        click.echo(
            f"It shows {len(others) + 1} different chains: this is that of {first.source}.",
            err=True,
        )
    # As it was typed: a final dot, which nobody asks a server for, counts for some clients.
    return replace(first, at=at or first.at, name=name or first.name)


def _content(chain: str) -> bytes:
    from mitmail.diagnose.paste import LIMIT
    from mitmail.errors import MitmailError

    if chain == "-":
        return sys.stdin.buffer.read(LIMIT + 1)
    try:
        with Path(chain).open("rb") as stream:
            return stream.read(LIMIT + 1)
    except OSError as error:
        raise MitmailError(f"cannot read {chain}: {error.strerror}") from None


def moment(text: str | None) -> datetime | None:
    """The time of ``--at``, UTC where no zone is said; raises click.BadParameter."""
    if text is None:
        return None
    try:
        said = datetime.fromtimestamp(int(text), UTC) if text.isdigit() else None
        said = said or datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise click.BadParameter(
            f"{text!r} is no time: type 2026-03-01T12:00Z", param_hint="--at"
        ) from None
    return said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)
