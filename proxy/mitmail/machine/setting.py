"""The setting of this machine: its clock, its screen, and where its names lead."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from mitmail.machine.check import Check
from mitmail.scenario.hostname import CUSTOMER
from mitmail.service.hosts import system_file

HOSTS: Final = {"win32": Path(r"C:\Windows\System32\drivers\etc\hosts")}
LOCAL: Final = ("127.", "::1")


def clock(now: datetime, installed: datetime) -> Iterator[Check]:
    """Whether the clock can be right: certificates are made for now."""
    said = f"{now.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if now < installed:
        words = f"the clock says {said}, and mitmail was installed after that"
        yield Check(id="clock", status="broken", words=words, fix="set the clock")
    else:
        yield Check(id="clock", status="ok", words=f"clock: {said}")


def installed() -> datetime:
    """When mitmail's files were written here."""
    return datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)


def screen(stream: TextIO) -> Iterator[Check]:
    """Whether all that mitmail writes can be shown."""
    encoding = getattr(stream, "encoding", None) or "ascii"
    try:
        "\N{BOX DRAWINGS LIGHT UP AND RIGHT}\N{LATIN SMALL LETTER U WITH DIAERESIS}".encode(
            encoding
        )
    except UnicodeEncodeError:
        words = f"the screen takes {encoding} only: chains are drawn in ASCII"
        fix = "chcp 65001" if sys.platform == "win32" else "export LC_ALL=C.UTF-8"
        yield Check(id="locale", status="missing", words=words, fix=fix)
    else:
        yield Check(id="locale", status="ok", words=f"locale: {encoding}")


def names(file: Path | None = None) -> Iterator[Check]:
    """Whether the name that clients are told leads here; nobody is asked for it by DNS."""
    file = file or HOSTS.get(sys.platform, Path("/etc/hosts"))
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        yield Check(id="names", status="unknown", words=f"{file}: {error.strerror}")
        return
    words = [line.partition("#")[0].split() for line in lines]
    leads = [each[0] for each in words if CUSTOMER in each[1:]]
    if not leads:
        text = f"{CUSTOMER} leads nowhere: mail programs with an account dialog need a line"
        fix = f"127.0.0.1 {CUSTOMER} in {system_file()}"
        yield Check(id="names", status="missing", words=text, fix=fix)
    elif all(one.startswith(LOCAL) for one in leads):
        yield Check(id="names", status="ok", words=f"{CUSTOMER} leads to {leads[0]} ({file})")
    else:
        text = f"{CUSTOMER} leads to {leads[0]} and not to this machine ({file})"
        yield Check(id="names", status="broken", words=text, fix=f"make it 127.0.0.1 {CUSTOMER}")
