"""A connection to a server that we know nothing of: bounded in time and in octets."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from mitmail.diagnose.finding import Finding
from mitmail.diagnose.obstacle import ObstacleError

CHUNK: Final = 16384
LIMIT: Final = 1 << 20  # octets that a server may send us; ten times OpenSSL's limit of a chain

# What our own machine says where it has no way there at all; nothing is known of the server then.
_OURS: Final = frozenset({
    errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EACCES, errno.EPERM,
    errno.EMFILE, errno.ENFILE,
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Seconds for each step, and for everything.

    ``silence`` is how long a port of no known kind, or one behind TLS, may be silent before that
    tells something; ``answer`` is for questions that matter little, as the one after QUIT.
    """

    connect: float = 5.0
    greeting: float = 10.0
    handshake: float = 10.0
    silence: float = 2.0
    answer: float = 2.0
    dns: float = 5.0
    whole: float = 90.0


class Link:
    """Octets to and from a server; a reset is taken for an end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._heard = 0

    @property
    def has_heard(self) -> bool:
        """Whether any octet has come."""
        return self._heard > 0

    async def receive(self) -> bytes:
        """What came; nothing at the end. Raises OverflowError where it is too much."""
        try:
            octets = await self._reader.read(CHUNK)
        except OSError:
            return b""
        self._heard += len(octets)
        if self._heard > LIMIT:
            raise OverflowError
        return octets

    async def send(self, octets: bytes) -> None:
        """Send octets; to one who is gone they are lost."""
        if octets:
            with suppress(OSError):
                self._writer.write(octets)
                await self._writer.drain()

    def close(self) -> None:
        """End it."""
        self._writer.close()


@asynccontextmanager
async def connected(address: str, port: int, where: str, seconds: float) -> AsyncIterator[Link]:
    """A connection, closed at the end; raises ObstacleError."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(address, port)
    except TimeoutError:
        raise ObstacleError(_silent(where, seconds)) from None
    except OSError as error:
        raise ObstacleError(_failed(where, address, error)) from None
    link = Link(reader, writer)
    try:
        yield link
    finally:
        link.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await writer.wait_closed()


def _silent(where: str, seconds: float) -> Finding:
    return Finding(
        id="no-answer", severity="unknown", where=where,
        words=f"no answer within {seconds:g} s: a firewall, or the wrong host or port",
        fix="check the host and the port; ask from another network",
    )  # fmt: skip


def _failed(where: str, address: str, error: OSError) -> Finding:
    if isinstance(error, ConnectionRefusedError):
        return Finding(
            id="refused", severity="unknown", where=where,
            words="the connection was refused: nothing listens there",
            fix="check the host and the port",
        )  # fmt: skip
    words = error.strerror or str(error)
    if error.errno in _OURS:
        return Finding(
            id="no-way", severity="unknown", where=where,
            words=f"this machine has no way to {address} ({words}): nothing is known of it",
            fix="ask from another network",
        )  # fmt: skip
    return Finding(
        id="unreachable", severity="unknown", where=where,
        words=f"{address} cannot be reached: {words}", fix="check the host and the network",
    )  # fmt: skip
