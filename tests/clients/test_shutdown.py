"""Shutting down: a verdict for whoever is still there, and no port is left behind."""

import asyncio
import re
import socket
import ssl
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from clients.house import PASSWORD, USER, House, Site
from mitmail.endpoint import ENDPOINTS
from mitmail.scenario import sets

SECONDS = 10.0
LISTEN = "0A"  # TCP_LISTEN in /proc/net/tcp
LOGIN = f"a LOGIN {USER} {PASSWORD}\r\n".encode()
# What a client that is still there has said, in clear and through TLS, and our word for it.
PHASES: dict[str, tuple[bytes, bytes | None, str]] = {
    "silent": (b"", None, "none"),
    "half a hello": (b"\x16\x03\x01\x02\x00\x01\x00", None, "none"),
    "behind tls": (b"", b"", "none"),
    "logged in": (b"", LOGIN, "accept"),
}


def visit(site: Site, endpoint: str, phase: str, stack: ExitStack) -> None:
    """Connect, say what the phase wants, and stay until the stack is closed."""
    clear, secret, _ = PHASES[phase]
    one = site.served[endpoint]
    sock = stack.enter_context(socket.create_connection((one.host, one.port), SECONDS))
    sock.sendall(clear)
    if secret is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        secured = stack.enter_context(context.wrap_socket(sock))
        secured.sendall(secret)
        while secret and b"a OK" not in secured.recv(4096):
            pass


def listening() -> set[int]:
    """The TCP ports on which this process listens, by the kernel's own tables."""
    links = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    ours = {inode[1] for link in links if (inode := re.fullmatch(r"socket:\[(\d+)\]", link))}
    tables = (Path("/proc/net") / name for name in ("tcp", "tcp6"))
    rows = [row.split() for table in tables for row in table.read_text().splitlines()[1:]]
    return {int(row[1][-4:], 16) for row in rows if row[3] == LISTEN and row[9] in ours}


def open_to(port: int) -> list[str]:
    """The loopback addresses that still answer on a port."""
    answering = []
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as sock:
            if sock.connect_ex((host, port)) == 0:
                answering.append(host)
    return answering


@pytest.mark.parametrize("antivirus", ["none", "norton"])
def test_everybody_gets_a_verdict_and_every_port_is_freed(tmp_path: Path, antivirus: str) -> None:
    before = listening() if sys.platform == "linux" else set()
    house, stack = House(tmp_path), ExitStack()
    sites = [house.open(house.plan(name, antivirus)) for name in sets.load("demo")]
    site = sites[0]
    ports = {one.port for each in sites for one in each.served.values()}
    ports |= set(house.mailstore.ports.values())
    visits = [(endpoint, "silent") for endpoint in ENDPOINTS]
    visits += [("imaps", phase) for phase in PHASES]
    for endpoint, phase in visits:
        house.run(asyncio.to_thread(visit, site, endpoint, phase, stack))
    if sys.platform == "linux":
        assert listening() >= ports
    assert all(open_to(port) for port in ports)

    with stack:
        house.close()

    for number, (_, phase) in enumerate(visits, 1):
        verdict = house.ledger.sessions[number].verdict
        assert verdict is not None
        assert verdict.verdict == PHASES[phase][2]
    for told in house.ledger.told.values():
        assert (told[0], told.count("verdict"), told[-1]) == ("begin", 1, "end")
    assert [port for port in ports if open_to(port)] == []
    if sys.platform == "linux":
        assert listening() == before
