"""The demo: a client that fails a control proves nothing."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mitmail.endpoint import ENDPOINTS
from mitmail.engine.finding import Finding
from mitmail.judge.case import SERVER_ROOT, Case
from mitmail.judge.cell import Cell
from mitmail.judge.client import Said
from mitmail.judge.control import with_controls
from mitmail.judge.demo import cases
from mitmail.judge.outcome import Outcome, OutcomeWord
from mitmail.pki.store import Store
from mitmail.plan import make
from mitmail.scenario import loader, sets
from mitmail.scenario.matrix import HEALTHY

STORE = Store(None)


def cell(scenario: str, word: OutcomeWord, *, control: bool = False, client: str = "curl") -> Cell:
    """What came of one client in one case."""
    case = Case(make(loader.find(scenario), None, STORE), SERVER_ROOT, "any", control=control)
    said = Said("reject", None, 60, "")
    return Cell(case, "imaps", client, case.expect("imaps"), said, None, Outcome(word, "as told"))


@pytest.mark.parametrize("word", ["pass", "fail", "warn"])
@pytest.mark.parametrize("failed", ["fail", "error"])
def test_who_fails_the_healthy_server_is_not_judged_elsewhere(
    word: OutcomeWord, failed: OutcomeWord
) -> None:
    healthy, expired = with_controls([cell("healthy", failed), cell("expired", word)])

    assert (healthy.outcome.word, expired.outcome.word) == (failed, "error")


def test_what_a_client_gave_away_in_a_case_is_proven_whatever_its_control_says() -> None:
    finding = Finding("vulnerable", "sure", "LOGIN in clear", "a ***")
    hearing: Any = SimpleNamespace(sessions=[SimpleNamespace(finding=finding)])
    leaking = replace(cell("expired", "fail"), hearing=hearing)

    _, expired = with_controls([cell("healthy", "fail"), leaking])

    assert expired == leaking


def test_who_fails_a_scenarios_own_control_is_not_judged_in_that_scenario() -> None:
    """It may refuse hosting-wildcard for whatever it refuses under the right name too."""
    cells = [
        cell("hosting-wildcard", "pass"),
        cell("hosting-wildcard", "fail", control=True),
        cell("expired", "pass"),
        cell("healthy", "pass"),
    ]

    words = [one.outcome.word for one in with_controls(cells)]

    assert words == ["error", "fail", "pass", "pass"]


def test_another_client_or_endpoint_is_judged_as_it_was() -> None:
    failed = cell("healthy", "fail")
    others = [
        cell("expired", "pass", client="python"),
        replace(cell("expired", "pass"), endpoint="pop3"),
    ]

    assert with_controls([failed, *others])[1:] == others


def test_every_set_is_asked_with_the_healthy_server_first_and_once(tmp_path: Path) -> None:
    own = tmp_path / "mine.set"
    own.write_text("hosting-wildcard\nhealthy\n")

    asked = [one for one in cases(STORE, str(own)) if one.antivirus == "none"]

    assert [one.label for one in asked] == [
        HEALTHY,
        "hosting-wildcard",
        "hosting-wildcard as srv07.hoster.test",
    ]


def test_every_certificate_case_of_the_quick_set_is_asked_in_both_modes() -> None:
    asked = {one.plan.scenario.id: one.plan.scenario for one in cases(STORE, "quick")}

    assert set(asked) == {HEALTHY, *sets.load("quick")}
    for scenario in asked.values():
        assert set(scenario.endpoints) == set(ENDPOINTS), scenario.id


def test_the_demo_needs_no_pytest() -> None:
    """It comes with an extra; the demo is for whoever has just installed mitmail."""
    program = (
        "import sys\n"
        "sys.modules |= {'pytest': None, '_pytest': None, 'xdist': None}\n"
        "import mitmail.cli.demo, mitmail.judge.demo, mitmail.judge.driver, mitmail.judge.modes\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )

    assert (run.returncode, run.stderr) == (0, "")
