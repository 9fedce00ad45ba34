"""A worker: a bench in a thread of its own, for whoever knows no asyncio to ask for results."""

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

from mitmail.errors import CannotJudgeError
from mitmail.judge import account, driver
from mitmail.judge.bench import opened
from mitmail.judge.client import Client
from mitmail.judge.gate import Gate
from mitmail.judge.grid import Entry, Errand
from mitmail.judge.result import Result


class Worker:
    """Asks the cells of an errand, one by one; ``close`` ends all that it started."""

    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        self._clients: dict[str, Client] = {}
        self._running: set[asyncio.Task[Any]] = set()
        self._opened: Future[Gate] = Future()
        self._thread = threading.Thread(target=self._main, name="mitmail-bench")
        self._thread.start()
        self._gate = self._opened.result()

    def ask(self, entry: Entry) -> Result:
        """The result of a cell. Raises MitmailError for a client that is not here any more."""
        return asyncio.run_coroutine_threadsafe(self._ask(entry), self._loop).result()

    def close(self) -> None:
        """End whatever runs; the ports are free afterwards, and the thread is gone."""
        if not self._stopping.is_set():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._opened.done():
                raise
            self._opened.set_exception(error)

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        async with opened(self._errand.patience) as bench:
            self._opened.set_result(Gate(bench))
            await self._stopping.wait()
            # A client that is being asked is ended before the server that it speaks to.
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
            await asyncio.gather(*(client.close() for client in self._clients.values()))

    async def _ask(self, entry: Entry) -> Result:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            client = await self._client(entry.client)
            attempt = await self._gate.ask(client, entry.brief, entry.endpoint)
        except CannotJudgeError as error:
            case = self._gate.book.case(entry.brief)
            return account.unasked(entry, self._errand, case, str(error))
        finally:
            self._running.discard(task)
        return account.result(entry, self._errand, attempt, self._gate.bench.password)

    async def _client(self, name: str) -> Client:
        if name not in self._clients:
            self._clients[name] = await driver.load(self._errand.clients[name])
        return self._clients[name]
