"""One client's connection: lines and octets in, octets out, both bounded."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Buffer

LINE_OCTETS = 64 * 1024
CHUNK = 64 * 1024
IDLE_SECONDS = 30 * 60.0  # RFC 3501 section 5.4: at least 30 minutes; RFC 1939 asks for 10
LINGER_SECONDS = 1.0


class GoneError(Exception):
    """The client left, or neither spoke nor read for ``IDLE_SECONDS``."""


class LineTooLongError(Exception):
    """The client's line exceeds ``LINE_OCTETS``; what follows cannot be understood."""


class Protocol(asyncio.StreamReaderProtocol):
    """Streams whose end is never an error.

    asyncio keeps the error in a future of the protocol, which nobody awaits here. When the
    two are collected as a cycle, "exception was never retrieved" is logged (3.13, measured).
    """

    def connection_lost(self, exc: Exception | None) -> None:
        """The client left; reads now find the end, and writes raise ``ConnectionError``."""
        super().connection_lost(None)


class Connection:
    """Lines and octets of one client; raises ``GoneError`` when it leaves.

    What is sent is collected and leaves in chunks, at the latest before the next read.
    The reader's limit must be ``LINE_OCTETS``.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._pending = bytearray()

    async def line(self) -> bytes:
        """The next line without its CRLF or LF; raises ``LineTooLongError``."""
        await self.flush()
        async with self._patience():
            try:
                line = await self._reader.readuntil(b"\n")
            except asyncio.LimitOverrunError:
                raise LineTooLongError from None
        return line[:-1].removesuffix(b"\r")

    async def octets(self, count: int) -> bytes:
        """Exactly this many octets."""
        await self.flush()
        async with self._patience():
            return await self._reader.readexactly(count)

    async def send(self, *pieces: Buffer) -> None:
        """Send octets; waits while the client does not read."""
        for piece in pieces:
            view = memoryview(piece)
            for start in range(0, len(view), CHUNK):
                self._pending += view[start : start + CHUNK]
                if len(self._pending) >= CHUNK:
                    await self.flush()

    async def flush(self) -> None:
        """Let everything go that was sent so far."""
        async with self._patience():
            self._write()
            await self._writer.drain()

    def push(self, octets: bytes) -> None:
        """Send at once, outside of the client's turn."""
        self._pending += octets
        self._write()

    @property
    def congested(self) -> bool:
        """Whether the client does not read what it was sent."""
        return self._writer.transport.get_write_buffer_size() > CHUNK

    async def close(self) -> None:
        """End after everything is sent.

        Octets that the client still sends are discarded for a moment: closing a socket with
        unread octets resets the connection, and the client would never see our last line.
        """
        with contextlib.suppress(GoneError, TimeoutError):
            await self.flush()
            async with asyncio.timeout(LINGER_SECONDS), self._patience():
                if self._writer.can_write_eof():
                    self._writer.write_eof()
                while await self._reader.read(CHUNK):
                    pass
        self._writer.transport.abort()

    def _write(self) -> None:
        if self._pending and not self._writer.is_closing():
            self._writer.write(bytes(self._pending))
        self._pending.clear()

    @contextlib.asynccontextmanager
    async def _patience(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                yield
        except (OSError, asyncio.IncompleteReadError):
            raise GoneError from None
