"""A real clamd, and what stands in its place."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import clamd_process
from letters import CLEAN, INFECTED, attached
from mitmail.addon.clamd import Clamd
from mitmail.errors import CannotJudgeError, MitmailError
from mitmail.screening import Scanned


@pytest.fixture(scope="module")
def clamd() -> Iterator[clamd_process.Clamd]:
    with clamd_process.running() as running:
        yield running


def at(running: clamd_process.Clamd, how: str) -> Clamd:
    return Clamd.at(str(running.socket) if how == "socket" else f"127.0.0.1:{running.port}")


@pytest.mark.parametrize("how", ["socket", "tcp"])
@pytest.mark.parametrize("kind", [x for x in INFECTED if x != "nested"])
def test_clamd_finds_the_test_file(clamd: clamd_process.Clamd, kind: str, how: str) -> None:
    found = asyncio.run(at(clamd, how).scan(INFECTED[kind]()))
    assert found == Scanned(threat=clamd_process.NAME)


@pytest.mark.parametrize("mail", [CLEAN, b"", attached(b"x" * 1_000_000)], ids=len)
def test_clamd_finds_nothing_where_nothing_is(clamd: clamd_process.Clamd, mail: bytes) -> None:
    assert asyncio.run(at(clamd, "socket").scan(mail)) == Scanned()


def test_a_clamd_that_answers_is_one(clamd: clamd_process.Clamd) -> None:
    asyncio.run(at(clamd, "socket").check())
    asyncio.run(at(clamd, "tcp").check())


def test_what_is_too_large_for_clamd_was_not_scanned(clamd: clamd_process.Clamd) -> None:
    found = asyncio.run(at(clamd, "socket").scan(b"x" * 27 * 1024 * 1024))
    assert found.threat is None
    assert found.error is not None
    assert "size limit" in found.error or "StreamMaxLength" in found.error


def test_a_clamd_that_is_down_is_said_so(tmp_path: Path) -> None:
    nobody = Clamd.at(str(tmp_path / "socket"))
    assert asyncio.run(nobody.scan(CLEAN)).error == "No such file or directory"
    with pytest.raises(CannotJudgeError, match=r"no clamd answers at .*--clamd"):
        asyncio.run(nobody.check())


@pytest.mark.parametrize("said", ["localhost:x", "127.0.0.1:0", "192.0.2.1:3310"])
def test_a_place_where_no_clamd_of_this_machine_is_is_refused(said: str) -> None:
    with pytest.raises(MitmailError, match=f"--clamd {said}: "):
        Clamd.at(said)


async def answering(
    reply: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object],
) -> Scanned:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reply(reader, writer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        return await Clamd(("127.0.0.1", port)).scan(CLEAN * 1000)


@pytest.mark.parametrize("said", [b"", b"stream: ", b"nonsense\0", b"x" * 10_000, b"\xff\0"])
def test_an_odd_answer_is_none(said: bytes) -> None:
    found = asyncio.run(answering(lambda reader, writer: writer.write(said)))
    assert found.threat is None
    assert found.error
