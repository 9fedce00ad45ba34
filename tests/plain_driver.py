"""A driver of the engine without mitmproxy: what any host of a session has to do."""

import asyncio

from mitmail.engine import action
from mitmail.engine.action import Action, Who
from mitmail.engine.session import Session
from mitmail.engine.spec import SessionSpec


class PlainDriver:
    """Carries out one session between a client's streams and a server's address."""

    def __init__(self, spec: SessionSpec, server: tuple[str, int]) -> None:
        self.session = Session(spec)
        self.over = asyncio.Event()
        self._server = server
        self._writers: dict[Who, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until its session is over."""
        self._writers["client"] = writer
        self._carry_out(self.session.start())
        self._spawn(self._read("client", reader))
        await self.over.wait()
        for task in self._tasks:
            task.cancel()
        for open_writer in self._writers.values():
            open_writer.close()

    async def _read(self, who: Who, reader: asyncio.StreamReader) -> None:
        while octets := await reader.read(65536):
            self._carry_out(self.session.data(who, octets))
        self._carry_out(self.session.eof(who))

    async def _connect(self) -> None:
        try:
            reader, self._writers["server"] = await asyncio.open_connection(*self._server)
        except OSError as error:
            self._carry_out(self.session.connected(str(error)))
            return
        self._carry_out(self.session.connected(None))
        self._spawn(self._read("server", reader))

    def _carry_out(self, actions: list[Action]) -> None:
        loop = asyncio.get_running_loop()
        for one in actions:
            match one:
                case action.Send(who, octets):
                    self._writers[who].write(octets)
                case action.Connect():
                    self._spawn(self._connect())
                case action.HalfClose(who):
                    self._writers[who].write_eof()
                case action.SetTimer(name, seconds):
                    loop.call_later(
                        seconds, lambda n: self._carry_out(self.session.timer(n)), name
                    )
        if self.session.over:
            self.over.set()

    def _ring(self, timer: str) -> None:
        self._carry_out(self.session.timer(timer))

    def _spawn(self, coroutine: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
