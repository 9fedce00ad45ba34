"""The catalogue, served as users serve it, and what every verifier here says of it."""

from collections.abc import Iterator

import pytest

from proof.hearing import Hearing
from serve.serving import ForProgram

READY = 120.0  # seconds; keys of 8192 bits are made on the first start


SHARES = {"quick": ("--set", "quick"), "all": ()}


@pytest.fixture(scope="session", params=["quick", pytest.param("all", marks=pytest.mark.long)])
def hearing(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hearing]:
    """``mitmail serve --all`` on free ports, until the tests are over."""
    share = SHARES[request.param]
    with ForProgram(tmp_path_factory.mktemp("catalogue"), "--all", *share) as serving:
        serving.line('"ready"', seconds=READY)
        hearing = Hearing(serving.ready)
        hearing.ask_all(hearing.verifiers)  # side by side: they mostly wait
        yield hearing
