"""A client that finishes its handshake, sends alerts and is gone: run as a program.

``python late_client.py JSON``: one connection after the other for each of ``visits``, which is a
list of alerts, each with level and code. OpenSSL sends no alert at will; tlslite-ng does.
"""

import json
import socket
import struct
import sys
from typing import Any

from tlslite.api import (  # type: ignore[import-untyped] # tlslite-ng carries no annotations
    HandshakeSettings,
    TLSConnection,
)
from tlslite.messages import Alert  # type: ignore[import-untyped] # as above

SECONDS = 10.0
VERSIONS = {"TLSv1_2": (3, 3), "TLSv1_3": (3, 4)}
# What is said before TLS, and what ends each answer to it.
UPGRADES = {
    "imap": [(b"", b"\r\n"), (b"a STARTTLS\r\n", b"\r\n")],
    "pop3": [(b"", b"\r\n"), (b"STLS\r\n", b"\r\n")],
    "smtp": [(b"", b"\r\n"), (b"EHLO x\r\n", b"250 "), (b"STARTTLS\r\n", b"\r\n")],
}


def upgrade(sock: socket.socket, protocol: str) -> None:
    """Speak the protocol up to the go-ahead."""
    for said, awaited in UPGRADES[protocol]:
        sock.sendall(said)
        heard = b""
        while awaited not in heard or not heard.endswith(b"\n"):
            octets = sock.recv(4096)
            assert octets, "the server left"
            heard += octets


def visit(job: dict[str, Any], alerts: list[tuple[int, int]]) -> None:
    """Shake hands, send the alerts, close; ``reset`` closes with RST."""
    sock = socket.create_connection((job["host"], job["port"]), timeout=SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if job["starttls"]:
        upgrade(sock, job["protocol"])
    settings = HandshakeSettings()
    settings.minVersion = settings.maxVersion = VERSIONS[job["tls"]]
    connection = TLSConnection(sock)
    connection.handshakeClientCert(settings=settings, serverName=job["name"])
    for level, code in alerts:
        for _ in connection._sendMsg(Alert().create(code, level)):
            pass
    if job["reset"]:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def main() -> None:
    """Do all visits that the command line asks for."""
    job = json.loads(sys.argv[1])
    for alerts in job["visits"]:
        visit(job, alerts)


if __name__ == "__main__":
    main()
