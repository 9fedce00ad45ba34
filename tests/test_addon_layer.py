"""mitmproxy carries out a session exactly as any other driver would."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from mitmail.addon.proxy import Listener, Proxy
from mitmail.addon.route import Happening, Route
from mitmail.engine.session import Session
from mitmail.engine.spec import SessionSpec
from mitmail.mailstore.server import Mailstore
from mitmail.mailstore.store import Store as MailStore
from mitmail.pki.certificate import pem
from mitmail.pki.store import Store
from mitmail.plan import Plan, make
from mitmail.scenario import loader
from plain_driver import PlainDriver

NAME = "mail.customer.test"

type Ask = Callable[[int], Awaitable[None]]
type Client = Callable[[str, int, ssl.SSLContext], Awaitable[None]]


async def lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *said: bytes) -> None:
    """Say each line when the answer to the last one is there."""
    for line in said:
        await reader.readline()
        writer.write(line)
    await reader.read()
    writer.close()


async def logs_in(host: str, port: int, context: ssl.SSLContext) -> None:
    streams = await asyncio.open_connection(host, port, ssl=context, server_hostname=NAME)
    await lines(*streams, b"a LOGIN x y\r\n", b"b LOGOUT\r\n")


async def refuses(host: str, port: int, context: ssl.SSLContext) -> None:
    context = ssl.create_default_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection(host, port, ssl=context, server_hostname=NAME)


async def speaks_http(host: str, port: int, context: ssl.SSLContext) -> None:
    streams = await asyncio.open_connection(host, port, ssl=context, server_hostname=NAME)
    await lines(*streams, b"GET / HTTP/1.1\r\n\r\n", b"b LOGOUT\r\n")


async def by_mitmproxy(
    spec: SessionSpec, store: Mailstore, ask: Callable[[int], Awaitable[None]]
) -> Session:
    ended: asyncio.Future[Session] = asyncio.get_running_loop().create_future()

    def observe(happening: Happening, number: int, session: Session) -> None:
        if happening == "end":
            ended.set_result(session)

    proxy = await Proxy.start()
    route = Route(key="one", spec=spec, server=("127.0.0.1", store.ports["imap"]), observe=observe)
    try:
        ports = await proxy.open([Listener(route, "127.0.0.1")])
        await ask(ports["one"])
        return await asyncio.wait_for(ended, 10)
    finally:
        await proxy.stop()


async def by_hand(
    spec: SessionSpec, store: Mailstore, ask: Callable[[int], Awaitable[None]]
) -> Session:
    driver = PlainDriver(spec, ("127.0.0.1", store.ports["imap"]))
    async with await asyncio.start_server(driver.run, "127.0.0.1", 0) as server:
        await ask(server.sockets[0].getsockname()[1])
        await asyncio.wait_for(driver.over.wait(), 10)
    return driver.session


def told(plan: Plan, client: Client, root: Path) -> list[Session]:
    """What the engine knows of one client, driven in both ways."""

    async def both() -> list[Session]:
        spec = SessionSpec(
            protocol="imap", client="implicit", server="plain", choose=plan.choose_door
        )

        async def ask(port: int) -> None:
            await client("127.0.0.1", port, ssl.create_default_context(cafile=root))

        async with Mailstore(MailStore("qa@customer.test", "secret")) as store:
            return [await by_hand(spec, store, ask), await by_mitmproxy(spec, store, ask)]

    return asyncio.run(both())


@pytest.mark.parametrize(
    ("client", "verdict"),
    [(logs_in, "accept"), (refuses, "reject"), (speaks_http, "none")],
)
def test_both_drivers_tell_the_same(client: Client, verdict: str, tmp_path: Path) -> None:
    plan = make(loader.find("healthy"), None, Store(None))
    root = tmp_path / "root.pem"
    root.write_bytes(pem(plan.server_roots[0]))

    one, other = told(plan, client, root)

    assert [(x.fact, x.details) for x in one.facts] == [(x.fact, x.details) for x in other.facts]
    assert one.verdict == other.verdict
    assert one.verdict is not None
    assert one.verdict.verdict == verdict


def test_who_listens_badly_does_not_leave_the_client_without_an_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[Happening] = []

    def observe(happening: Happening, number: int, session: Session) -> None:
        told.append(happening)
        raise OSError("no space left on device")

    async def ask() -> None:
        plan = make(loader.find("healthy"), None, Store(None))
        spec = SessionSpec(
            protocol="imap", client="implicit", server="plain", choose=plan.choose_door
        )
        context = ssl.create_default_context(cadata=pem(plan.server_roots[0]).decode())
        async with Mailstore(MailStore("x", "y")) as store:
            proxy = await Proxy.start()
            server = ("127.0.0.1", store.ports["imap"])
            try:
                route = Route(key="one", spec=spec, server=server, observe=observe)
                ports = await proxy.open([Listener(route, "127.0.0.1")])
                async with asyncio.timeout(10):
                    await logs_in("127.0.0.1", ports["one"], context)
            finally:
                await proxy.stop()

    asyncio.run(ask())

    assert told == ["begin", "verdict", "end"]
    assert "nobody could be told of its verdict" in caplog.text
