"""Ends and segments as they reach the wire, by mitmproxy and by hand: a raw client tells."""

import asyncio
import socket
import ssl
import struct
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from mitmail.addon.proxy import Listener, Proxy
from mitmail.addon.route import Happening, Route
from mitmail.engine.session import Session
from mitmail.engine.spec import SessionSpec
from mitmail.manner import Instead, Manner
from mitmail.pki.identity import Identity
from mitmail.service.record import _presented
from plain_driver import GREETING, answer, serve
from talk import NAME, blind, hello, identity, key

type Ask = Callable[[int], Awaitable[object]]
type Drive = Callable[[SessionSpec, Ask], Session]

TCP_INFO = 11  # of linux/tcp.h, which Python names on Linux only
HTTP = b"HTTP/1.1 400 Bad Request\r\n\r\n"


def by_mitmproxy(spec: SessionSpec, ask: Ask) -> Session:
    """Serve one session in mitmproxy to whoever ``ask`` lets connect to this port."""

    async def run() -> Session:
        ended: asyncio.Future[Session] = asyncio.get_running_loop().create_future()

        def observe(happening: Happening, number: int, session: Session) -> None:
            if happening == "end":
                ended.set_result(session)

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as mail:
            server = mail.sockets[0].getsockname()[:2]
            proxy = await Proxy.start()
            route = Route(key="one", spec=spec, server=server, observe=observe)
            try:
                ports = await proxy.open([Listener(route, "127.0.0.1")])
                async with asyncio.timeout(20):
                    await ask(ports["one"])
                    return await ended
            finally:
                await proxy.stop()

    return asyncio.run(run())


DRIVERS = pytest.mark.parametrize("drive", [serve, by_mitmproxy], ids=["by-hand", "by-mitmproxy"])


def spec(presented: Identity | None = None, **orders: Any) -> SessionSpec:
    return SessionSpec(
        protocol="imap", client="implicit", server="plain", choose=lambda upstream, sni: presented,
        **orders,
    )  # fmt: skip


def like(**manner: Any) -> Identity:
    return replace(identity(), manner=Manner(**manner))


def raw(port: int, said: bytes) -> tuple[bytes, str]:
    """Connect, say this, and read to the end: what was heard, and how it ended."""
    heard = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            sock.sendall(said)
            while octets := sock.recv(65536):
                heard += octets
    except ConnectionResetError:
        return heard, "reset"
    return heard, "end"


def heard_by_a_raw_client(drive: Drive, orders: SessionSpec, said: bytes) -> Any:
    found: list[Any] = []

    async def ask(port: int) -> None:
        found.append(await asyncio.to_thread(raw, port, said))

    session = drive(orders, ask)
    assert session.verdict is not None
    return *found[0], session.verdict.reason


@DRIVERS
@pytest.mark.parametrize(("then", "end"), [("close", "end"), ("reset", "reset")])
@pytest.mark.parametrize("octets", [b"", HTTP])
def test_the_connection_ends_as_the_manner_says(
    octets: bytes, then: Any, end: str, drive: Drive
) -> None:
    orders = spec(like(instead=Instead(octets=octets, then=then)))
    assert heard_by_a_raw_client(drive, orders, hello()) == (octets, end, "transport")


@DRIVERS
def test_an_opening_reaches_a_client_that_says_nothing(drive: Drive) -> None:
    orders = spec(opening=Instead(when="connected", octets=GREETING))
    assert heard_by_a_raw_client(drive, orders, b"") == (GREETING, "end", "transport")


@DRIVERS
def test_an_opening_may_be_a_reset(drive: Drive) -> None:
    orders = spec(opening=Instead(when="connected", then="reset"))
    assert heard_by_a_raw_client(drive, orders, b"") == (b"", "reset", "transport")


@DRIVERS
def test_who_stalls_keeps_the_connection_until_the_deadline(drive: Drive) -> None:
    orders = spec(like(instead=Instead(then="stall")), deadline=0.5)
    assert heard_by_a_raw_client(drive, orders, hello()) == (b"", "end", None)


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO counts segments on Linux")
@DRIVERS
@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_the_server_speaks_in_segments_of_seven_octets(version: str, drive: Drive) -> None:
    counts: list[tuple[int, int]] = []

    def count(port: int) -> None:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as sock,
            blind(version).wrap_socket(sock, server_hostname=NAME) as tls,
        ):
            tls.sendall(b"a LOGIN qa secret\r\n")
            while b"a OK" not in tls.recv(65536):
                pass
            # tcpi_bytes_received at 128, tcpi_data_segs_in at 152
            info = tls.getsockopt(socket.IPPROTO_TCP, TCP_INFO, 160)
            counts.append(
                (*struct.unpack_from("Q", info, 128), *struct.unpack_from("I", info, 152))
            )

    async def ask(port: int) -> None:
        await asyncio.to_thread(count, port)

    session = drive(spec(like(segment_size=7)), ask)
    assert session.verdict is not None
    assert session.verdict.verdict == "accept"
    ((octets, segments),) = counts
    assert octets > 600
    assert segments >= octets / 7


@DRIVERS
def test_a_chain_without_certificates_is_served_and_told_of(drive: Drive) -> None:
    async def ask(port: int) -> None:
        with pytest.raises(ssl.SSLError):
            await asyncio.open_connection("127.0.0.1", port, ssl=blind(), server_hostname=NAME)

    session = drive(spec(Identity((), key())), ask)
    assert session.verdict is not None
    assert session.verdict.verdict == "reject"
    assert session.error is None
    assert _presented(session) == {"leaf_sha256": None, "issuer": None, "chain": 0}
