"""The head of a run: what is to be asked, with what, and when."""

import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from cryptography.hazmat.backends.openssl import backend

from mitmail import __version__
from mitmail.judge.client import Client
from mitmail.judge.grid import Grid
from mitmail.judge.result import Head, Shard


def head(grid: Grid, clients: Iterable[Client], shard: Shard, *, strict: bool) -> Head:
    """The head of a run that begins now."""
    return Head(
        plan=grid.plan,
        cells=len(grid.entries),
        shard=shard,
        started=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        platform=platform.platform(),
        tools={
            "mitmail": __version__,
            "mitmproxy": _installed("mitmproxy"),
            "OpenSSL": backend.openssl_version_text(),
            "Python": platform.python_version(),
        },
        clients={
            client.name: {"version": spelled(client), "verifies": client.verifies}
            for client in sorted(clients, key=lambda client: client.name)
        },
        strict=strict,
        names=grid.names,
        sources=grid.sources,
    )


def spelled(client: Client) -> str:
    """A client's version as people write it; empty where it is not known."""
    return ".".join(map(str, client.version)) if any(client.version) else ""


def _installed(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"
