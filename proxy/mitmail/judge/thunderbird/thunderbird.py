"""Thunderbird as a client of the judge: one instance, kept warm, is asked for every case."""

import asyncio
import configparser
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mitmail.judge.client import ALL, Client, Said, Target
from mitmail.judge.thunderbird.job import Wish
from mitmail.judge.thunderbird.warm import Warm

NAME = "thunderbird"
PLACES = ("/usr/lib", "/usr/lib64", "/opt", "/usr/local/lib")


@dataclass(frozen=True, slots=True)
class Thunderbird(Client):
    """Thunderbird, which is not started anew for each case."""

    warm: Warm | None = None

    async def ask(self, target: Target) -> Said:
        """Check mail, or send one."""
        return await self.check(target, Wish())

    async def check(self, target: Target, wish: Wish) -> Said:
        """Check mail, or send one, as a person does who wishes more than that."""
        assert self.warm is not None
        try:
            return await asyncio.to_thread(self.warm.check, target, wish)
        except asyncio.CancelledError:
            # Whoever waits for it no longer does: neither shall the thread.
            self.warm.end()
            raise

    async def close(self) -> None:
        """End the instance; the next case starts another."""
        if self.warm is not None:
            await asyncio.to_thread(self.warm.end)


def thunderbird() -> Thunderbird | None:
    """Thunderbird, if it and Xvfb are here (Linux; Debian: thunderbird, xvfb)."""
    path, xvfb = shutil.which("thunderbird"), shutil.which("Xvfb")
    if sys.platform != "linux" or path is None or xvfb is None:
        return None
    program = _program(Path(path))
    return Thunderbird(
        NAME,
        _version(program),
        ALL,
        _never,
        _never,
        exclusive=NAME,
        warm=_warm(str(program), xvfb),
    )


_warmed: dict[tuple[str, str], Warm] = {}


def _warm(program: str, xvfb: str) -> Warm:
    return _warmed.setdefault((program, xvfb), Warm(program, xvfb))


def _program(path: Path) -> Path:
    # /usr/bin/thunderbird is a script that first looks after its user's own profiles.
    real = path.resolve()
    if real.read_bytes()[:4] == b"\x7fELF":
        return real
    found = (Path(place) / "thunderbird" / "thunderbird" for place in PLACES)
    return next((one for one in found if one.is_file()), path)


def _version(program: Path) -> tuple[int, ...]:
    ini = configparser.ConfigParser()
    ini.read(program.parent / "application.ini", encoding="utf-8")
    text = ini.get("App", "Version", fallback="0")
    return tuple(int(part) for part in re.findall(r"\d+", text))


def _never(*_: object) -> Any:
    raise AssertionError("Thunderbird is not started for one case")
