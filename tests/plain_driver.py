"""A driver of the engine without mitmproxy: what any host of a session has to do."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from bench import clean_environment, need
from mitmail.engine import action
from mitmail.engine.action import Action, Who
from mitmail.engine.session import Session
from mitmail.engine.spec import Identity, SessionSpec
from mitmail.interception import Family


class PlainDriver:
    """Carries out one session between a client's streams and a server's address."""

    def __init__(
        self,
        spec: SessionSpec,
        server: tuple[str, int],
        *,
        behind: tuple[str, int] | None = None,
        family: Family = "ipv4",
    ) -> None:
        self.session = Session(spec)
        self.over = asyncio.Event()
        self._server = server
        self._behind = behind or server
        self._family = family
        self._reading: asyncio.Task[None] | None = None
        self._writers: dict[Who, asyncio.StreamWriter] = {}
        self.paused = asyncio.Event()  # the client has been, once
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until its session is over."""
        self._writers["client"] = writer
        self._carry_out(self.session.start(self._family))
        self._spawn(self._read("client", reader))
        await self.over.wait()
        for task in self._tasks:
            task.cancel()
        for open_writer in self._writers.values():
            open_writer.close()

    async def _read(self, who: Who, reader: asyncio.StreamReader) -> None:
        while octets := await reader.read(65536):
            self._carry_out(self.session.data(who, octets))
            for writer in [*self._writers.values()]:
                with suppress(ConnectionError):
                    await writer.drain()
            if who == "client":
                await self._flowing.wait()
        self._carry_out(self.session.eof(who))

    async def _connect(self, address: tuple[str, int]) -> None:
        try:
            reader, self._writers["server"] = await asyncio.open_connection(*address)
        except OSError as error:
            self._carry_out(self.session.connected(str(error)))
            return
        self._carry_out(self.session.connected(None))
        self._reading = self._spawn(self._read("server", reader))

    def _carry_out(self, actions: list[Action]) -> None:
        loop = asyncio.get_running_loop()
        for one in actions:
            match one:
                case action.Send(who, octets):
                    self._writers[who].write(octets)
                case action.Connect(behind):
                    self._spawn(self._connect(self._behind if behind else self._server))
                case action.Close("server") if not self.session.over:
                    self._let_go()
                case action.HalfClose(who):
                    with suppress(OSError):  # it was reset meanwhile, as mitmproxy takes it
                        self._writers[who].write_eof()
                case action.Reset(who):
                    self._reset(self._writers[who])
                case action.Pause():
                    self.paused.set()
                    self._flowing.clear()
                case action.Resume():
                    self._flowing.set()
                case action.SetTimer(name, seconds):
                    loop.call_later(
                        seconds, lambda n: self._carry_out(self.session.timer(n)), name
                    )
        if self.session.over:
            self.over.set()

    def _let_go(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._writers.pop("server").close()

    def _reset(self, writer: asyncio.StreamWriter) -> None:
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    def _ring(self, timer: str) -> None:
        self._carry_out(self.session.timer(timer))

    def _spawn(self, coroutine: "asyncio._CoroutineLike[None]") -> asyncio.Task[None]:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        return task


GREETING = b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be an IMAP server that says OK to everything."""
    writer.write(GREETING)
    with suppress(ConnectionError):
        while line := await reader.readline():
            tag, _, rest = line.partition(b" ")
            bye = b"* BYE\r\n" if rest[:6].upper() == b"LOGOUT" else b""
            writer.write(bye + tag + b" OK done\r\n")
            if bye:
                break
    writer.close()


@dataclass
class Served:
    """One session that was served over real sockets, and what its client printed."""

    session: Session
    said: bytes
    code: int | None

    @property
    def verdict(self) -> tuple[str, str, str | None, int | None]:
        """Verdict, certainty, reason, alert."""
        found = self.session.verdict
        assert found is not None, "there is no verdict"
        return found.verdict, found.certainty, found.reason, found.alert


def serve(spec: SessionSpec, ask: Callable[[int], Awaitable[object]]) -> Session:
    """Serve one session to whoever ``ask`` lets connect to this port, until it is over."""

    async def run() -> Session:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as mail:
            driver = PlainDriver(spec, mail.sockets[0].getsockname()[:2])
            async with await asyncio.start_server(driver.run, "127.0.0.1", 0) as front:
                async with asyncio.timeout(20):
                    await ask(front.sockets[0].getsockname()[1])
                    await driver.over.wait()
        return driver.session

    return asyncio.run(run())


def serve_program(spec: SessionSpec, *command: str, give: bytes = b"") -> Served:
    """Serve one session to a program; ``{port}`` in its words becomes the port."""
    ran: list[tuple[bytes, int | None]] = []

    async def ask(port: int) -> None:
        program = await asyncio.create_subprocess_exec(
            *(word.replace("{port}", str(port)) for word in command),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT, env=clean_environment(LC_ALL="C"),
        )  # fmt: skip
        said, _ = await program.communicate(give)
        ran.append((said, program.returncode))

    return Served(serve(spec, ask), *ran[0])


NAME = "mail.customer.test"
LOGIN = b"a LOGIN qa secret\nb LOGOUT\n"


def presenting(identity: Identity) -> SessionSpec:
    """An implicit-TLS IMAP session that presents this, to a client that answers at once."""
    return SessionSpec(
        protocol="imap", client="implicit", server="plain",
        choose=lambda upstream, sni: identity, deadline=5.0,
    )  # fmt: skip


def ask_openssl(identity: Identity, *words: str, give: bytes = LOGIN) -> Served:
    """What openssl s_client makes of it; it verifies, says so, and goes on."""
    return serve_program(
        presenting(identity), need("openssl"), "s_client", "-connect", "127.0.0.1:{port}",
        "-servername", NAME, "-crlf", "-ign_eof", *words, give=give,
    )  # fmt: skip


def ask_gnutls(identity: Identity, *words: str, give: bytes = LOGIN) -> Served:
    """What gnutls-cli makes of it; what it cannot verify it lets pass."""
    return serve_program(
        presenting(identity), need("gnutls-cli"), "--port", "{port}", "--sni-hostname", NAME,
        "--no-ca-verification", *words, "127.0.0.1", give=give,
    )  # fmt: skip
