"""``mitmail serve``: a scenario on six ports, or all of them, until Ctrl-C."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from mitmail.cli.browse import scenarios_option


@click.command("serve")
@click.argument("scenario", required=False, metavar="[ID|FILE]")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Every scenario by its own name, <id>.mitmail.test, on the same six ports.",
)
@click.option("--set", "chosen", metavar="FILE|quick", help="With --all: these scenarios only.")
@click.option(
    "--hosts",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="With --all: write the lines for a hosts file.",
)
@click.option(
    "--antivirus",
    default="none",
    metavar="NAME",
    help="norton, generic, the file of a profile, or none.",
)
@click.option(
    "--switch",
    "switches",
    multiple=True,
    metavar="NAME",
    help="A behaviour of the antivirus that is off by default.",
)
@click.option(
    "--scanner",
    type=click.Choice(["built-in", "clamd"]),
    default="built-in",
    help="Who scans the mail, where the antivirus does: a rule that knows EICAR, or clamd.",
)
@click.option(
    "--clamd",
    metavar="SOCKET|HOST:PORT",
    help="Where clamd listens [/run/clamav/clamd.ctl].",
)
@click.option(
    "--exact-names",
    is_flag=True,
    allow_from_autoenv=False,  # such a root must never be made by mistake
    help='Roots called as the product\'s own, without "(simulated)". They end with this run.',
)
@click.option("--name", metavar="HOST|IP", help="Play this host name, the customer's own.")
@click.option(
    "--upstream",
    "upstreams",
    multiple=True,
    metavar="[ENDPOINT=]HOST[:PORT][/MODE]",
    help="Put the antivirus before this real mail server; may be given several times. MODE says "
    "how it is reached, where not as the endpoint is: tls, starttls or plain.",
)
@click.option(
    "--upstream-ca",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Trust these roots (PEM) for the upstream, besides the system's.",
)
@click.option(
    "--relay-unverified",
    is_flag=True,
    allow_from_autoenv=False,  # whoever puts passwords at stake says so each time
    help="Relay to an upstream elsewhere though its certificate failed: passwords are at stake.",
)
@click.option(
    "--plain",
    is_flag=True,
    allow_from_autoenv=False,
    help="Before an upstream: offer no TLS on imap, pop3 and smtp. Passwords come in clear.",
)
@click.option(
    "--transparent",
    is_flag=True,
    help="Linux: put the antivirus before whatever mail server a client connects to. The kernel "
    "redirects the connections: serve prints the lines to type.",
)
@click.option(
    "--listen", metavar="ADDR", help="Listen on this address, for a client on another machine."
)
@click.option("--port-offset", default=0, metavar="N", help="Add N to every port.")
@click.option(
    "--ready-json",
    is_flag=True,
    help="For programs: free ports, throw-away roots, JSON lines on standard output.",
)
@click.option(
    "--ephemeral", is_flag=True, help="Throw-away roots, password and leaf, for a person too."
)
@scenarios_option
def serve_command(
    scenario: str | None,
    antivirus: str,
    switches: Sequence[str],
    name: str | None,
    upstreams: Sequence[str],
    upstream_ca: Path | None,
    chosen: str | None,
    hosts: Path | None,
    *,
    scanner: str,
    clamd: str | None,
    everything: bool,
    exact_names: bool,
    relay_unverified: bool,
    plain: bool,
    listen: str | None,
    port_offset: int,
    ready_json: bool,
    ephemeral: bool,
    transparent: bool,
    folders: Sequence[Path],
) -> None:
    """Serve one scenario, or all, on six ports and say what each client does with it.

    \b
    mitmail serve expired
    mitmail serve --all --hosts hosts.txt
    mitmail serve --antivirus norton
    mitmail serve --antivirus norton --upstream imap.example.com
    mitmail serve --antivirus norton --upstream imaps=imap.example.com:143/starttls
    mitmail serve --antivirus norton --transparent
    mitmail serve expired --name mail.example.com
    """
    import asyncio

    from mitmail.service import bench
    from mitmail.service.orders import Orders

    orders = Orders(
        scenario=scenario,
        antivirus=antivirus,
        switches=frozenset(switches),
        exact_names=exact_names,
        name=name,
        upstreams=tuple(upstreams),
        upstream_ca=upstream_ca,
        relay_unverified=relay_unverified,
        plain=plain,
        listen=listen,
        port_offset=port_offset,
        ready_json=ready_json,
        ephemeral=ephemeral,
        folders=tuple(folders),
        everything=everything,
        chosen=chosen,
        hosts=hosts,
        transparent=transparent,
        scanner=scanner,
        clamd=clamd,
    )
    sys.exit(asyncio.run(bench.run(orders)))


@click.command("addon")
def addon_command() -> None:
    """Print the path of the addon, for mitmdump and mitmweb.

    \b
    mitmdump -s "$(mitmail addon)" --set mitmail_scenario=expired
    mitmweb -s "$(mitmail addon)" --set mitmail_antivirus=norton
    """
    from importlib.resources import files

    click.echo(files("mitmail.service") / "script.py")
