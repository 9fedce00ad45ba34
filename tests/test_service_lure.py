"""A referral in clear leads to a lure: who follows it is vulnerable, and nobody else is."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from mitmail.addon.proxy import Proxy
from mitmail.addon.route import Happening
from mitmail.engine.finding import Finding
from mitmail.engine.session import Session
from mitmail.mailstore.seed import seed
from mitmail.mailstore.server import Mailstore
from mitmail.mailstore.store import Store as MailStore
from mitmail.pki.store import Store
from mitmail.plan import make
from mitmail.scenario import loader
from mitmail.service.place import Place
from mitmail.service.record import Served
from mitmail.service.service import Service

REFERRAL = re.compile(rb"t NO \[REFERRAL IMAP://qa;AUTH=\*@(\[?[\d.:a-f]+\]?):(\d+)/\] .*\r\n")


@dataclass
class Seen:
    """What our side saw of a client: the findings of its sessions, by port."""

    imap: Served
    sessions: asyncio.Queue[tuple[int, Finding | None]]
    close: Callable[[], Coroutine[None, None, None]]

    async def finding(self) -> tuple[int, Finding | None]:
        """The next session that is over."""
        return await asyncio.wait_for(self.sessions.get(), 10)


class Client:
    """A client of IMAP, a line at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def asks(self, line: bytes) -> bytes:
        """Say a line; the tagged reply to it."""
        self.writer.write(line + b"\r\n")
        while not (heard := await self.reader.readline()).startswith(line.split()[0]):
            assert heard, "the server has gone"
        return heard


@asynccontextmanager
async def connected(host: str, port: int) -> AsyncIterator[Client]:
    async with asyncio.timeout(10):
        client = Client(*await asyncio.open_connection(host, port))
        assert (await client.reader.readline()).startswith(b"* OK")
        yield client
        client.writer.close()
        await client.writer.wait_closed()


@asynccontextmanager
async def referring(host: str = "127.0.0.1") -> AsyncIterator[Seen]:
    """The endpoint of a server that refers its clients elsewhere."""
    plan = make(loader.load(loader.shipped()["imap-login-referral-no"]), None, Store(None))
    mail = MailStore("qa@customer.test", "s3cret", messages=seed("qa@customer.test"))
    proxy = await Proxy.start()
    ended: asyncio.Queue[tuple[int, Finding | None]] = asyncio.Queue()

    def observe(happening: Happening, served: Served, number: int, session: Session) -> None:
        if happening == "end":
            ended.put_nowait((served.port, session.finding))

    try:
        async with Mailstore(mail) as store:
            service = Service(proxy, store)
            served = await service.open(plan, observe, place=Place(host=host), only="imap")
            yield Seen(served["imap"], ended, lambda: service.close(served))
    finally:
        await proxy.stop()


async def referred(client: Client) -> tuple[str, int]:
    """Where the server sends a client that asks for STARTTLS."""
    found = REFERRAL.fullmatch(await client.asks(b"t STARTTLS"))
    assert found
    return found[1].decode().strip("[]"), int(found[2])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_who_follows_the_referral_is_vulnerable(host: str) -> None:
    async def follow() -> None:
        async with referring(host) as seen:
            async with connected(host, seen.imap.port) as client:
                where = await referred(client)
            port, finding = await seen.finding()
            assert port == seen.imap.port
            assert finding is not None
            assert finding.finding == "aborted"

            assert where[0] == host
            async with connected(*where) as client:
                reply = await client.asks(b"a LOGIN qa@customer.test s3cret")
                assert reply.startswith(b"a OK")
            port, finding = await seen.finding()
            assert port == where[1] != seen.imap.port
            assert finding is not None
            assert (finding.finding, finding.certainty) == ("vulnerable", "sure")
            assert finding.evidence == "the client followed a referral that came in clear"
            assert finding.trace == "a LOGIN ***"

    asyncio.run(follow())


def test_who_does_not_follow_is_not_vulnerable() -> None:
    async def stay() -> None:
        async with referring() as seen:
            async with connected("127.0.0.1", seen.imap.port) as client:
                await referred(client)
                assert (await client.asks(b"u LOGOUT")).startswith(b"u OK")
            port, finding = await seen.finding()
            assert port == seen.imap.port
            assert finding is not None
            assert (finding.finding, finding.certainty) == ("aborted", "sure")
            assert seen.sessions.empty()

    asyncio.run(stay())


def test_the_lure_is_closed_with_its_endpoint() -> None:
    async def close() -> None:
        async with referring() as seen:
            async with connected("127.0.0.1", seen.imap.port) as client:
                where = await referred(client)
            await seen.close()
            for port in (where[1], seen.imap.port):
                with pytest.raises(ConnectionRefusedError):
                    await asyncio.open_connection("127.0.0.1", port)

    asyncio.run(close())
