"""The watch: which sessions there were, and when all is known of them."""

import asyncio
from types import SimpleNamespace
from typing import Any

from mitmail.judge.watch import Watch


def session(*, verdict: object = None, over: bool = False) -> Any:
    """A session as the watch reads it."""
    return SimpleNamespace(verdict=verdict, over=over)


def observe(watch: Watch, happening: Any, seen: Any) -> None:
    watch.observe(happening, None, 1, seen)  # type: ignore[arg-type] # what was served, nobody reads


def test_what_comes_behind_a_verdict_is_waited_for() -> None:
    async def settle() -> list[Any]:
        watch, seen = Watch(), session(verdict="reject")
        observe(watch, "begin", seen)

        def end() -> None:
            seen.over = True
            observe(watch, "end", seen)

        asyncio.get_running_loop().call_later(0.05, end)
        return list(await watch.settled(5))

    assert [x.over for x in asyncio.run(settle())] == [True]


def test_a_connection_that_has_just_come_is_none_of_the_next_run() -> None:
    async def settle() -> list[Any]:
        watch, loop = Watch(), asyncio.get_running_loop()
        observe(watch, "begin", session(verdict="reject", over=True))
        later = session(verdict="none", over=True)
        loop.call_soon(loop.call_soon, loop.call_soon, observe, watch, "begin", later)
        return list(await watch.settled(5))

    assert [x.verdict for x in asyncio.run(settle())] == ["reject", "none"]
