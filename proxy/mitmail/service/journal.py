"""The journal: what the sessions of a run were, for whoever asks afterwards or waits for it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from mitmail.addon.route import Happening
from mitmail.engine.session import Session
from mitmail.service.record import Served

type Json = dict[str, Any]
type Until = Literal["verdict", "over"]

KEPT = 200  # sessions; a record is some KB, and whoever asks does so soon


@dataclass(slots=True)
class Entry:
    """One session: its records so far, and whether it is over."""

    number: int
    served: Served
    over: bool = False
    records: dict[str, Json] = field(default_factory=dict)

    def document(self) -> Json:
        """The entry as JSON."""
        return {
            "session": self.number,
            "scenario": self.served.scenario,
            "endpoint": self.served.endpoint.name,
            "antivirus": self.served.antivirus,
            "showing": self.served.showing,
            "over": self.over,
            "verdict": self.records.get("verdict"),
            "end": self.records.get("end"),
        }


class Journal:
    """Hears of all sessions; the last two hundred stay readable."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        self._told = asyncio.Event()
        self.last = 0

    def write(
        self, happening: Happening, served: Served, number: int, session: Session, record: Json
    ) -> None:
        """Note what happened in a session; ``record`` is empty where it has none."""
        entry = self._entries.setdefault(number, Entry(number, served))
        entry.served = served  # a client that names its case does so only in its ClientHello
        entry.over = session.over
        if record:
            entry.records[happening] = record
        self.last = max(self.last, number)
        self._forget()
        self._told.set()
        self._told = asyncio.Event()

    def _forget(self) -> None:
        for number in list(self._entries)[: max(0, len(self._entries) - KEPT)]:
            del self._entries[number]

    @property
    def running(self) -> int:
        """How many sessions are not over."""
        return sum(not entry.over for entry in self._entries.values())

    def after(self, number: int) -> list[Entry]:
        """The sessions that began later than this one."""
        return [entry for n, entry in sorted(self._entries.items()) if n > number]

    async def wait(self, number: int, until: Until, seconds: float) -> list[Entry]:
        """The sessions after ``number``, once there are some and all have come so far.

        Whatever there is, when the seconds are up.
        """
        reached = _REACHED[until]
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            told, found = self._told, self.after(number)
            if found and all(map(reached, found)):
                return found
            try:
                async with asyncio.timeout_at(deadline):
                    await told.wait()
            except TimeoutError:
                return self.after(number)


_REACHED: dict[Until, Callable[[Entry], bool]] = {
    "verdict": lambda entry: "verdict" in entry.records,
    "over": lambda entry: entry.over,
}
