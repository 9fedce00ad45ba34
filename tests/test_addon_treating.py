"""Blocked, asked about, passed through: by mitmproxy and by hand, over real sockets."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mitmproxy import ctx

from mitmail.addon.addon import answer as answer_session
from mitmail.addon.proxy import Listener, Proxy
from mitmail.addon.route import Happening, Route
from mitmail.engine.session import Session
from mitmail.engine.spec import SessionSpec, Trust
from mitmail.interception import Block, PassThrough, Popup
from mitmail.pki.identity import Identity
from plain_driver import GREETING, PlainDriver, answer
from talk import NAME, blind, identity, root, served_by

OWN = identity(NAME, -9, -2)  # the server's: it has expired
COPY = identity(NAME, issuer="shield root")

type Address = tuple[str, int]
type Ask = Callable[[str, int], Awaitable[object]]
type Drive = Callable[[SessionSpec, Ask, str], Awaitable[Session]]


@asynccontextmanager
async def servers() -> AsyncIterator[tuple[Address, Address]]:
    """A mail server with TLS, and one in clear."""
    async with (
        await asyncio.start_server(answer, "127.0.0.1", 0, ssl=served_by(OWN)) as secured,
        await asyncio.start_server(answer, "127.0.0.1", 0) as clear,
    ):
        yield secured.sockets[0].getsockname()[:2], clear.sockets[0].getsockname()[:2]


async def by_hand(spec: SessionSpec, ask: Ask, host: str) -> Session:
    async with servers() as (secured, clear):
        family: Any = "ipv6" if ":" in host else "ipv4"
        driver = PlainDriver(spec, secured, behind=clear, family=family)
        async with await asyncio.start_server(driver.run, host, 0) as front:
            async with asyncio.timeout(20):
                await ask(host, front.sockets[0].getsockname()[1])
                await driver.over.wait()
        return driver.session


async def by_mitmproxy(spec: SessionSpec, ask: Ask, host: str) -> Session:
    ended: asyncio.Future[Session] = asyncio.get_running_loop().create_future()

    def observe(happening: Happening, number: int, session: Session) -> None:
        if happening == "end":
            ended.set_result(session)

    async with servers() as (secured, clear):
        proxy = await Proxy.start()
        route = Route(key="one", spec=spec, server=secured, behind=clear, observe=observe)
        try:
            ports = await proxy.open([Listener(route, host)])
            async with asyncio.timeout(20):
                await ask(host, ports["one"])
                return await ended
        finally:
            await proxy.stop()


def told(spec: SessionSpec, ask: Ask, host: str = "127.0.0.1") -> Session:
    """What the engine knows of one client, the same in both ways."""

    async def both() -> list[Session]:
        return [await by_hand(spec, ask, host), await by_mitmproxy(spec, ask, host)]

    one, other = asyncio.run(both())
    assert [(x.fact, x.details) for x in one.facts] == [(x.fact, x.details) for x in other.facts]
    assert one.verdict == other.verdict
    assert one.error == other.error
    return other


def shield(answer: Any, **orders: Any) -> SessionSpec:
    return SessionSpec(
        protocol="imap", client="implicit", server="implicit", choose=lambda seen, sni: answer,
        trust=Trust(name=NAME, roots=(root().certificate,)), **orders,
    )  # fmt: skip


DOOR = SessionSpec(
    protocol="imap", client="implicit", server="plain", choose=lambda seen, sni: OWN
)


async def logs_in(host: str, port: int) -> bytes | None:
    """A client that accepts anything; the certificate that it was shown."""
    reader, writer = await asyncio.open_connection(host, port, ssl=blind(), server_hostname=NAME)
    assert await reader.readline() == GREETING
    shown: ssl.SSLObject = writer.get_extra_info("ssl_object")
    for line in (b"a LOGIN x y\r\n", b"b LOGOUT\r\n"):
        writer.write(line)
        assert await reader.readline()
    await reader.read()
    writer.close()
    return shown.getpeercert(binary_form=True)


async def gets_the_servers_own(host: str, port: int) -> None:
    assert await logs_in(host, port) == OWN.leaf


@pytest.mark.parametrize("ending", ["close", "reset"])
def test_a_block_reaches_the_wire(ending: Any) -> None:
    expected = ConnectionResetError if ending == "reset" else ssl.SSLEOFError

    def begins_tls(host: str, port: int) -> None:
        with socket.create_connection((host, port), timeout=10) as connection:
            blind().wrap_socket(connection, server_hostname=NAME)

    async def is_cut_off(host: str, port: int) -> None:
        with pytest.raises(expected):  # asyncio tells the two apart no more
            await asyncio.to_thread(begins_tls, host, port)

    # A busy machine may be slower than the pause that a client is given to leave.
    session = told(shield(Block(ending), linger=15.0), is_cut_off)
    assert session.verdict is not None
    assert session.verdict.verdict == "none"


def test_a_client_is_led_to_the_server_itself() -> None:
    session = told(shield(PassThrough()), gets_the_servers_own)

    assert session.verdict is not None
    assert session.verdict.verdict == "none"
    assert session.upstream is not None
    assert session.upstream.errors == ("expired",)


def test_a_client_is_led_to_our_own_door() -> None:
    session = told(shield(PassThrough(), behind=DOOR), gets_the_servers_own)

    assert session.verdict is not None
    assert session.verdict.verdict == "accept"
    assert session.presented.identity is OWN


@pytest.mark.parametrize(("host", "leaf"), [("127.0.0.1", COPY), ("::1", OWN)])
def test_the_session_is_told_the_family_of_its_client(host: str, leaf: Identity) -> None:
    async def gets(host: str, port: int) -> None:
        assert await logs_in(host, port) == leaf.leaf

    told(shield(COPY, intercepting=lambda family: family == "ipv4"), gets, host)


def test_a_pop_up_is_told_at_once_and_answered_by_the_number_of_its_session() -> None:
    happenings: list[Happening] = []
    seen: list[bytes | None] = []

    async def ask() -> None:
        asked = asyncio.Event()

        def observe(happening: Happening, number: int, session: Session) -> None:
            happenings.append(happening)
            if happening == "popup":
                asked.set()

        async with servers() as (secured, _):
            proxy = await Proxy.start()
            spec = shield(Popup("?", 60.0, Block("close"), {"sign": COPY}))
            route = Route(key="one", spec=spec, server=secured, observe=observe)
            try:
                ports = await proxy.open([Listener(route, "127.0.0.1")])
                async with asyncio.timeout(20):
                    client = asyncio.ensure_future(logs_in("127.0.0.1", ports["one"]))
                    await asked.wait()
                    with pytest.raises(ValueError, match="answer with block, pass-through, sign"):
                        await answer_session(1, "yes")
                    with pytest.raises(ValueError, match="there is no session 2"):
                        await answer_session(2, "sign")
                    await answer_session(1, "sign")
                    seen.append(await client)
            finally:
                await proxy.stop()

    asyncio.run(ask())
    assert seen == [COPY.leaf]
    assert happenings == ["begin", "popup", "verdict", "end"]


def test_a_session_that_is_open_stays_as_it_began_when_its_port_changes() -> None:
    """The antivirus is switched on while a client is connected."""
    told: list[Any] = []

    async def ask() -> None:
        async with servers() as (secured, clear):
            proxy = await Proxy.start()
            try:
                bare = Route(key="one", spec=DOOR, server=clear)
                ports = await proxy.open([Listener(bare, "127.0.0.1")])
                where = ("127.0.0.1", ports["one"])
                async with asyncio.timeout(20):
                    reader, writer = await asyncio.open_connection(
                        *where, ssl=blind(), server_hostname=NAME
                    )
                    await reader.readline()
                    switched = Route(key="one", spec=shield(COPY), server=secured)
                    ctx.master.addons.get("mitmail").add([switched])
                    writer.write(b"a LOGIN x y\r\n")
                    told.append(await reader.readline())
                    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
                    told.extend([shown, await logs_in(*where)])
                    writer.close()
            finally:
                await proxy.stop()

    asyncio.run(ask())
    assert told == [b"a OK done\r\n", OWN.leaf, COPY.leaf]
