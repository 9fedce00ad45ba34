"""The ports of ``mitmail serve``: are they free, on both families of loopback?"""

import errno
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from mitmail.endpoint import ENDPOINTS
from mitmail.errors import MitmailError
from mitmail.machine.check import Check
from mitmail.service import control_file

LOOPBACK, LOOPBACK6 = "127.0.0.1", "::1"
STEP: Final = 100


def loopback() -> Iterator[Check]:
    """Whether this machine talks to itself, in both families."""
    if (failed := refused(LOOPBACK, 0)) is not None:
        words = f"this machine has no loopback ({LOOPBACK}): {failed.strerror}"
        fix = "sudo ip link set lo up"
        yield Check(id="loopback", status="broken", words=words, fix=fix, serves=True)
    elif refused(LOOPBACK6, 0) is not None:
        words = f"IPv6 loopback ({LOOPBACK6}): what tries it first has to go on to {LOOPBACK}"
        yield Check(id="ipv6", status="missing", words=words)
    else:
        words = f"loopback, {LOOPBACK} and {LOOPBACK6}"
        yield Check(id="loopback", status="ok", words=words, serves=True)


def ports(folder: Path, offset: int = 0) -> Iterator[Check]:
    """Whether the ports of a person's bench can be opened; one that runs may have them."""
    wanted = [one.bench_port + offset for one in ENDPOINTS.values()]
    hosts = [LOOPBACK, *([LOOPBACK6] if refused(LOOPBACK6, 0) is None else [])]
    failed = {
        port: error
        for port in wanted
        for host in hosts
        if (error := refused(host, port)) is not None
    }
    listed = " ".join(map(str, wanted))
    if not failed:
        words = f"ports {listed} are free"
        yield Check(id="ports", status="ok", words=words, serves=True)
    elif any(_is_served(path, offset) for path in control_file.paths(folder)):
        words = f"ports {listed} are those of a mitmail serve that runs now"
        yield Check(id="ports", status="ok", words=words, serves=True)
    else:
        taken = [x for x, error in failed.items() if error.errno == errno.EADDRINUSE]
        named = " ".join(map(str, taken or failed))
        plural = "s" if len(taken or failed) > 1 else ""
        words = f"port{plural} {named}: another program listens there"
        if not taken:
            words = f"port{plural} {named}: {next(iter(failed.values())).strerror}"
        fix = f"end it, or mitmail serve --port-offset {_free(hosts, offset)}"
        yield Check(id="ports", status="broken", words=words, fix=fix, serves=True)


def _free(hosts: list[str], offset: int) -> int:
    """The next offset at which all ports are free."""
    for step in range(offset + STEP, offset + 100 * STEP, STEP):
        wanted = [one.bench_port + step for one in ENDPOINTS.values()]
        if all(refused(host, port) is None for host in hosts for port in wanted):
            return step
    return offset + STEP


def _is_served(path: Path, offset: int) -> bool:
    with suppress(MitmailError):
        found = control_file.read(path)
        # It is his who is asked, and not what has its number since.
        return found.port_offset == offset and refused(found.host, found.port) is not None
    return False


def refused(host: str, port: int) -> OSError | None:
    """Why a port cannot be had, if it cannot; nobody can connect to it meanwhile."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as one:
            if sys.platform != "win32":  # there it would let two programs share the port
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind((host, port))
    except OSError as error:
        return OSError(error.errno, os.strerror(error.errno or 0))
    return None
