"""Hosts to look at, on loopback: they speak with the standard library's TLS, or none at all."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from mitmail.diagnose.link import Deadlines
from mitmail.diagnose.lookup import NameServer
from mitmail.diagnose.reach import Errand, Starttls, reach
from mitmail.diagnose.reached import Reached
from mitmail.diagnose.target import Target
from mitmail.endpoint import MailProtocol
from mitmail.pki.certificate import pem
from mitmail.pki.key import pem as key_pem
from talk import DAY, GREETING, NAME, NOW, key, root

LOOPBACK = "127.0.0.1"
ISSUER = "mitmail test root"
# Loopback answers at once, but not on a busy machine.
PATIENT = Deadlines(connect=5, greeting=5, handshake=5, silence=0.2, answer=0.2, dns=0.5, whole=30)
HASTY = replace(PATIENT, greeting=0.3, handshake=0.3)
NO_DNS = NameServer(LOOPBACK, 1)  # nobody is there

type Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@cache
def leaf(*names: str, until: int = 30, issuer: str = ISSUER) -> bytes:
    """A leaf for these names, valid until so many days from now."""
    return root(issuer).leaf(
        key(), names=names, not_before=NOW - 20 * DAY, not_after=NOW + until * DAY
    )


def serving(folder: Path, *chain: bytes) -> ssl.SSLContext:
    """A server's context with this chain."""
    file = folder / f"{hash(chain)}.pem"
    file.write_bytes(b"".join(map(pem, chain)) + key_pem(key()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@dataclass
class Mail:
    """A mail server of one protocol; ``heard`` is all that its clients said in clear or in TLS.

    ``tls`` is what STARTTLS leads to; ``offers`` whether it is announced, ``refusal`` what it is
    answered with instead. ``behind`` is said behind the go-ahead.
    """

    protocol: MailProtocol = "imap"
    tls: ssl.SSLContext | None = None
    offers: bool = True
    refusal: bytes = b""
    behind: bytes = b""
    heard: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING[self.protocol])
        with suppress(ConnectionError, ssl.SSLError):
            while line := await reader.readline():
                self.heard.append(line)
                words = line.upper().split()
                if b"STARTTLS" in words or b"STLS" in words:
                    if self.refusal or self.tls is None:
                        writer.write(self.refusal)
                        continue
                    writer.write(self._ok(line) + self.behind)
                    await writer.start_tls(self.tls)
                elif words[-1] in (b"QUIT", b"LOGOUT"):
                    writer.write(b"* BYE\r\n" * (words[-1] == b"LOGOUT") + self._ok(line))
                    break
                else:
                    writer.write(self._offer(line))
        writer.close()

    def _ok(self, line: bytes) -> bytes:
        tag = line.split()[0]
        return {"imap": tag + b" OK go\r\n", "pop3": b"+OK go\r\n", "smtp": b"220 go\r\n"}[
            self.protocol
        ]

    def _offer(self, line: bytes) -> bytes:
        tag, word = line.split()[0], b" STARTTLS" * self.offers
        return {
            "imap": b"* CAPABILITY IMAP4rev1" + word + b"\r\n" + tag + b" OK done\r\n",
            "pop3": b"+OK\r\nUSER\r\n" + b"STLS\r\n" * self.offers + b".\r\n",
            "smtp": b"250-mail\r\n" + b"250-STARTTLS\r\n" * self.offers + b"250 SIZE\r\n",
        }[self.protocol]


def saying(octets: bytes, *, then_waits: bool = True, reads: bool = False) -> Handler:
    """A server that says this, first or once it is spoken to, and then nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            if reads:
                await reader.read(1)
            writer.write(octets)
            await writer.drain()
            if then_waits:
                while await reader.read(4096):
                    pass
        writer.close()

    return serve


@dataclass(frozen=True)
class Shop:
    """One server: who serves at which address, and its TLS where that begins at once."""

    serve: Handler
    tls: ssl.SSLContext | None = None
    host: str = LOOPBACK


@asynccontextmanager
async def opened(*shops: Shop) -> AsyncIterator[int]:
    """All of them at one port, which is given."""
    async with AsyncExitStack() as stack:
        port = 0
        for shop in shops:
            server = await asyncio.start_server(shop.serve, shop.host, port, ssl=shop.tls)
            stack.callback(server.close_clients)
            await stack.enter_async_context(server)
            port = server.sockets[0].getsockname()[1]
        yield port


def looked_at(
    *shops: Shop,
    host: str = LOOPBACK,
    name: str | None = NAME,
    starttls: Starttls = "auto",
    deadlines: Deadlines = PATIENT,
    dns: NameServer = NO_DNS,
    roots: Sequence[str] = (ISSUER,),
) -> Reached:
    """What comes of going there."""

    async def go() -> Reached:
        async with opened(*shops) as port:
            errand = Errand(
                name=name, starttls=starttls, deadlines=deadlines, system=False, dns=dns,
                roots=tuple(root(each).certificate for each in roots),
            )  # fmt: skip
            return await reach(Target(host, port), errand)

    return asyncio.run(go())
