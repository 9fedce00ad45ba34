"""A client as the judge sees it: what it is pointed at, what it runs, and its own word."""

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from mitmail.endpoint import Endpoint, MailProtocol, TlsMode
from mitmail.judge.program import Ended, run
from mitmail.judge.screen import show

type Word = Literal["accept", "reject", "error"]
type TlsVersion = Literal["TLSv1_2", "TLSv1_3"]
type Verifies = Literal["none", "chain", "full"]

ALL: frozenset[MailProtocol] = frozenset({"imap", "pop3", "smtp"})
MODES: frozenset[TlsMode] = frozenset({"implicit", "starttls", "plain"})
# What a client gets on top of the time-out that it was told, to say that its time is up.
GRACE = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a client is pointed at: ``roots`` is a PEM file, and the client trusts nothing else.

    ``tls`` pins a version (``TLSv1_2``, ``TLSv1_3``) where the client can be told to.
    ``patience`` is the network time-out, in seconds, that the client is told where it has one.
    ``antivirus_root`` is the root of the antivirus in front, where there is one, trusted or not.
    """

    endpoint: Endpoint
    host: str
    port: int
    name: str
    user: str
    password: str
    roots: Path
    tls: TlsVersion | None = None
    patience: float = 15.0
    antivirus_root: Path | None = None

    @property
    def implicit(self) -> bool:
        """Whether TLS comes at once, without STARTTLS."""
        return self.endpoint.tls == "implicit"

    @property
    def whole_patience(self) -> int:
        """The patience for a client that counts whole seconds: at least one."""
        return max(1, round(self.patience))


@dataclass(frozen=True, slots=True)
class Said:
    """A client's own word: its verdict, the reason it names, its exit code and its text.

    ``details`` is what more it knows, by name, as JSON has it; ``screenshot`` a PNG of what it
    showed. ``left``: it would be a refusal, but says that the other side went away or was silent.
    """

    verdict: Word
    reason: str | None
    exit_code: int | None
    text: str
    details: Mapping[str, Any] = field(default_factory=dict, hash=False)
    screenshot: bytes | None = field(default=None, repr=False)
    left: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run of a client.

    ``leaves`` says what is to be read in its folder afterwards (a glob pattern): the mail that it
    fetched, or its log. A client with ``until`` gets a terminal, and is hung up on as soon as it
    shows a match. ``grace`` is how long, in seconds, it may outlive the target's patience.
    ``user`` is whose process it is, where not ours.
    """

    command: Sequence[str]
    give: bytes = b""
    environment: Mapping[str, str] = field(default_factory=dict)
    leaves: str | None = None
    until: re.Pattern[bytes] | None = None
    grace: float = GRACE
    user: int | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """A program that can be asked. ``version`` is what exceptions are looked up by.

    ``prepare`` is given a folder of the run's own, which is the client's home, and vanishes.
    """

    name: str
    version: tuple[int, ...]
    protocols: frozenset[MailProtocol]
    prepare: Callable[[Target, Path], Job]
    read: Callable[[Target, Ended], Said]
    on_screen: bool = False
    """It tells its user on a terminal, and its exit code says nothing of what went wrong."""
    verifies: Verifies = "full"
    """What it verifies as it is asked here: nothing, the chain but no name, or both."""
    exclusive: str | None = None
    """Clients that name the same are asked one after the other: there is one of what they need."""
    title: str = ""
    """The client in one line."""
    modes: frozenset[TlsMode] = MODES
    """How it gets to TLS."""
    weaker: Mapping[str, Verifies] = field(default_factory=dict)
    """Where it verifies less than it does elsewhere, by the endpoint's name."""
    described: str = ""
    """What its file says of it, as one text; "" for one that is code."""
    running: "Running | None" = None
    """The process that answers for all targets, where one does; it is started when asked."""

    def speaks(self, endpoint: Endpoint) -> bool:
        """Whether it can be asked on this endpoint."""
        return endpoint.protocol in self.protocols and endpoint.tls in self.modes

    def verifies_on(self, endpoint: Endpoint) -> Verifies:
        """What it verifies on this endpoint, as it is asked here."""
        return self.weaker.get(endpoint.name, self.verifies)

    async def ask(self, target: Target) -> Said:
        """Have the client do its work, and read its answer.

        Raises ValueError for an endpoint that the client does not speak, and CannotJudgeError
        when it cannot be started.
        """
        if not self.speaks(target.endpoint):
            raise ValueError(f"{self.name} does not speak {target.endpoint.name}")
        if self.running is not None:
            return await self.running.ask(target)
        with tempfile.TemporaryDirectory(prefix="mitmail-", ignore_cleanup_errors=True) as folder:
            ended = await self._run(target, Path(folder))
        if ended.code is None:
            words = (ended.out + ended.err).decode(errors="replace").strip()
            late = "the client did not end in time"
            return Said("error", None, None, f"{words}\n{late}" if words else late)
        return self.read(target, ended)

    async def close(self) -> None:
        """End what runs for all targets; the client may be asked again all the same."""
        if self.running is not None:
            await self.running.close()

    async def _run(self, target: Target, home: Path) -> Ended:
        job = self.prepare(target, home)
        seconds = target.patience + job.grace
        extra = {"HOME": str(home), "TMPDIR": str(home), **job.environment}
        if job.until is not None:
            ended = await show(job.command, until=job.until, seconds=seconds, extra=extra)
        else:
            ended = await run(
                job.command, give=job.give, seconds=seconds, extra=extra, user=job.user
            )
        if job.leaves is None:
            return ended
        files = sorted(x for x in home.glob(job.leaves) if x.is_file())
        return replace(ended, left=b"".join(x.read_bytes() for x in files))


class Running(Protocol):
    """A process that answers for all targets."""

    async def ask(self, target: Target) -> Said:
        """Ask it; whatever goes wrong is an error of this target alone."""

    async def close(self) -> None:
        """End it, and what it started."""


def letter(target: Target, sender: str) -> bytes:
    """The mail that ``sender``, a program's name, sends."""
    who = target.user
    text = f"From: {who}\r\nTo: {who}\r\nSubject: mitmail\r\n\r\nsent by {sender}\r\n"
    return text.encode()
