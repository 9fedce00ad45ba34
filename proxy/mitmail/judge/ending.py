"""Ending: SIGTERM and SIGHUP end what runs as an interrupt does, and nothing is left behind.

CI ends a job with the one, a terminal that is closed sends the other; clients are in process
groups of their own, which neither of them reaches.
"""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
)

type Handler = Callable[[int, FrameType | None], None]


def run[T](work: Coroutine[Any, Any, T]) -> T:
    """What ``asyncio.run`` does; a signal cancels it, and ends this process once that is done."""
    got: list[int] = []

    async def whole() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def cancel(number: int, frame: FrameType | None) -> None:
            if not got:  # whoever ends it twice does not end its cleaning up
                got.append(number)
                loop.call_soon_threadsafe(task.cancel)

        with heard(cancel):
            return await work

    try:
        return asyncio.run(whole())
    finally:
        if got:
            raise SystemExit(128 + got[0])


@contextmanager
def heard(handler: Handler) -> Iterator[None]:
    """Have this handler hear of the signals; not of one that is ignored, as nohup has it."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    heeded = {x: old for x, old in before.items() if old not in (signal.SIG_IGN, None)}
    for number in heeded:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in heeded.items():
            signal.signal(number, old)


def deaf() -> None:
    """Heed none of them in this process: another one hears them, and ends it."""
    for number in SIGNALS:
        # Not ignored: what this process starts would ignore them, too (execve).
        signal.signal(number, lambda *_: None)
