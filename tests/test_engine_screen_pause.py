"""A client that is faster than its server waits, and loses nothing."""

import asyncio
from collections.abc import Iterator
from hashlib import sha256

import pytest

from letters import marking
from mitmail.engine import action
from mitmail.engine.screen import ROOM
from mitmail.engine.spec import Mode, SessionSpec
from plain_driver import PlainDriver
from talk import Side, Talk, TlsSide, identity, legs_up

LIMIT = 100_000
LINE = b"x" * 70 + b"\r\n"
ENVELOPE = b"EHLO me\r\nMAIL FROM:<a@customer.test>\r\nRCPT TO:<b@customer.test>\r\n"
SEGMENT = LINE * 900


def opened(mode: Mode = "plain") -> tuple[Talk, Side | TlsSide, Side | TlsSide]:
    """A client whose recipient has been accepted."""
    talk, client, server = legs_up("smtp", mode, "plain", screening=marking(limit=LIMIT))
    for command in ENVELOPE.splitlines(keepends=True):
        client.says(command)
        assert server.hears() == command
        server.says(b"250 ok\r\n")
    client.hears()
    return talk, client, server


def holds(talk: Talk) -> list[str]:
    """What was said about reading, in order."""
    kinds = (action.Pause, action.Resume)
    return [f"{type(x).__name__} {x.who}" for x in talk.actions if isinstance(x, kinds)]


def floods(talk: Talk, client: Side | TlsSide, segment: bytes = SEGMENT) -> bytes:
    """The client goes on until nobody reads any more; what it has said."""
    said = b""
    while not holds(talk) and len(said) < 10 * ROOM:
        client.says(segment)
        said += segment
    return said


def test_what_a_client_says_before_the_server_answers_data_is_not_lost() -> None:
    talk, client, server = opened()
    client.says(b"DATA\r\n")
    said = floods(talk, client)
    assert LIMIT < len(said) <= LIMIT + ROOM + 2 * len(SEGMENT)
    assert holds(talk) == ["Pause client"]
    assert server.hears() == b"DATA\r\n"
    server.says(b"354 go\r\n")
    assert holds(talk) == ["Pause client", "Resume client"]
    client.says(b".\r\n")
    assert server.hears() == said + b".\r\n"
    assert talk.session.error is None


def test_what_a_client_says_before_the_server_takes_a_chunk_is_not_lost() -> None:
    talk, client, server = opened("implicit")
    chunk = b"BDAT %d\r\n" % len(SEGMENT) + SEGMENT
    said = floods(talk, client, chunk)
    assert holds(talk) == ["Pause client"]
    heard = server.hears()
    while len(heard) < len(said) and heard.count(b"BDAT") < 100:
        server.says(b"250 ok\r\n")
        more = server.hears()
        assert more
        heard += more
    assert heard.count(LINE) == said.count(LINE)
    assert holds(talk) == ["Pause client", "Resume client"]


def test_pipelined_commands_wait_for_a_server_that_does_not_answer() -> None:
    talk, client, server = opened("implicit")
    client.says(b"DATA\r\nx\r\n.\r\n")
    floods(talk, client, b"NOOP\r\n" * 1000)
    assert holds(talk) == ["Pause client"]
    assert server.hears() == b"DATA\r\n"


@pytest.mark.parametrize("mode", ["plain", "implicit"])
def test_a_server_that_leaves_ends_the_session_of_a_client_that_waits(mode: Mode) -> None:
    talk, client, server = opened(mode)
    client.says(b"DATA\r\n")
    floods(talk, client)
    server.leaves()
    client.leaves()
    talk.passes(120)
    assert talk.session.over
    assert talk.session.error is None


def body() -> Iterator[bytes]:
    for number in range(500):
        yield (b"%060d\r\n" % number) * 1000


def test_a_fast_client_of_a_slow_server_is_served_over_real_sockets() -> None:
    """31 MB: the server answers DATA only when the client has to wait."""
    drivers: list[PlainDriver] = []
    heard, expected = sha256(), sha256()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail\r\n")
        while (line := await reader.readline()) != b"DATA\r\n":
            writer.write(b"250 ok\r\n" if line else b"")
        await drivers[0].paused.wait()
        writer.write(b"354 go\r\n")
        while (line := await reader.readline()) != b".\r\n":
            assert line
            heard.update(line)
        writer.write(b"250 queued\r\n221 bye\r\n")
        await reader.read(6)
        writer.close()

    async def run() -> bytes:
        spec = SessionSpec(
            protocol="smtp", client="plain", server="plain", screening=marking(limit=LIMIT),
            choose=lambda seen, sni: identity(),
        )  # fmt: skip
        async with (
            asyncio.timeout(60),
            await asyncio.start_server(serve, "127.0.0.1", 0) as mail,
        ):
            driver = PlainDriver(spec, mail.sockets[0].getsockname()[:2])
            drivers.append(driver)
            async with await asyncio.start_server(driver.run, "127.0.0.1", 0) as front:
                port = front.sockets[0].getsockname()[1]
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(ENVELOPE + b"DATA\r\n")
                for _ in range(5):
                    line = await reader.readline()
                assert line.startswith(b"354")
                for segment in body():
                    expected.update(segment)
                    writer.write(segment)
                    await writer.drain()
                writer.write(b".\r\nQUIT\r\n")
                said = await reader.read()
                writer.close()
                await driver.over.wait()
        assert driver.session.error is None
        return said

    assert asyncio.run(run()) == b"250 queued\r\n221 bye\r\n"
    assert heard.digest() == expected.digest()
