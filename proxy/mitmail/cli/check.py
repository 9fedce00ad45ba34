"""``mitmail check``: what is wrong with a mail server's certificates, and who is to blame."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

if TYPE_CHECKING:
    from mitmail.diagnose.finding import Finding, Severity
    from mitmail.diagnose.presented import Presented
    from mitmail.diagnose.roots import Roots

FAIL_ON = ["critical", "high", "medium", "low", "unknown", "info"]
FOUND = 1


class Looked(NamedTuple):
    """What was looked at, where its times are from, and what was found."""

    presented: "tuple[Presented, ...]"
    at_from: str
    findings: "tuple[Finding, ...]"


@click.command("check")
@click.argument("server", metavar="[HOST[:PORT]]", required=False)
@click.option(
    "--chain", metavar="FILE|-",
    help="What a customer sent, in place of a server: PEM, DER, PKCS#7, the output of openssl "
    "s_client, quoted mail; - is standard input.",
)  # fmt: skip
@click.option("--name", metavar="HOST", help="The name that the customer typed.")
@click.option(
    "--at", metavar="TIME",
    help="Judge by this time, as 2026-03-01T12:00Z; by default the one in the text, else now.",
)  # fmt: skip
@click.option(
    "--roots", "roots_file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
    help="Whom the client trusts; by default the public roots that ship with mitmail.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
@click.option(
    "--fail-on", type=click.Choice(FAIL_ON), metavar="SEVERITY",
    help=f"Exit with 1 for a finding this bad or worse: {', '.join(FAIL_ON)}.",
)  # fmt: skip
def check_command(
    server: str | None,
    chain: str | None,
    name: str | None,
    at: str | None,
    roots_file: Path | None,
    *,
    as_json: bool,
    fail_on: "Severity | None",
) -> None:
    """Say what is wrong with a mail server's certificates, the worst first, and how to mend it.

    \b
    mitmail check --chain chain.pem --name mail.example.com
    openssl s_client -connect mail.example.com:993 -showcerts | mitmail check --chain -
    """
    from mitmail.diagnose import roots

    if (server is None) == (chain is None):
        raise click.UsageError("say HOST[:PORT] or --chain FILE, one of them")
    trusted = roots.from_file(roots_file) if roots_file else roots.public()
    moment = _moment(at) if at is not None else None
    if chain is not None:
        looked = _at_chain(chain, name, moment, trusted)
    else:
        assert server is not None
        looked = _at_server(server, name, moment, trusted)
    _print(looked, trusted, as_json=as_json)
    if fail_on is not None and _is_bad(looked.findings, fail_on):
        sys.exit(FOUND)


def _at_chain(chain: str, name: str | None, at: datetime | None, trusted: "Roots") -> Looked:
    from mitmail.diagnose import paste
    from mitmail.diagnose.diagnosis import diagnose
    from mitmail.diagnose.presented import Presented

    source = "the pasted text" if chain == "-" else chain
    pasted = paste.read(_content(chain), source)
    found_at, at_from = (pasted.at, pasted.at_from) if pasted.at else (datetime.now(UTC), "now")
    presented = Presented(
        chain=pasted.chain, name=name, at=at or found_at, source=source,
        only_leaf=pasted.only_leaf,
    )  # fmt: skip
    return Looked((presented,), "as --at says" if at else at_from, diagnose(presented, trusted))


def _at_server(server: str, name: str | None, at: datetime | None, trusted: "Roots") -> Looked:
    raise click.UsageError("going to a server is not possible yet: use --chain FILE")


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


def _moment(text: str) -> datetime:
    try:
        said = datetime.fromtimestamp(int(text), UTC) if text.isdigit() else None
        said = said or datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise click.BadParameter(
            f"{text!r} is no time: type 2026-03-01T12:00Z", param_hint="--at"
        ) from None
    return said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)


def _print(looked: Looked, trusted: "Roots", *, as_json: bool) -> None:
    from mitmail.cli import findings
    from mitmail.diagnose.document import document

    if as_json:
        whole = document(looked.presented, looked.findings, trusted.words)
        click.echo(json.dumps(whole, indent=1))
        return
    for one in looked.presented:
        for line in findings.shown(one, looked.at_from):
            click.echo(line)
    click.echo(f"Trusted: {trusted.words}")
    for line in findings.printed(looked.findings):
        click.echo(line)


def _is_bad(found: "tuple[Finding, ...]", fail_on: "Severity") -> bool:
    from mitmail.diagnose.finding import SEVERITIES

    bad = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    return any(one.severity in bad for one in found)
