"""A real DNS server on loopback, with records of ours; it asks nobody else."""

import contextlib
import socket
import subprocess
from collections.abc import Iterator

import pytest

from bench import clean_environment, need
from mitmail.diagnose.lookup import NameServer

HOST = "127.0.0.1"


@contextlib.contextmanager
def answering(*records: str) -> Iterator[NameServer]:
    """Serve ``address=/NAME/ADDRESS`` and ``ptr-record=...`` as dnsmasq writes them."""
    port = _free_port()
    command = [
        need("dnsmasq"), "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
        f"--port={port}", f"--listen-address={HOST}", "--bind-interfaces", "--cache-size=0",
        "--local=/test/", "--local=/in-addr.arpa/", *(f"--{record}" for record in records),
    ]  # fmt: skip
    process = subprocess.Popen(
        command, env=clean_environment(LC_ALL="C"), stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if "started, version" in line:
                break
        else:
            pytest.fail(f"dnsmasq does not start: {said}")
        yield NameServer(HOST, port)
    finally:
        process.terminate()
        process.communicate(timeout=10)


def pointing(address: str, name: str) -> str:
    """The PTR record of an IPv4 address."""
    return f"ptr-record={'.'.join(reversed(address.split('.')))}.in-addr.arpa,{name}"


def _free_port() -> int:
    for _ in range(100):
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind((HOST, 0))
            port: int = tcp.getsockname()[1]
            with contextlib.suppress(OSError):
                udp.bind((HOST, port))
                return port
    raise AssertionError("no free port")
