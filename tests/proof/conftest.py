"""The whole catalogue, served as users serve it, and what every verifier here says of it."""

from collections.abc import Iterator

import pytest

from proof.hearing import Hearing
from serve.serving import ForProgram

READY = 120.0  # seconds; keys of 8192 bits are made on the first start


@pytest.fixture(scope="session")
def hearing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hearing]:
    """``mitmail serve --all`` on free ports, until the tests are over."""
    with ForProgram(tmp_path_factory.mktemp("catalogue"), "--all") as serving:
        serving.line('"ready"', seconds=READY)
        hearing = Hearing(serving.ready)
        hearing.ask_all(hearing.verifiers)  # side by side: they mostly wait
        yield hearing
