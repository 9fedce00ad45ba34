"""What ``mitmail serve --transparent`` needs: a program for its rules, and the right to it."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mitmail.machine import package
from mitmail.machine.check import Check

FILTERS: Final = ("nft", "iptables")
STATUS: Final = Path("/proc/self/status")
NET_ADMIN: Final = 12  # the bit's number, capabilities(7)


def rules() -> Iterator[Check]:
    """The program that the printed rules are for."""
    if sys.platform != "linux":
        words = "capture without touching a client's settings is for Linux"
        fix = "mitmail serve --upstream HOST, and the client's settings changed"
        yield Check(id="rules", status="missing", words=words, fix=fix)
        return
    found = [path for name in FILTERS if (path := package.find(name)) is not None]
    if found:
        yield Check(id="rules", status="ok", words=" and ".join(found))
    else:
        words, fix = "nft or iptables", package.install("nftables")
        yield Check(id="rules", status="missing", words=words, fix=fix)


def right() -> Iterator[Check]:
    """Whether the rules can be set here; nothing is set to find out."""
    if sys.platform != "linux":
        return
    if os.geteuid() != 0:
        if package.find("sudo") is not None:
            words = "sudo is here; whether you may use it, sudo -v tells"
            yield Check(id="root", status="ok", words=words)
        else:
            words, fix = "the right to set the rules", "become root, su -"
            yield Check(id="root", status="missing", words=words, fix=fix)
    elif not may_change_network():
        words = "root, but without the right to change the network, as in a container"
        fix = "docker run --cap-add NET_ADMIN"
        yield Check(id="root", status="broken", words=words, fix=fix)
    else:
        yield Check(id="root", status="ok", words="root, with the right to change the network")


def may_change_network(status: Path = STATUS) -> bool:
    """Whether this process has CAP_NET_ADMIN."""
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", status.read_text(encoding="ascii"), re.MULTILINE)
    return found is not None and bool(int(found[1], 16) >> NET_ADMIN & 1)


def namespaces() -> Iterator[Check]:
    """Whether a client can be put into a network of its own."""
    if sys.platform != "linux":
        return
    path = package.find("ip")
    if path is not None:
        words = f"{path} netns, for a client in a network of its own"
        yield Check(id="netns", status="ok", words=words)
    else:
        words, fix = "ip netns", package.install("iproute2")
        yield Check(id="netns", status="missing", words=words, fix=fix)
