"""``mitmail check``: what is wrong with a mail server's certificates, and who is to blame."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mitmail.cli.looked import Looked
    from mitmail.diagnose.blame import Blame
    from mitmail.diagnose.finding import Finding, Severity
    from mitmail.diagnose.reach import Starttls
    from mitmail.diagnose.roots import Roots

FAIL_ON = ["critical", "high", "medium", "low", "unknown", "info"]
STARTTLS = ["auto", "imap", "pop3", "smtp", "none"]
FOUND = 1


@click.command("check")
@click.argument("server", metavar="[HOST[:PORT]]", required=False)
@click.option(
    "--chain", metavar="FILE|-",
    help="What a customer sent, in place of a server: PEM, DER, PKCS#7, the output of openssl "
    "s_client, quoted mail; - is standard input.",
)  # fmt: skip
@click.option(
    "--against", metavar="HOST:PORT|FILE", multiple=True,
    help="What the provider shows: with --chain, say who is to blame. Several are compared.",
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
@click.option(
    "--starttls", type=click.Choice(STARTTLS), default="auto", metavar="WHICH",
    help=f"How a port is spoken to: {', '.join(STARTTLS)} (SSL/TLS). By default as its number "
    "says, else as it answers.",
)  # fmt: skip
@click.option(
    "--dns", metavar="ADDRESS[:PORT]", help="Ask this DNS server in place of the system's own."
)
@click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
@click.option(
    "--fail-on", type=click.Choice(FAIL_ON), metavar="SEVERITY",
    help=f"Exit with 1 for a finding this bad or worse: {', '.join(FAIL_ON)}.",
)  # fmt: skip
def check_command(
    server: str | None,
    chain: str | None,
    against: tuple[str, ...],
    name: str | None,
    at: str | None,
    roots_file: Path | None,
    starttls: "Starttls",
    dns: str | None,
    *,
    as_json: bool,
    fail_on: "Severity | None",
) -> None:
    """Say what is wrong with a mail server's certificates, the worst first, and how to mend it.

    A server is asked as a mail client asks it, and no password is sent: with a port that one,
    without any the six of mail. Like clone, it goes beyond this machine.

    \b
    mitmail check mail.example.com
    mitmail check mail.example.com:587 --json
    mitmail check --chain chain.pem --name mail.example.com
    mitmail check --chain chain.pem --against mail.example.com:993
    openssl s_client -connect mail.example.com:993 -showcerts | mitmail check --chain -
    """
    from mitmail.cli import looked
    from mitmail.diagnose import roots
    from mitmail.diagnose.target import typed_name

    if (server is None) == (chain is None):
        raise click.UsageError("say HOST[:PORT] or --chain FILE, one of them")
    if against and chain is None:
        raise click.UsageError("--against is for what a customer sent: add --chain FILE")
    trusted = roots.from_file(roots_file) if roots_file else roots.public()
    moment = looked.moment(at) if at is not None else None
    errand = looked.Errand(None if name is None else typed_name(name), starttls, dns)
    blamed = None
    if chain is not None:
        found = looked.at_chain(chain, errand.name or asked(against), moment, trusted)
        blamed = looked.blamed(found, against, errand, trusted) if against else None
    else:
        assert server is not None
        found = looked.at_server(server, errand, moment, trusted)
    _print(found, blamed, trusted, as_json=as_json)
    if fail_on is not None and _is_bad(found.findings, fail_on):
        sys.exit(FOUND)


def asked(against: tuple[str, ...]) -> str | None:
    """The name that the customer typed, where it is only said as the server to compare with."""
    from mitmail.cli.looked import is_file
    from mitmail.diagnose.target import parse

    hosts = {parse(one) for one in against if not is_file(one)}
    # Who compares with an address has looked the name up, and the customer did not type it.
    names = {one.host for one in hosts if not one.is_address}
    return names.pop() if len(names) == 1 else None


def _print(looked: "Looked", blamed: "Blame | None", trusted: "Roots", *, as_json: bool) -> None:
    from mitmail.cli import findings
    from mitmail.diagnose.document import document

    if as_json:
        whole = document(
            looked.presented, looked.findings, trusted.words, blamed, at_from=looked.at_from
        )
        click.echo(json.dumps(whole, indent=1))
        return
    for one in looked.presented:
        for line in findings.shown(one, looked.at_from):
            click.echo(line)
    click.echo(f"Trusted: {trusted.words}")
    for line in findings.printed(looked.findings):
        click.echo(line)
    for line in findings.blamed(blamed) if blamed else ():
        click.echo(line)


def _is_bad(found: "tuple[Finding, ...]", fail_on: "Severity") -> bool:
    from mitmail.diagnose.finding import SEVERITIES

    bad = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    return any(one.severity in bad for one in found)
