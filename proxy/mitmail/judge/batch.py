"""A client that is started once: cells go in on its standard input, verdicts come out, as NDJSON.

For slow starters such as a JVM. One cell at a time; whatever goes wrong is an error of that cell,
and the next one finds a new process.
"""

import asyncio
import json
import tempfile
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

from mitmail.judge import placeholder, program, reading
from mitmail.judge.client import GRACE, Said, Target
from mitmail.judge.furnishing import furnish, known
from mitmail.judge.placeholder import all_filled, filled
from mitmail.judge.program import Kept, Process
from mitmail.scenario.client import DescribedClient

STARTING: Final = 30.0  # seconds for a process that has to start, or to compile itself, first
LEAVING: Final = 1.0  # seconds for one that finds its standard input closed
# What a cell tells besides the placeholders that a command has.
TOLD: Final = (*placeholder.TOLD, "hosts", "home")


@dataclass(frozen=True, slots=True)
class _Process:
    """One process of a batch client, and what it has said besides its verdicts."""

    loop: asyncio.AbstractEventLoop
    itself: Process
    home: tempfile.TemporaryDirectory[str]
    said: Kept
    listening: asyncio.Task[None]
    safety: "weakref.finalize[Any, Any]"

    @property
    def runs(self) -> bool:
        return self.itself.returncode is None and self.loop is asyncio.get_running_loop()


class Batch:
    """The process of a batch client; it is started when it is asked, and ended by ``close``."""

    def __init__(self, said: DescribedClient, command: tuple[str, ...]) -> None:
        self._file = said
        self._command = command
        self._ids = count(1)
        self._process: _Process | None = None
        self._turns: dict[asyncio.AbstractEventLoop, asyncio.Lock] = {}

    async def ask(self, target: Target) -> Said:
        """Ask for one verdict; others wait for their turn.

        Raises CannotJudgeError when the process cannot be started.
        """
        async with self._turn():
            try:
                return await self._answer(target)
            except BaseException:  # also when nobody waits any more: its answer would come late
                await self.close()
                raise

    async def close(self) -> None:
        """End the process, and what it started."""
        process, self._process = self._process, None
        if process is None:
            return
        process.safety.detach()
        process.itself.end()
        if process.loop is asyncio.get_running_loop():
            process.listening.cancel()
            await asyncio.gather(process.listening, return_exceptions=True)
            await process.itself.over()
        process.itself.close()
        process.home.cleanup()

    def _turn(self) -> asyncio.Lock:
        return self._turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())

    async def _answer(self, target: Target) -> Said:
        process = self._process
        seconds = target.patience + GRACE
        anew = process is None or not process.runs
        if process is None or not process.runs:
            await self.close()
            process = self._process = await self._start()
            seconds += STARTING
        number = next(self._ids)
        try:
            async with asyncio.timeout(seconds):
                await self._tell(process, number, target)
                answer = await self._hear(process, number)
        except TimeoutError:
            return await self._broken(process, "the client did not answer in time")
        except ValueError:  # of asyncio, for a line without an end
            return await self._broken(process, "the client's line is longer than 1 MiB")
        if answer is None and not anew and await _left(process):
            # It had ended, after its last answer, before it was seen to: not in this cell.
            await self.close()
            return await self._answer(target)
        if answer is None:
            return await self._broken(process, "the client ended in the middle of its batch")
        return reading.answered(self._file, answer, None)

    async def _start(self) -> _Process:
        folder = tempfile.TemporaryDirectory(prefix="mitmail-", ignore_cleanup_errors=True)
        home = Path(folder.name)
        values = placeholder.placed(home)
        furnish(self._file, values, home)
        variables = {key: filled(text, values) for key, text in self._file.environment.items()}
        told = {"HOME": folder.name, "TMPDIR": folder.name, **variables}
        process = await program.start(
            all_filled(self._command, values), program.environment(**told)
        )
        said = Kept()
        listening = asyncio.ensure_future(program.read(process.stderr, said))
        safety = weakref.finalize(self, process.end)
        loop = asyncio.get_running_loop()
        return _Process(loop, process, folder, said, listening, safety)

    async def _tell(self, process: _Process, number: int, target: Target) -> None:
        values = known(self._file, target, Path(process.home.name))
        Path(values["hosts"]).write_text(f"{target.host} {target.name}\n", encoding="utf-8")
        cell: Mapping[str, object] = {"id": number} | {
            key: value for key, value in values.items() if key in (*TOLD, *self._file.words)
        }
        stdin = process.itself.stdin
        assert stdin is not None
        try:
            stdin.write(json.dumps(cell).encode() + b"\n")
            await stdin.drain()
        except OSError:
            pass  # it has ended, which is heard

    async def _hear(self, process: _Process, number: int) -> dict[str, Any] | None:
        stdout = process.itself.stdout
        assert stdout is not None
        while line := await stdout.readline():
            answer = reading.last_line(line)
            if answer is not None and answer.get("id") == number:
                return answer
            process.said.__iadd__(line)  # free text
        return None

    async def _broken(self, process: _Process, words: str) -> Said:
        process.itself.end()
        code = await process.itself.over()
        await asyncio.wait([process.listening], timeout=LEAVING)
        said = bytes(process.said).decode(errors="replace").strip()
        await self.close()
        return Said("error", None, code, f"{said}\n{words}".strip())


async def _left(process: _Process) -> bool:
    """Whether a process whose output has ended went in good order."""
    try:
        async with asyncio.timeout(LEAVING):
            return await process.itself.over() == 0
    except TimeoutError:
        return False
