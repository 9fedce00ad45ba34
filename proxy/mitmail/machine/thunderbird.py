"""Thunderbird, and the display that the judge shows it on."""

import asyncio
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mitmail.judge import driver
from mitmail.machine import package
from mitmail.machine.check import Check

SMALL: Final = 1 << 16  # octets: a script that starts another program
# Where the packages that keep a program away from other folders put their programs.
SNAP: Final = Path("/snap/bin/thunderbird")
FLATPAKS: Final = (Path("/var/lib/flatpak/app"), Path(".local/share/flatpak/app"))
KINDS: Final = {"snap": (b"/snap/bin", b"snap run"), "flatpak": (b"flatpak run",)}
OWN: Final = (
    "unpack the archive of thunderbird.net in /opt, and "
    "sudo ln -s /opt/thunderbird/thunderbird /usr/local/bin/thunderbird"
)


def thunderbird() -> Iterator[Check]:
    """The program, and whether it can be given a profile of the judge's."""
    path = package.find("thunderbird")
    kind = confined(Path(path)) if path else _elsewhere()
    if sys.platform != "linux":
        words = "Thunderbird is asked on Linux only"
        yield Check(id="thunderbird", status="missing", words=words)
    elif kind is not None:
        words = f"Thunderbird is a {kind} here, which sees no profile of the judge's"
        yield Check(id="thunderbird", status="broken", words=words, fix=OWN)
    elif path is None:
        # Ubuntu's package of that name installs the snap.
        fix = OWN if _is_ubuntu() else package.install("thunderbird")
        yield Check(id="thunderbird", status="missing", words="Thunderbird", fix=fix)
    else:
        words = f"Thunderbird {_version()}".strip() + f", {path}"
        yield Check(id="thunderbird", status="ok", words=words)


def display() -> Iterator[Check]:
    """A display that nobody sees."""
    path = package.find("Xvfb")
    if path is None:
        words = "Xvfb, the display that nobody sees"
        yield Check(id="xvfb", status="missing", words=words, fix=package.install("xvfb"))
    else:
        yield Check(id="xvfb", status="ok", words=f"Xvfb, {path}")


def confined(path: Path) -> str | None:
    """What keeps the program at ``path`` to its own folders: snap, flatpak, or nothing."""
    real = path.resolve()
    if real.name == "snap" or SNAP.parents[1] in real.parents:
        return "snap"
    if real.stat().st_size > SMALL:
        return None
    script = real.read_bytes()
    return next((kind for kind, signs in KINDS.items() if any(x in script for x in signs)), None)


def _is_ubuntu() -> bool:
    try:
        return platform.freedesktop_os_release().get("ID") == "ubuntu"
    except OSError:
        return False


def _elsewhere() -> str | None:
    if SNAP.exists():
        return "snap"
    folders = (Path.home() / folder for folder in FLATPAKS)  # an absolute one stays as it is
    found = (one for folder in folders for one in folder.glob("*[tT]hunderbird*"))
    return "flatpak" if next(found, None) is not None else None


def _version() -> str:
    """Its release, as its own folder tells; known only where the judge could start it."""
    one = asyncio.run(driver.entry("thunderbird"))
    return ".".join(map(str, one.client.version)) if one.client is not None else ""
