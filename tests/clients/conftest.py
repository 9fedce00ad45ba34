"""Fixtures of the tests with real clients."""

from collections.abc import Iterator

import pytest

from clients.house import House


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for a module: mitmproxy allows one master in a process."""
    house = House(tmp_path_factory.mktemp("house"))
    yield house
    house.close()
