"""Fixtures of the tests with Thunderbird: a house to ask it into, and the one that is warm."""

from collections.abc import Iterator

import pytest

from bench import need
from clients.house import House
from mitmail.judge.thunderbird.thunderbird import Thunderbird, thunderbird


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for a module: mitmproxy allows one master in a process."""
    house = House(tmp_path_factory.mktemp("house"))
    yield house
    house.close()


@pytest.fixture(scope="module")
def client() -> Iterator[Thunderbird]:
    """Thunderbird, which is ended when the module is through."""
    need("thunderbird")
    need("Xvfb")
    found = thunderbird()
    assert found is not None
    assert found.warm is not None
    yield found
    found.warm.end()
