"""A cell: who says that it was left has refused only where that was seen."""

from types import SimpleNamespace
from typing import Any

import pytest

from mitmail.engine.verdict import Verdict
from mitmail.judge import driver
from mitmail.judge.bench import Hearing
from mitmail.judge.case import SERVER_ROOT, Case
from mitmail.judge.cell import judged
from mitmail.judge.client import Said
from mitmail.judge.reason import left
from mitmail.pki.store import Store
from mitmail.plan import make
from mitmail.scenario import loader

CASE = Case(make(loader.find("expired"), None, Store(None)), SERVER_ROOT, "any")
LEFT = left(1, "read: timed out")
REFUSED = Verdict("reject", "sure", "an alert", "expired", 45)


def outcome(said: Said, *verdicts: Verdict) -> str:
    sessions: Any = [SimpleNamespace(verdict=x, error=None, finding=None) for x in verdicts]
    served: Any = None
    hearing = Hearing(said=said, served=served, sessions=sessions, seconds=1.0)
    return judged(hearing, driver.command(["true"]), CASE, "imaps").outcome.word


def test_an_alert_about_the_certificate_is_a_refusal_whatever_else_is_said() -> None:
    assert outcome(LEFT, REFUSED) == "pass"
    assert outcome(Said("error", None, 1, "login failed"), REFUSED) == "error"


@pytest.mark.parametrize(
    "verdicts",
    [
        [Verdict("reject", "sure", "closed")],
        [Verdict("reject", "suspected", "closed")],
        [Verdict("reject", "sure", "an alert", None, 40)],
        [REFUSED, Verdict("hang", "sure", "silent")],
        [Verdict("hang", "sure", "silent")],
        [REFUSED, Verdict("accept", "sure", "LOGIN")],
    ],
)
def test_whoever_just_went_away_may_have_been_left(verdicts: list[Verdict]) -> None:
    assert outcome(LEFT, *verdicts) == "error"
