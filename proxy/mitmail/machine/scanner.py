"""clamd, which ``mitmail serve --scanner clamd`` has scan the mail."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mitmail.addon.clamd import DEFAULT, Clamd
from mitmail.errors import CannotJudgeError
from mitmail.machine import package
from mitmail.machine.check import Check

SECONDS: Final = 3.0


def scanner(place: str = DEFAULT) -> Iterator[Check]:
    """Whether one answers where Debian's listens."""
    if Path(place).exists():
        yield asyncio.run(_asked(place))
    elif package.find("clamd") is not None:
        words = f"clamd is here, and does not listen at {place}"
        fix = "sudo systemctl start clamav-daemon, or mitmail serve --clamd with its place"
        yield Check(id="clamd", status="missing", words=words, fix=fix)
    else:
        fix = package.install("clamav-daemon")
        yield Check(id="clamd", status="missing", words="clamd", fix=fix)


async def _asked(place: str) -> Check:
    try:
        async with asyncio.timeout(SECONDS):
            await Clamd(place).check()
    except CannotJudgeError as error:
        return Check(id="clamd", status="broken", words=str(error))
    except TimeoutError:
        words = f"clamd says nothing at {place} for {SECONDS:.0f} s"
        return Check(id="clamd", status="broken", words=words)
    return Check(id="clamd", status="ok", words=f"clamd answers at {place}")
