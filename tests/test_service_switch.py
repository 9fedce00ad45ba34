"""A service shows another plan where one is served: nothing that runs is cut off."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from mitmail.addon.proxy import Proxy
from mitmail.errors import MitmailError
from mitmail.mailstore.seed import seed
from mitmail.mailstore.server import Mailstore
from mitmail.mailstore.store import Store as MailStore
from mitmail.pki.store import Store
from mitmail.plan import Plan, make
from mitmail.plan.server import utc_now
from mitmail.scenario import loader
from mitmail.service.record import Served
from mitmail.service.service import Service

SECONDS, USER, PASSWORD = 20, "qa@customer.test", "Pass-4711"
STORE = Store(None)


def plan(scenario: str, antivirus: str | None = None) -> Plan:
    vendor = None if antivirus is None else loader.find_vendor(antivirus)
    return make(loader.find(scenario), vendor, STORE, constrained=False)


def nobody(*told: object) -> None:
    pass


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Service, Proxy]]:
    mail = MailStore(USER, PASSWORD, messages=seed(USER, utc_now()))
    async with Mailstore(mail) as mailstore:
        proxy = await Proxy.start()
        try:
            yield Service(proxy, mailstore), proxy
        finally:
            await proxy.stop()


def run(work: Callable[[Service, Proxy], Coroutine[Any, Any, None]]) -> None:
    async def all_of_it() -> None:
        async with serving() as (service, proxy), asyncio.timeout(SECONDS):
            await work(service, proxy)

    asyncio.run(all_of_it())


class Client:
    """A connection of implicit TLS that looks at the certificate, and goes on."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, served: Served) -> "Client":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        found = cls(*await asyncio.open_connection(served.host, served.port, ssl=context))
        assert (await found._reader.readline()).startswith(b"* OK")
        return found

    @property
    def leaf(self) -> bytes:
        certificate = self._writer.get_extra_info("ssl_object").getpeercert(True)
        assert isinstance(certificate, bytes)
        return certificate

    async def ask(self, line: bytes) -> bytes:
        self._writer.write(line + b"\r\n")
        while not (answer := await self._reader.readline()).startswith(line[:2]):
            assert answer, "the connection has ended"
        return answer

    async def leave(self) -> None:
        await self.ask(b"z LOGOUT")
        self._writer.close()
        await self._reader.read()


async def leaf_of(served: dict[str, Served]) -> bytes:
    client = await Client.connect(served["imaps"])
    leaf = client.leaf
    await client.leave()
    return leaf


async def opens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:  # refused, or reset while it was closing
        return False
    writer.close()
    return True


async def until(condition: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    while not await condition():
        await asyncio.sleep(0)


def door_of(proxy: Proxy, endpoint: str) -> int:
    """The port of the newest door of an endpoint, which nobody is told of."""
    routes = proxy._addon._routes
    key = max(x for x in routes if x.startswith("front-") and x.endswith(f"-{endpoint}"))
    assert routes[key].to_door
    return int(routes[key].server[1])


def test_what_lies_behind_stays_open_for_as_long_as_a_session_needs_it() -> None:
    async def work(service: Service, proxy: Proxy) -> None:
        served = await service.open(plan("healthy", "norton"), nobody, only="imaps")
        door = door_of(proxy, "imaps")
        running = await Client.connect(served["imaps"])

        now = await service.switch(served, plan("healthy"), nobody)
        assert now["imaps"].port == served["imaps"].port
        assert await opens(door), "its session still runs"
        assert (await running.ask(b"a NOOP")).startswith(b"a OK")
        await running.leave()

        async def closed() -> bool:
            return not await opens(door)

        await until(closed)
        await (await Client.connect(now["imaps"])).leave()

    run(work)


def test_a_session_that_has_not_reached_its_door_yet_still_does() -> None:
    """It was admitted, and everything behind its port changed before it had dialled."""

    async def work(service: Service, proxy: Proxy) -> None:
        shielded, other = plan("healthy", "norton"), plan("expired", "generic")
        routes = proxy._addon._routes
        elsewhere = await service.open(other, nobody, only="imaps")
        later = next(x for key, x in routes.items() if key.startswith("front-"))

        def at_once(happening: str, *told: object) -> None:
            if happening == "begin":  # its octets are here, and its door is not dialled
                front = next(x for x in routes if x.startswith("front-") and x != later.key)
                proxy.replace([replace(later, key=front)])

        served = await service.open(shielded, at_once, only="imaps")
        first = await Client.connect(served["imaps"])
        second = await Client.connect(served["imaps"])
        third = await Client.connect(elsewhere["imaps"])
        assert issuer(first.leaf) == issuer_of(shielded)
        assert second.leaf == third.leaf != first.leaf
        for client in (first, second, third):
            await client.leave()

    run(work)


def issuer(leaf: bytes) -> x509.Name:
    return x509.load_der_x509_certificate(leaf).issuer


def issuer_of(shielded: Plan) -> x509.Name:
    assert shielded.antivirus_root is not None
    return x509.load_der_x509_certificate(shielded.antivirus_root.certificate).subject


def test_many_switches_leave_nothing_behind() -> None:
    async def work(service: Service, proxy: Proxy) -> None:
        shown = [plan("healthy", "norton"), plan("expired"), plan("expired", "generic")]
        served = await service.open(shown[0], nobody)
        opened = len(proxy._ours)
        for number in range(5):
            served = await service.switch(served, shown[number % 3], nobody)
            await (await Client.connect(served["imaps"])).leave()
        served = await service.switch(served, shown[0], nobody)

        async def tidy() -> bool:
            return len(proxy._ours) == opened

        await until(tidy)
        await service.close(served)
        assert len(proxy._ours) == 0

    run(work)


def test_a_plan_that_cannot_be_shown_leaves_all_as_it_was(tmp_path: Path) -> None:
    file = Path(str(loader.files()["close-on-connect"]))
    text = file.read_text().replace("[imaps, pop3s, smtps]", "[imap]")
    assert "endpoints: [imap]" in text
    (tmp_path / "nobody.yaml").write_text(text)
    nowhere = make(loader.load(tmp_path / "nobody.yaml"), None, STORE, constrained=False)

    async def work(service: Service, proxy: Proxy) -> None:
        served = await service.open(plan("healthy", "norton"), nobody)
        before = await leaf_of(served)
        open_before = len(proxy._ours)
        with pytest.raises(MitmailError, match="no endpoint is left"):
            await service.switch(served, nowhere, nobody)
        assert await leaf_of(served) == before
        assert len(proxy._ours) == open_before

    run(work)
