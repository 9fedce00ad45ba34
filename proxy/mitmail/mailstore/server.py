"""The listeners of the embedded mail server."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self
from weakref import WeakSet

from mitmail.mailstore import imap, pop3
from mitmail.mailstore.connection import LINE_OCTETS, Connection, GoneError, Protocol
from mitmail.mailstore.smtp import Submission
from mitmail.mailstore.store import Store

HOST = "127.0.0.1"
BACKLOG = 512
CLOSE_SECONDS = 1.0
ACCEPT_TURNS = 5

type Serve = Callable[[Store, Connection], Awaitable[None]]


class Mailstore:
    """SMTP, IMAP and POP3 in clear text over one store, on loopback ports of their own.

    ``async with Mailstore(store) as served:`` listens in the running loop; ``served.ports``
    has the port numbers of ``"imap"``, ``"pop3"`` and ``"smtp"``.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.ports: dict[str, int] = {}
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._transports: WeakSet[asyncio.WriteTransport] = WeakSet()

    async def __aenter__(self) -> Self:
        try:
            await self._listen("imap", self._streams(imap.serve))
            await self._listen("pop3", self._streams(pop3.serve))
            await self._listen("smtp", lambda: Submission(self.store, self._started))
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop listening and end all sessions, within a second. May be called twice."""
        # A connection that asyncio 3.13 is accepting while its server closes is never closed.
        for _ in range(ACCEPT_TURNS if self._servers else 0):
            await asyncio.sleep(0)
        for server in self._servers:
            server.close()
        for task in tuple(self._tasks):
            task.cancel()
        for transport in tuple(self._transports):
            transport.abort()
        ended = [*self._tasks, *(asyncio.ensure_future(s.wait_closed()) for s in self._servers)]
        self._servers.clear()
        if ended:
            await asyncio.wait(ended, timeout=CLOSE_SECONDS)

    async def _listen(self, protocol: str, factory: Callable[[], asyncio.Protocol]) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(factory, HOST, 0, backlog=BACKLOG)
        self._servers.append(server)
        self.ports[protocol] = server.sockets[0].getsockname()[1]

    def _started(self, task: asyncio.Task[None], transport: asyncio.WriteTransport) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._transports.add(transport)

    def _streams(self, serve: Serve) -> Callable[[], asyncio.Protocol]:
        loop = asyncio.get_running_loop()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = loop.create_task(_session(serve, self.store, reader, writer))
            self._started(task, writer.transport)

        def factory() -> asyncio.Protocol:
            reader = asyncio.StreamReader(limit=LINE_OCTETS, loop=loop)
            return Protocol(reader, connected, loop=loop)

        return factory


async def _session(
    serve: Serve, store: Store, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    connection = Connection(reader, writer)
    try:
        await serve(store, connection)
        await connection.close()
    except GoneError:
        pass
    except Exception:
        logging.getLogger(__name__).exception("A mailstore session failed")
    finally:
        writer.transport.abort()
