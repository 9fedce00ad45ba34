"""Running a client as a process: a clean environment, a deadline, and nothing left behind."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mitmail.errors import CannotJudgeError

KEPT: Final = 1 << 20  # octets of the beginning and of the end of what a stream says
LINE: Final = 1 << 20  # octets of the longest line that is read as one
LATE: Final = 1.0  # seconds for the last words of a process that has ended
PIPES: Final = dict.fromkeys(("stdin", "stdout", "stderr"), asyncio.subprocess.PIPE)

# What changes a client's verdict behind the caller's back; CI images set several of them.
FOREIGN = (
    "SSL_CERT", "CURL_", "NODE_", "REQUESTS_CA", "LD_PRELOAD", "NSS_WRAPPER", "PYTHON", "OPENSSL_",
    "GNUTLS_", "SSLKEYLOGFILE", "JAVA_TOOL_OPTIONS", "GODEBUG", "HOSTALIASES", "http_proxy",
    "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "XDG_", "FETCHMAIL", "MAILCONF", "MAILNAME", "EMAIL", "MAILDIR", "PERL5", "RUBY", "JDK_JAVA",
    "_JAVA", "MOZ_", "NSS_", "XRE_",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended; ``code`` None means that its time was up.

    ``left`` is what it left in its folder, where that was looked for.
    """

    code: int | None
    out: bytes
    err: bytes
    left: bytes = b""


class Kept:
    """What a stream said: all of it, or the beginning and the end of a flood."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._lost = 0

    def __iadd__(self, piece: bytes) -> "Kept":
        """Take what came in."""
        room = KEPT - len(self._head)
        self._head += piece[:room]
        self._tail += piece[room:]
        if (over := len(self._tail) - KEPT) > 0:
            del self._tail[:over]
            self._lost += over
        return self

    def __bytes__(self) -> bytes:
        """What was kept, and a line that says how much was not."""
        gap = f"\n[{self._lost} octets left out here]\n".encode() if self._lost else b""
        return bytes(self._head) + gap + bytes(self._tail)


def environment(**extra: str) -> dict[str, str]:
    """This process' environment without what changes a client's verdict, in plain English."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN)}
    return kept | {"LC_ALL": "C"} | extra


def privileged() -> bool:
    """Whether this process runs as root, where there is one."""
    return sys.platform != "win32" and os.geteuid() == 0


class _Protocol(asyncio.subprocess.SubprocessStreamProtocol):
    def __init__(self) -> None:
        super().__init__(limit=LINE, loop=asyncio.get_running_loop())
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()


class Process(asyncio.subprocess.Process):
    """A process in a group of its own. What it starts may hold its pipes open when it is over."""

    def __init__(self, transport: asyncio.SubprocessTransport, protocol: _Protocol) -> None:
        super().__init__(transport, protocol, asyncio.get_running_loop())
        self._pipes = transport
        self._exited = protocol.exited

    async def over(self) -> int:
        """Wait for its end, whoever holds its pipes open (``wait`` does wait for those)."""
        await self._exited.wait()
        assert self.returncode is not None
        return self.returncode

    def end(self) -> None:
        """End it and what it started: the whole process group, where there are such."""
        if sys.platform == "win32":
            with contextlib.suppress(ProcessLookupError):
                self.kill()
        else:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Close its pipes; to be called when it is over."""
        self._pipes.close()


async def start(
    command: Sequence[str],
    variables: Mapping[str, str],
    *,
    user: int | None = None,
    streams: Mapping[str, Any] | None = None,
) -> Process:
    """Start a command in a process group of its own, with pipes unless told otherwise.

    Raises CannotJudgeError when it cannot be started.
    """
    options: dict[str, Any] = {**(streams or PIPES)}
    if user is not None:
        options |= {"user": user, "group": user, "extra_groups": []}
    first, *rest = command
    starting = asyncio.ensure_future(
        asyncio.get_running_loop().subprocess_exec(
            _Protocol, first, *rest, env=dict(variables), start_new_session=True, **options
        )
    )
    try:
        transport, protocol = await asyncio.shield(starting)
    except OSError as error:
        words = f"cannot run {command[0]}: {error.strerror}"
        raise CannotJudgeError(words) from None
    except asyncio.CancelledError:
        # It may run already, and asyncio itself would end it alone, not what it has started.
        with contextlib.suppress(OSError):
            await _ended(Process(*await starting))
        raise
    return Process(transport, protocol)


async def _ended(process: Process) -> None:
    process.end()
    await process.over()
    process.close()


async def run(
    command: Sequence[str],
    *,
    give: bytes = b"",
    seconds: float = 20.0,
    extra: Mapping[str, str] | None = None,
    scrub: bool = True,
    user: int | None = None,
) -> Ended:
    """Run a command with ``give`` on its standard input; killed when its seconds are up.

    Whatever it started is ended with it. Without ``scrub`` it finds the environment of this
    process as it is; ``user`` is whose process it is, if not ours. Raises CannotJudgeError when
    it cannot be started.
    """
    added = dict(extra or {})
    variables = environment(**added) if scrub else {**os.environ, **added}
    process = await start(command, variables, user=user)
    out, err = Kept(), Kept()
    talking = asyncio.gather(
        _give(process.stdin, give), read(process.stdout, out), read(process.stderr, err)
    )
    code = None
    try:
        async with asyncio.timeout(seconds):
            code = await process.over()
    except TimeoutError:
        pass
    finally:
        process.end()
        await process.over()
        # What was said before the end is in the pipes. Who left the group may hold them open.
        await asyncio.wait([talking], timeout=LATE)
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
        process.close()
    return Ended(code, bytes(out), bytes(err))


async def _give(stream: asyncio.StreamWriter | None, octets: bytes) -> None:
    assert stream is not None
    # Who ends before it has read everything is judged by its end.
    with contextlib.suppress(OSError):
        stream.write(octets)
        await stream.drain()
    stream.close()


async def read(stream: asyncio.StreamReader | None, into: Kept) -> None:
    """Read a stream to its end."""
    assert stream is not None
    while piece := await stream.read(65536):
        into += piece
