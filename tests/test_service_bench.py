"""The bench: what the orders of ``mitmail serve`` come to."""

import asyncio
import socket
import ssl
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from cryptography import x509

from mitmail.addon.proxy import Proxy
from mitmail.errors import MitmailError
from mitmail.service.bench import open_in
from mitmail.service.orders import Orders, prepare


def constrained(orders: Orders, folder: Path) -> bool:
    """Whether the server's root may sign for test names and loopback only."""
    root = x509.load_pem_x509_certificate(prepare(orders, folder).root_file.read_bytes())
    found = [one.oid for one in root.extensions]
    return x509.NameConstraints.oid in found


@pytest.mark.parametrize(
    ("orders", "kept"),
    [
        (Orders(), True),
        (Orders(listen="127.0.0.2"), True),
        (Orders(listen="::1"), True),
        (Orders(listen="192.0.2.7"), False),
        (Orders(name="mail.example.com"), False),
        (Orders(ephemeral=True), False),
    ],
)
def test_only_a_constrained_root_is_kept(orders: Orders, kept: bool, tmp_path: Path) -> None:
    bench = prepare(orders, tmp_path)

    assert (bench.root_file.parent == bench.kept_in) == kept
    assert constrained(orders, tmp_path) == kept


def test_an_address_to_listen_on_does_not_change_the_case(tmp_path: Path) -> None:
    orders = Orders(scenario="wildcard-multi-level", listen="192.0.2.7")

    assert prepare(orders, tmp_path).plan.name == "imap.mail.customer.test"


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "*", "localhost"])
def test_listening_is_for_one_address(address: str, tmp_path: Path) -> None:
    with pytest.raises(MitmailError, match="--listen"):
        prepare(Orders(listen=address), tmp_path)


def test_an_upstream_that_is_ourselves_is_no_endless_loop(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One connection became 600 in three seconds."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    orders = Orders(
        antivirus="generic", upstreams=(f"imaps=127.0.0.1:{port}",),
        port_offset=port - 3993, ephemeral=True,
    )  # fmt: skip

    async def connect() -> None:
        async with AsyncExitStack() as stack, asyncio.timeout(20):
            # Other endpoints of this offset do not matter: only imaps is opened.
            await open_in(await Proxy.start(), orders, stack)
            with pytest.raises((ssl.SSLError, OSError)):
                await asyncio.open_connection("127.0.0.1", port, ssl=ssl.create_default_context())

    asyncio.run(connect())

    said = capsys.readouterr().out
    assert "session 1: none" in said
    assert "session 2" not in said
