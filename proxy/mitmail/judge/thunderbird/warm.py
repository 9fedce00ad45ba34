"""The one Thunderbird of this process, which is kept warm: a start takes seconds."""

import asyncio
import atexit
import threading

from mitmail.errors import CannotJudgeError
from mitmail.judge.client import Said, Target
from mitmail.judge.thunderbird.answer import read
from mitmail.judge.thunderbird.instance import Instance
from mitmail.judge.thunderbird.job import Wish, issuer_trusted, job, unfit
from mitmail.judge.thunderbird.kept import GoneError
from mitmail.judge.thunderbird.marionette import RefusedError

# What it gets on top of the target's patience, for its account, its windows and a slow machine.
GRACE = 25.0


class Warm:
    """The one Thunderbird of this process: started when first asked, anew after a failure."""

    def __init__(self, program: str, xvfb: str) -> None:
        self.program, self.xvfb = program, xvfb
        self.instance: Instance | None = None
        self._lock = threading.Lock()
        self._failures: list[str] = []
        atexit.register(self.end)

    async def ask(self, target: Target) -> Said:
        """Check mail, or send one."""
        return await self.check(target, Wish())

    async def check(self, target: Target, wish: Wish) -> Said:
        """Check mail, or send one, as a person does who wishes more than that."""
        # In a thread: it outlives the event loop that it was started in.
        try:
            return await asyncio.to_thread(self._check, target, wish)
        except asyncio.CancelledError:
            # Whoever waits for it no longer does: neither shall the thread.
            await asyncio.to_thread(self.end)
            raise

    async def close(self) -> None:
        """End it; it may be asked again all the same."""
        await asyncio.to_thread(self.end)

    def _check(self, target: Target, wish: Wish) -> Said:
        if (why := unfit(target)) is not None:
            return _failed(why)
        with self._lock:
            # What has failed twice to start will not start for the next case either.
            if len(self._failures) > 1:
                return _failed(self._failures[-1])
            if self.instance is not None and not self.instance.answers():
                # It ended between two cases, which is none of this one's doing.
                self.end()
            try:
                if self.instance is None:
                    self.instance = Instance(self.program, self.xvfb)
                    self.instance.start()
                    self._failures.clear()
                found, picture = self.instance.check(job(target, wish), target.patience + GRACE)
            except CannotJudgeError as error:
                self.instance = None
                self._failures.append(str(error))
                return _failed(str(error))
            except (GoneError, TimeoutError, RefusedError) as error:
                self.end()
                return _failed(_broken(error, target.patience + GRACE))
            except BaseException:
                self.end()
                raise
        found["issuer_trusted"] = issuer_trusted(found["chain"], target.roots)
        return read(found, picture)

    def end(self) -> None:
        """End it, also while it is being asked."""
        if (instance := self.instance) is not None:
            self.instance = None
            instance.end()


def _failed(words: str) -> Said:
    return Said("error", None, None, words)


def _broken(error: Exception, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return f"Thunderbird did not answer in {seconds:.0f} s: the next case gets a new one"
    if isinstance(error, GoneError):
        return f"Thunderbird ended meanwhile ({error}): the next case gets a new one"
    return f"Thunderbird could not do it ({error}): the next case gets a new one"
