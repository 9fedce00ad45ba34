"""Listeners: loopback only, both families, one port."""

import asyncio
import socket

import pytest

from mitmail.addon.mode import PatientReader, bind


def test_loopback_means_both_families_on_one_port() -> None:
    sockets = bind("127.0.0.1", 0)
    try:
        addresses = [sock.getsockname()[:2] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()

    assert addresses[0][0] == "127.0.0.1"
    assert {port for _, port in addresses} == {addresses[0][1]}
    assert all(host in {"127.0.0.1", "::1"} for host, _ in addresses)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_port_that_is_taken_in_either_family_is_refused(family: socket.AddressFamily) -> None:
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.socket(family, socket.SOCK_STREAM) as taken:
        try:
            taken.bind((host, 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
        taken.listen(1)

        with pytest.raises(OSError, match="in use"):
            bind("127.0.0.1", taken.getsockname()[1])


def test_a_reset_does_not_swallow_what_was_read_before_it() -> None:
    """asyncio's own reader drops a late alert that lies in it when RST comes."""

    async def read() -> tuple[bytes, bytes]:
        reader = PatientReader(limit=1024)
        reader.feed_data(b"alert")
        reader.set_exception(ConnectionResetError())
        return await reader.read(100), await reader.read(100)

    assert asyncio.run(read()) == (b"alert", b"")


def test_a_paused_reader_gives_nothing_out_and_loses_nothing() -> None:
    async def read() -> tuple[bool, bytes]:
        reader = PatientReader()
        reader.pause()
        reader.feed_data(b"message")
        reading = asyncio.ensure_future(reader.read(100))
        for _ in range(10):
            await asyncio.sleep(0)
        waited = not reading.done()
        reader.pause(paused=False)
        return waited, await reading

    assert asyncio.run(read()) == (True, b"message")
