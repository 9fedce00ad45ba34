"""Our own witness: the sessions of one endpoint, while a client is being asked."""

import asyncio
from collections.abc import Callable

from mitmail.addon.route import Happening
from mitmail.engine.session import Session
from mitmail.service.record import Served

LAST_WORDS = 3.0  # seconds for a session to end that has its verdict, and whose client has left
# What a client that has left had sent is in the kernel: a connection of it begins a session
# within a few turns of the loop, each of which takes in what is there.
TURNS = 100
ARRIVAL = 2.0  # seconds for a connection that the client made to come out of the backlog


class Watch:
    """Hears of an endpoint's sessions; clients are asked one after the other."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self._changed = asyncio.Event()

    def observe(self, happening: Happening, served: Served, number: int, session: Session) -> None:
        """The observer that a service is given."""
        if happening == "begin":
            self.sessions.append(session)
        self._changed.set()

    async def settled(self, seconds: float) -> list[Session]:
        """The sessions since the last call, each with its verdict or after so many seconds.

        What a client still says in clear behind its verdict is waited for. Empty when the client
        never connected.
        """
        await self._take_in()
        await self._until(self._is_settled, seconds)
        await self._until(self._is_over, LAST_WORDS)
        sessions, self.sessions = self.sessions, []
        return sessions

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not condition():
            self._changed.clear()
            limit = seconds if self.sessions else ARRIVAL
            try:
                async with asyncio.timeout_at(began + limit):
                    await self._changed.wait()
            except TimeoutError:
                break

    async def over(self, seconds: float) -> list[Session]:
        """The sessions since the last call, each at its end or as it is after so many seconds.

        To be asked once the client has left: its last words are then on their way.
        """
        await self._take_in()
        await self._until(self._is_over, seconds)
        sessions, self.sessions = self.sessions, []
        return sessions

    async def _take_in(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)

    def _is_settled(self) -> bool:
        return bool(self.sessions) and all(x.verdict is not None for x in self.sessions)

    def _is_over(self) -> bool:
        return bool(self.sessions) and all(x.over for x in self.sessions)
