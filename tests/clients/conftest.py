"""Fixtures of the tests with real clients."""

from collections.abc import Iterator

import pytest

from bench import need
from clients import dovecot
from clients.house import House
from clients.sink import Sink


@pytest.fixture(scope="module")
def sink(house: House) -> Iterator[Sink]:
    """What Dovecot hands on."""
    sink = Sink()
    listener = house.run(sink.listen())
    yield sink
    listener.close()


@pytest.fixture(scope="module")
def server(sink: Sink) -> Iterator[dovecot.Dovecot]:
    """Dovecot, which hands what is submitted to it to the sink."""
    with dovecot.running(sink.port) as server:
        yield server


@pytest.fixture(autouse=True)
def _client_is_here(request: pytest.FixtureRequest) -> None:
    """Skip a cell whose client this machine lacks; in CI it fails."""
    callspec = getattr(request.node, "callspec", None)
    client = getattr(callspec.params.get("cell") if callspec else None, "client", "python")
    if client != "python":
        need(client)
