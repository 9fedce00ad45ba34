"""The examination: every part of the machine that mitmail needs, within a deadline."""

import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from mitmail.machine import (
    capturing,
    client,
    folder,
    port,
    requirement,
    scanner,
    setting,
    thunderbird,
    trusting,
)
from mitmail.machine.check import Check

SECONDS: Final = 30.0  # a client may take 20 to tell its version


@dataclass(frozen=True, slots=True)
class Look:
    """One part, by the name that it has when it cannot be looked at."""

    name: str
    ask: Callable[[], Iterable[Check]]
    serves: bool = False


@dataclass(frozen=True, slots=True)
class Purpose:
    """What somebody wants to do, and what it takes."""

    id: str
    title: str
    looks: tuple[Look, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """What was found about one purpose."""

    id: str
    title: str
    checks: tuple[Check, ...]


PURPOSES: Final = (
    Purpose(
        "serve",
        "Show a client a bad server (mitmail serve)",
        (
            Look("Python", requirement.python, serves=True),
            Look("libraries", requirement.libraries, serves=True),
            Look("OpenSSL", requirement.tls, serves=True),
            Look("the data folder", lambda: folder.writable(folder.folder()), serves=True),
            Look("the keys", lambda: folder.private(folder.folder())),
            Look("loopback", port.loopback, serves=True),
            Look("the ports", lambda: port.ports(folder.folder()), serves=True),
            Look("names", setting.names),
            Look("the clock", lambda: setting.clock(datetime.now(UTC), setting.installed())),
            Look("the locale", lambda: setting.screen(sys.stdout)),
            Look("clamd", scanner.scanner),
        ),
    ),
    Purpose(
        "judge",
        "Ask mail clients (mitmail judge, exec, demo)",
        (
            Look("pytest", lambda: requirement.extra("judge")),
            Look("clients", client.clients),
        ),
    ),
    Purpose(
        "thunderbird",
        "Ask Thunderbird (mitmail judge --client thunderbird)",
        (Look("Thunderbird", thunderbird.thunderbird), Look("Xvfb", thunderbird.display)),
    ),
    Purpose(
        "capture",
        "Capture a client as it is (mitmail serve --transparent)",
        (
            Look("rules", capturing.rules),
            Look("root", capturing.right),
            Look("ip netns", capturing.namespaces),
        ),
    ),
    Purpose(
        "trust",
        "Have a client trust a root",
        (Look("programs", trusting.programs), Look("the system's store", trusting.system)),
    ),
)


def examine(purposes: Iterable[Purpose] = PURPOSES, seconds: float = SECONDS) -> list[Group]:
    """What was found, in the order of ``purposes``; what takes longer is unknown.

    Nothing is changed, and nothing leaves this machine.
    """
    deadline = time.monotonic() + seconds
    asked = [(one, [_Asking(look) for look in one.looks]) for one in purposes]
    return [
        Group(one.id, one.title, tuple(x for each in askings for x in each.answer(deadline)))
        for one, askings in asked
    ]


class _Asking:
    """One look, in a thread that nobody waits for when its time is up."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._found: list[Check] | None = None
        self._error: Exception | None = None
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._ask, name=look.name, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        try:
            self._found = list(self._look.ask())
        except Exception as error:  # whatever it is, the rest is looked at
            self._error = error

    def answer(self, deadline: float) -> list[Check]:
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._found is not None:
            return self._found
        if self._error is None:
            return [self._unknown(f"no answer in {deadline - self._began:.0f} s")]
        first = str(self._error).partition("\n")[0]
        return [self._unknown(f"{type(self._error).__name__}: {first}")]

    def _unknown(self, why: str) -> Check:
        look = self._look
        words = f"{look.name} could not be looked at, {why}"
        return Check(id=look.name, status="unknown", words=words, serves=look.serves)


def system() -> str:
    """What this machine is, in a few words."""
    kind = platform.platform(terse=True)
    return f"{kind}, WSL" if "WSL_DISTRO_NAME" in os.environ else kind
