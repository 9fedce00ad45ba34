"""Fixtures of the tests with Thunderbird: the one that is warm."""

from collections.abc import Iterator

import pytest

from bench import need
from mitmail.judge.thunderbird.thunderbird import warm
from mitmail.judge.thunderbird.warm import Warm


@pytest.fixture(scope="module")
def client() -> Iterator[Warm]:
    """Thunderbird, which is ended when the module is through."""
    need("thunderbird")
    need("Xvfb")
    found = warm()
    assert found is not None
    yield found
    found.end()
