"""A desk, a router with a client behind it, and a mail server: four networks, joined by cables."""

import asyncio
import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from bench import clean_environment, need
from clients import dovecot
from clients.sink import Sink
from dovecot_process import Network
from mitmail.endpoint import ENDPOINTS
from transparent.namespace import SECONDS, Namespace, cable, namespace

# No mail, and no port of mail's: whatever is said there is none of mitmail's business.
OTHER_PORT = 8443


@dataclass(frozen=True)
class Town:
    """The networks, and the mail server in one of them; ``roots`` is its root (PEM)."""

    desk: Namespace
    lan: Namespace
    router: Namespace
    server: Namespace
    dovecot: dovecot.Dovecot
    roots: Path
    sink: Sink = field(default_factory=Sink)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """``desk`` (10.77.1.1) and ``lan`` (10.77.3.1, by ``router``) reach the server."""
    for program in ("nft", "iptables", "setpriv", "curl", "openssl"):
        need(program)
    sink = Sink()
    with contextlib.ExitStack() as stack:
        desk, lan, router, server = (
            stack.enter_context(namespace(role)) for role in ("desk", "lan", "router", "server")
        )
        cable(desk, server, 1)
        cable(router, server, 2)
        cable(lan, router, 3)
        lan.run("ip", "route", "add", "default", "via", "10.77.3.2")
        router.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        server.run("ip", "route", "add", "10.77.3.0/24", "via", "10.77.2.1")
        for line in _ALSO_ON_25:
            server.run("sh", "-c", line)
        stack.enter_context(_kept(sink, server.call(lambda: socket.create_server(_ANY))))
        network = Network(
            listen="*, ::",
            through=server.command(),
            connect=lambda port: server.call(
                lambda: socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
            ),
        )
        ports = {name: one.port for name, one in ENDPOINTS.items()}
        running = dovecot.running(sink.port, network=network, ports=ports, address="10.77.1.2")
        mail = stack.enter_context(running)
        home = mail.log.parent
        stack.enter_context(_answering(server, home / "cert", home / "key"))
        roots = tmp_path_factory.mktemp("town") / "root.pem"
        root = x509.load_der_x509_certificate(mail.root)
        roots.write_bytes(root.public_bytes(Encoding.PEM))
        yield Town(desk, lan, router, server, mail, roots, sink)


# Dovecot submits on 587 only.
_ALSO_ON_25 = (
    "nft add table inet mail",
    "nft add chain inet mail arriving '{ type nat hook prerouting priority -100; }'",
    "nft add rule inet mail arriving tcp dport 25 redirect to :587",
)
_ANY = ("127.0.0.1", 0)


@contextlib.contextmanager
def _kept(sink: Sink, sock: socket.socket) -> Iterator[None]:
    """What is submitted at ``sock`` is kept by the sink."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    listening = asyncio.run_coroutine_threadsafe(sink.listen(sock), loop).result(SECONDS)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(listening.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(SECONDS)
        loop.close()


@contextlib.contextmanager
def _answering(server: Namespace, certificate: Path, key: Path) -> Iterator[None]:
    """A TLS server that is no mail server: ``openssl s_server`` on OTHER_PORT."""
    command = server.command(
        *(need("openssl"), "s_server", "-accept", str(OTHER_PORT)),
        *("-cert", str(certificate), "-key", str(key), "-www"),
    )
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=clean_environment(),
    )
    assert process.stdout is not None
    try:
        assert any(line.startswith(b"ACCEPT") for line in process.stdout)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS)
