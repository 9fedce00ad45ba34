"""With every clock a year ahead, mitmail's and the verifier's, nothing changes.

Times in scenarios are relative to now: a catalogue that was made right once stays right. The
quick set stands for all of it here; ``make proof`` asks about every case.
"""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench import need
from mitmail.scenario import sets
from proof import panel
from proof.hearing import Hearing
from proof.process import pretending
from serve.serving import ForProgram

YEAR = timedelta(days=365)
# Each program's clock starts at the same moment below faketime, and mitmail's has run for a while
# when a verifier starts: what begins in a day must not begin in a day and a minute for it.
LEAD = timedelta(minutes=10)
READY = 60.0
pytestmark = pytest.mark.long
QUICK = ("--all", "--set", "quick")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clock")


@pytest.fixture(scope="module")
def today(home: Path) -> Iterator[Hearing]:
    with ForProgram(home, *QUICK) as serving:
        serving.line('"ready"', seconds=READY)
        yield Hearing(serving.ready)


@pytest.fixture(scope="module")
def ahead(home: Path) -> Iterator[Hearing]:
    need("faketime")
    at = datetime.now(UTC) + YEAR
    with ForProgram(home, *QUICK, through=pretending([], at)) as serving:
        serving.line('"ready"', seconds=READY)
        yield Hearing(serving.ready, at + LEAD)


@pytest.mark.parametrize("name", list(panel.PANEL))
def test_a_year_ahead_a_verifier_says_the_same(today: Hearing, ahead: Hearing, name: str) -> None:
    verifier = next((x for x in today.verifiers if x.name == name), None)
    if verifier is None:
        panel.lacks(name)
    now, then = today.ask(verifier), ahead.ask(verifier)
    assert set(then) <= set(sets.load("quick"))
    assert len(then) >= 20
    assert {x: word.verdict for x, word in then.items()} == {
        x: word.verdict for x, word in now.items()
    }
    otherwise = [
        x for x, word in then.items() if word.classes and not word.classes & now[x].classes
    ]
    assert otherwise == []


def test_mitmail_itself_lives_a_year_ahead(ahead: Hearing) -> None:
    """Else the test above compares today with today."""
    openssl = need("openssl")
    root = ahead.target("ok-direct-root").roots
    said = subprocess.run(
        [openssl, "x509", "-noout", "-startdate", "-in", root], capture_output=True, text=True
    ).stdout
    assert f" {(datetime.now(UTC) + YEAR - timedelta(days=1)).year} " in said
