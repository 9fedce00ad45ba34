"""What ``mitmail serve --transparent`` says: how connections get here, and how to undo that."""

from collections.abc import Mapping

from mitmail.service import group, notice
from mitmail.service.capture import PORTS, Captured
from mitmail.service.place import is_loopback
from mitmail.service.record import SCHEMA
from mitmail.service.redirection import Lines, Redirection

OWN_GROUP = (
    "sudo groupadd --system mitmail",
    'sudo -g mitmail "$(command -v mitmail)" serve --antivirus {antivirus} --transparent',
)


def ready(captured: Captured, control: Mapping[str, object]) -> dict[str, object]:
    """The first line of ``serve --transparent --ready-json``: where to redirect to, and how."""
    leading = redirection(captured)
    return {
        "schema": SCHEMA,
        "ready": True,
        "transparent": {"host": captured.host, "port": captured.port},
        "antivirus": captured.bench.plan.antivirus,
        "antivirus_root_file": str(captured.bench.antivirus_root_file),
        "captured": {str(port): one.name for port, one in PORTS.items()},
        "control": control,
        "redirection": {"nft": _record(leading.nft), "iptables": _record(leading.iptables)},
    }


def _record(lines: Lines) -> dict[str, object]:
    return {"do": list(lines.do), "undo": list(lines.undo)}


def redirection(captured: Captured) -> Redirection:
    """The rules that lead to a capture past this very process."""
    return Redirection(
        host=captured.host, port=captured.port, ports=PORTS, group=group.own().number
    )


def welcome(captured: Captured) -> str:
    """The lines to type, the roots to import, and what is at stake."""
    bench, leading = captured.bench, redirection(captured)
    shield = bench.plan.shield
    assert shield is not None
    lines = [
        f"Standing as the simulated {shield.vendor.brand} before every mail server that clients "
        "connect to.",
        "What a client should do depends on the certificate of its server.",
        "",
        *_warnings(captured),
        f"Clients keep their settings. The kernel leads them here, to port {captured.port}; as "
        "root, type:",
        *(f"  {line}" for line in leading.nft.do),
        "or, with iptables:",
        *(f"  {line}" for line in leading.iptables.do),
        "Afterwards, to undo it (until then no client reaches its server without mitmail):",
        *(f"  {line}" for line in leading.nft.undo),
        "or:",
        *(f"  {line}" for line in leading.iptables.undo),
        "",
        *_left_out(leading, bench.plan.antivirus),
        *notice.antivirus_root(bench),
        "",
        "Waiting for the first connection. Ctrl-C stops.",
    ]
    return "\n".join(lines)


def _warnings(captured: Captured) -> list[str]:
    lines: list[str] = []
    if not is_loopback(captured.host):
        lines += [
            f"WARNING: {captured.host} is reachable from other machines. What they send through "
            "this one",
            "to mail servers passes mitmail, and they see a certificate authority that is not a "
            "real one.",
            "",
        ]
    if captured.relay_unverified:
        lines += [
            "WARNING: passwords and mail are relayed even where the certificate of a server",
            "failed: whoever stands in for it can read them. Leave out --relay-unverified.",
            "",
        ]
    return lines


def _left_out(leading: Redirection, antivirus: str) -> list[str]:
    if not leading.own:
        return ["This machine's own programs and servers are left out.", ""]
    ours = group.own()
    lines = [
        f"Left out are servers on this machine, and programs of mitmail's own group, {ours.name}."
    ]
    if ours.shared:
        lines += ["To catch those programs too, start mitmail with a group of its own:"]
        lines += [f"  {line.format(antivirus=antivirus)}" for line in OWN_GROUP]
    return [*lines, ""]
