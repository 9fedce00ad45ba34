"""The journal: who asks for sessions gets them when they have come as far as it wants."""

import asyncio
from types import SimpleNamespace
from typing import Any

from mitmail.endpoint import ENDPOINTS
from mitmail.service.journal import KEPT, Journal
from mitmail.service.record import Served

IMAPS = Served(None, ENDPOINTS["imaps"], "127.0.0.1", 3993, "any")


def write(journal: Journal, what: Any, number: int, *, over: bool = False) -> None:
    session: Any = SimpleNamespace(over=over)
    journal.write(what, IMAPS, number, session, {} if what == "begin" else {"record": what})


def test_it_waits_for_a_session_and_for_its_verdict() -> None:
    async def watch() -> list[int]:
        journal = Journal()
        write(journal, "begin", 1)
        waiting = asyncio.create_task(journal.wait(1, "verdict", 20))
        await asyncio.sleep(0)
        write(journal, "verdict", 1)
        write(journal, "begin", 2)
        await asyncio.sleep(0)
        assert not waiting.done()
        write(journal, "verdict", 2)
        return [x.number for x in await waiting]

    assert asyncio.run(watch()) == [2]


def test_it_waits_for_the_end_of_all_of_them() -> None:
    async def watch() -> tuple[bool, list[bool]]:
        journal = Journal()
        for number in (1, 2):
            write(journal, "verdict", number)
        write(journal, "end", 2, over=True)
        waiting = asyncio.create_task(journal.wait(0, "over", 20))
        await asyncio.sleep(0)
        early = waiting.done()
        assert journal.running == 1
        write(journal, "end", 1, over=True)
        return early, [x.over for x in await waiting]

    assert asyncio.run(watch()) == (False, [True, True])


def test_when_the_time_is_up_it_says_what_there_is() -> None:
    async def watch() -> list[Any]:
        journal = Journal()
        write(journal, "begin", 1)
        return [x.document() for x in await journal.wait(0, "verdict", 0.01)]

    (found,) = asyncio.run(watch())
    assert (found["session"], found["endpoint"], found["over"]) == (1, "imaps", False)
    assert found["verdict"] is None


def test_the_oldest_are_forgotten() -> None:
    async def fill() -> list[int]:
        journal = Journal()
        for number in range(1, KEPT + 3):
            write(journal, "end", number, over=True)
        return [x.number for x in journal.after(0)]

    assert asyncio.run(fill()) == list(range(3, KEPT + 3))
