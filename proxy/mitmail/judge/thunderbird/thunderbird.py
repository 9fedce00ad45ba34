"""Thunderbird as a client of the judge: one instance, kept warm, is asked for every case."""

import configparser
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from mitmail.judge.client import ALL, Client
from mitmail.judge.thunderbird.warm import Warm

NAME = "thunderbird"
PLACES = ("/usr/lib", "/usr/lib64", "/opt", "/usr/local/lib")


_warmed: dict[tuple[str, str], Warm] = {}


def thunderbird() -> Client | None:
    """Thunderbird, if it and Xvfb are here (Linux; Debian: thunderbird, xvfb)."""
    running = warm()
    if running is None:
        return None
    version = _version(Path(running.program))
    return Client(NAME, version, ALL, _never, _never, exclusive=NAME, running=running)


def warm() -> Warm | None:
    """The one that this process keeps, started or not; None where it could not be."""
    path, xvfb = shutil.which("thunderbird"), shutil.which("Xvfb")
    if sys.platform != "linux" or path is None or xvfb is None:
        return None
    both = str(_program(Path(path))), xvfb
    if both not in _warmed:
        _warmed[both] = Warm(*both)
    return _warmed[both]


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
