"""Where endpoints listen, and how long a silent client is waited for."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a silent client is waited for, in seconds.

    ``waiting`` is when it is said that a dialog may be open; a judge says nothing of the kind.
    """

    deadline: float
    waiting: float | None = None


# A person may think about a dialog for long; a judge's client answers at once or hangs.
BENCH = Patience(deadline=1800, waiting=3)
JUDGE = Patience(deadline=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where endpoints listen: ``ports`` by endpoint name, 0 or absent for a free one."""

    host: str = LOOPBACK
    ports: Mapping[str, int] = field(default_factory=dict)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very name: nothing is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
