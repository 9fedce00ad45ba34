"""A client as the judge sees it: what it is pointed at, what it runs, and its own word."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mitmail.endpoint import Endpoint
from mitmail.judge.program import Ended, run

type Word = Literal["accept", "reject", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a client is pointed at: ``roots`` is a PEM file, and the client trusts nothing else.

    ``tls`` pins a version (``TLSv1_2``, ``TLSv1_3``) where the client can be told to.
    """

    endpoint: Endpoint
    host: str
    port: int
    name: str
    user: str
    password: str
    roots: Path
    tls: Literal["TLSv1_2", "TLSv1_3"] | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A client's own word: its verdict, the reason it names, its exit code and its text."""

    verdict: Word
    reason: str | None
    exit_code: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Client:
    """A program that can be asked. ``version`` is what exceptions are looked up by."""

    name: str
    version: tuple[int, ...]
    command: Callable[[Target], list[str]]
    give: Callable[[Target], bytes]
    read: Callable[[Target, Ended], Said]

    async def ask(self, target: Target) -> Said:
        """Have the client do its work, and read its answer."""
        ended = await run(self.command(target), give=self.give(target))
        if ended.code is None:
            return Said("error", None, None, "the client did not end in time")
        return self.read(target, ended)
