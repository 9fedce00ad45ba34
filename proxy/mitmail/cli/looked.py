"""What ``mitmail check`` looks at: what somebody pasted, or a server."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mitmail.diagnose.blame import Blame
    from mitmail.diagnose.finding import Finding
    from mitmail.diagnose.paste import Pasted
    from mitmail.diagnose.presented import Presented
    from mitmail.diagnose.reach import Starttls
    from mitmail.diagnose.roots import Roots

# No top-level domain is called so: this is a file, and if it is not there, then mistyped.
ENDINGS = {".pem", ".txt", ".crt", ".cer", ".der"}


class Looked(NamedTuple):
    """What was looked at, where its times are from, and what was found."""

    presented: "tuple[Presented, ...]"
    at_from: str
    findings: "tuple[Finding, ...]"


class Errand(NamedTuple):
    """How to go to a server, as it was typed."""

    name: str | None
    starttls: "Starttls"
    dns: str | None


def at_chain(chain: str, name: str | None, at: datetime | None, trusted: "Roots") -> Looked:
    """Look at a file, or at standard input (``-``); raises MitmailError."""
    from mitmail.diagnose import paste
    from mitmail.diagnose.diagnosis import diagnose
    from mitmail.diagnose.presented import Presented

    source = "the pasted text" if chain == "-" else chain
    pasted = paste.read(_content(chain), source)
    found_at, at_from = (pasted.at, pasted.at_from) if pasted.at else (datetime.now(UTC), "now")
    presented = Presented(
        chain=pasted.chain, name=name, at=at or found_at, source=source,
        only_leaf=pasted.only_leaf, partial=not pasted.whole, listed=len(pasted.listed) or None,
        besides=pasted.besides,
    )  # fmt: skip
    found = [*diagnose(presented, trusted), *_of_text(pasted, source)]
    if pasted.moved is not None:  # that says as much of the order as is known
        found = [one for one in found if one.id != "chain-order"]
    return Looked((presented,), "as --at says" if at else at_from, tuple(found))


def _of_text(pasted: "Pasted", source: str) -> "Iterator[Finding]":
    from mitmail.diagnose.finding import Finding

    if pasted.moved is not None:
        words = (
            f"The server's certificate is number {pasted.moved} in this text; it is taken first "
            "here."
        )
        fix = "For the order in which the server sends them: openssl s_client -showcerts"
        yield Finding(id="leaf-moved", severity="info", words=words, fix=fix, where=source)
    if count := len(pasted.besides):
        more = "another certificate" if count == 1 else f"{count} more certificates"
        words = (
            f"The listing of openssl s_client shows all that the server sends "
            f"({len(pasted.listed)}); {more} in this text it does not send."
        )
        yield Finding(id="not-sent", severity="info", words=words, where=source)


def at_server(server: str, errand: Errand, at: datetime | None, trusted: "Roots") -> Looked:
    """Go to a server; raises CannotJudgeError where it shows nothing."""
    import asyncio
    from dataclasses import replace

    from mitmail.diagnose import reach
    from mitmail.diagnose.diagnosis import diagnose
    from mitmail.diagnose.lookup import name_server
    from mitmail.diagnose.target import parse

    target = parse(server)
    how = reach.Errand(
        name=errand.name, starttls=errand.starttls,
        dns=name_server(errand.dns) if errand.dns else None,
        roots=tuple(trusted.loaded), system=False,
    )  # fmt: skip
    click.echo(reach.announcement(target), err=True)
    reached = asyncio.run(reach.reach(target, how))
    presented = tuple(replace(one, at=at or one.at) for one in reached.presented)
    found = [finding for one in presented for finding in diagnose(one, trusted)]
    at_from = "as --at says" if at else "now"
    return Looked(presented, at_from, (*found, *reached.findings))


def blamed(
    customers: Looked, against: tuple[str, ...], errand: Errand, trusted: "Roots"
) -> "Blame":
    """Compare with what the provider shows, in files or at his servers; raises MitmailError."""
    from mitmail.diagnose.blame import blame

    shown: list[Presented] = []
    for one in against:
        if is_file(one):
            shown += at_chain(one, errand.name, None, trusted).presented
        else:
            shown += at_server(one, errand, None, trusted).presented
    return blame(customers.presented[0], shown, trusted)


def is_file(text: str) -> bool:
    """Whether what is compared with is a file, and no server."""
    is_path = "/" in text or "\\" in text
    return is_path or Path(text).suffix.lower() in ENDINGS or Path(text).is_file()


def _content(chain: str) -> bytes:
    from mitmail.diagnose.paste import LIMIT
    from mitmail.errors import MitmailError

    if chain == "-":
        if sys.stdin is None:  # it was closed: <&-
            raise MitmailError("standard input is closed: use --chain FILE")
        if sys.stdin.isatty():
            click.echo("Paste the certificates, then Ctrl-D (Windows: Ctrl-Z, Enter).", err=True)
        return sys.stdin.buffer.read(LIMIT + 1)
    try:
        with Path(chain).open("rb") as stream:
            return stream.read(LIMIT + 1)
    except OSError as error:
        raise MitmailError(f"cannot read {chain}: {error.strerror}") from None


def moment(text: str) -> datetime:
    """A time that somebody typed, UTC where it does not say; raises click.BadParameter."""
    try:
        said = datetime.fromtimestamp(int(text), UTC) if text.isdigit() else None
        said = said or datetime.fromisoformat(text)
        return said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise click.BadParameter(
            f"{text!r} is no time: type 2026-03-01T12:00Z", param_hint="--at"
        ) from None
