"""Fixtures of the tests with Thunderbird: a house to ask it into, and the one that is warm."""

from collections.abc import Iterator

import pytest

from bench import need
from clients.house import House
from mitmail.judge.thunderbird.thunderbird import warm
from mitmail.judge.thunderbird.warm import Warm


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for a module: mitmproxy allows one master in a process."""
    house = House(tmp_path_factory.mktemp("house"))
    yield house
    house.close()


@pytest.fixture(scope="module")
def client() -> Iterator[Warm]:
    """Thunderbird, which is ended when the module is through."""
    need("thunderbird")
    need("Xvfb")
    found = warm()
    assert found is not None
    yield found
    found.end()
