"""A real scanner: clamd, asked by INSTREAM over a Unix socket or TCP."""

import asyncio
import struct
import sys
from dataclasses import dataclass

from mitmail.errors import CannotJudgeError, MitmailError
from mitmail.screening import Scanned

DEFAULT = "/run/clamav/clamd.ctl"  # Debian's
SECONDS = 30.0
CHUNK = 65_536
REPLY_LIMIT = 4096
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Clamd:
    """Where clamd listens: the path of its socket, or a host and port of this machine."""

    place: str | tuple[str, int]

    @classmethod
    def at(cls, said: str) -> "Clamd":
        """Read ``/path/of/socket`` or ``HOST:PORT``; raises MitmailError."""
        host, colon, port = said.rpartition(":")
        if "/" in said or not colon:
            return cls(said)
        host = host.strip("[]")
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise MitmailError(f"--clamd {said}: use a socket's path, or HOST:PORT")
        if host not in _LOOPBACK:
            raise MitmailError(
                f"--clamd {said}: mail would cross the network in clear; use one on this machine"
            )
        return cls((host, int(port)))

    def __str__(self) -> str:
        return self.place if isinstance(self.place, str) else "{}:{}".format(*self.place)

    async def check(self) -> None:
        """Raise CannotJudgeError where no clamd answers."""
        try:
            async with asyncio.timeout(SECONDS):
                reply = await self._ask(b"zPING\0", None)
        except (OSError, TimeoutError) as error:
            raise CannotJudgeError(
                f"no clamd answers at {self}: {_words(error)}; start it, or name it with --clamd"
            ) from None
        if reply != "PONG":
            raise CannotJudgeError(f"what answers at {self} is no clamd")

    async def scan(self, octets: bytes) -> Scanned:
        """Have octets scanned; whatever goes wrong is said in the answer."""
        try:
            async with asyncio.timeout(SECONDS):
                reply = await self._ask(b"zINSTREAM\0", octets)
        except (BrokenPipeError, ConnectionResetError):
            # What it says before it does so is lost: it does not read on.
            return Scanned(
                error=f"clamd broke off: its StreamMaxLength may be under {len(octets)}"
            )
        except (OSError, TimeoutError) as error:
            return Scanned(error=_words(error))
        said = reply.removeprefix("stream: ")
        if said == "OK":
            return Scanned()
        if said.endswith(" FOUND"):
            return Scanned(threat=said.removesuffix(" FOUND"))
        return Scanned(error=said.removesuffix(" ERROR") or "clamd said nothing")

    async def _ask(self, command: bytes, octets: bytes | None) -> str:
        if isinstance(self.place, str):
            if sys.platform == "win32":
                raise OSError("there are no Unix sockets here")
            reader, writer = await asyncio.open_unix_connection(self.place)
        else:
            reader, writer = await asyncio.open_connection(*self.place)
        try:
            writer.write(command)
            if octets is not None:
                await _stream(writer, octets)
            reply = await reader.read(REPLY_LIMIT)
            while reply and not reply.endswith(b"\0") and len(reply) < REPLY_LIMIT:
                if not (more := await reader.read(REPLY_LIMIT)):
                    break
                reply += more
        finally:
            writer.close()
        return reply.rstrip(b"\0\n").decode("ascii", "replace")


async def _stream(writer: asyncio.StreamWriter, octets: bytes) -> None:
    for at in range(0, len(octets), CHUNK):
        chunk = octets[at : at + CHUNK]
        writer.write(struct.pack(">I", len(chunk)) + chunk)
        try:
            await writer.drain()
        except ConnectionError:
            return  # it has had enough, and has said why
    writer.write(struct.pack(">I", 0))


def _words(error: OSError | TimeoutError) -> str:
    if isinstance(error, TimeoutError) and not error.args:
        return f"no answer in {SECONDS:g} s"
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
