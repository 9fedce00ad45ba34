"""Running a client that needs a terminal: nobody types, and what it shows is read."""

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from mitmail.errors import CannotJudgeError
from mitmail.judge.program import Ended, Kept, environment, start

# Wide, so that nothing is cut off; an ncurses program paints plain text where it can do no better.
SIZE = {"LINES": "50", "COLUMNS": "200", "TERM": "vt100"}


async def show(
    command: Sequence[str], *, until: re.Pattern[bytes], seconds: float, extra: Mapping[str, str]
) -> Ended:
    """Run a command on a terminal, and hang up as soon as it has shown what matches ``until``.

    ``out`` is what it painted and ``err`` its standard error, which is no terminal. ``code`` is
    None when it showed no match within the seconds. Raises CannotJudgeError on Windows.
    """
    if sys.platform == "win32":
        raise CannotJudgeError(f"{command[0]} needs a terminal of Unix: ask it on another system")
    ours, theirs = os.openpty()
    try:
        streams = {"stdin": theirs, "stdout": theirs, "stderr": asyncio.subprocess.PIPE}
        process = await start(command, environment(**SIZE, **extra), streams=streams)
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    assert process.stderr is not None
    painted, said = Kept(), Kept()
    screen = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(screen), os.fdopen(ours, "rb", 0)
    )
    shown = asyncio.Event()
    reading = asyncio.ensure_future(
        _read_both(_read(screen, painted, until, shown), _read(process.stderr, said, until, shown))
    )
    showing = asyncio.ensure_future(shown.wait())
    try:
        done, _ = await asyncio.wait(
            (reading, showing), timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        if showing in done:
            process.end()
        code = await process.over() if done else None
    finally:
        process.end()
        await process.over()
        reading.cancel()
        showing.cancel()
        await asyncio.gather(reading, showing, return_exceptions=True)
        transport.close()
        process.close()
    return Ended(code, bytes(painted), bytes(said))


async def _read_both(screen: Coroutine[Any, Any, None], errors: Coroutine[Any, Any, None]) -> None:
    await asyncio.gather(screen, errors)


async def _read(
    stream: asyncio.StreamReader,
    into: Kept,
    until: re.Pattern[bytes],
    shown: asyncio.Event,
) -> None:
    # Linux says EIO where a terminal has no other side any more.
    with contextlib.suppress(OSError):
        while piece := await stream.read(65536):
            into += piece
            if until.search(bytes(into)):
                shown.set()
