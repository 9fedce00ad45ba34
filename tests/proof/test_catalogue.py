"""Each case is broken in exactly the way that its file says: independent programs are the judges.

Every file is served as users serve it, and put to every verifier of this machine. Where a
verifier is known to do otherwise, ``known.yaml`` says why.
"""

import os

import pytest

from bench import catalogue
from mitmail.scenario import sets
from mitmail.scenario.model import Scenario
from proof import panel
from proof.hearing import Hearing
from proof.judgement import (
    DOES,
    KNOWN,
    VARIES,
    Known,
    disagreement,
    families,
    is_measured,
    known,
    vector,
)

pytestmark = pytest.mark.long  # real programs, for many seconds: `make test` has five minutes

# Verifiers judge certificates and TLS; what is said before STARTTLS they never hear.
CASES = {x.id: x for x in catalogue().values() if x.server.dialogue is None}
VERIFIERS = list(panel.PANEL)
DISTINCT = 8
LARGE, QUICK = 200, 14  # cases of the whole catalogue at least; must-reject of the quick set


def cases(verdict: str, *levels: str) -> list[Scenario]:
    return [x for x in CASES.values() if x.expect.verdict == verdict and x.expect.level in levels]


def excused(verifier: str, scenario: str) -> Known | None:
    return next((x for x in known() if verifier in x.verifiers and scenario in x.cases), None)


@pytest.fixture(autouse=True)
def _verifier_is_here(request: pytest.FixtureRequest) -> None:
    callspec = getattr(request.node, "callspec", None)
    name = callspec.params.get("name") if callspec else None
    if name in panel.missing():
        panel.lacks(name)


@pytest.mark.parametrize("name", VERIFIERS)
def test_a_verifier_sees_what_the_file_says_and_nothing_else(hearing: Hearing, name: str) -> None:
    verifier = next(x for x in hearing.verifiers if x.name == name)
    strange = []
    for scenario, word in hearing.ask(verifier).items():
        found = disagreement(CASES[scenario], verifier, word)
        excuse = excused(name, scenario)
        if excuse is None and found is None:
            continue
        if excuse is not None and excuse.does == VARIES:
            continue
        if found is None or excuse is None or found[0] != excuse.does:
            expected = f" (known: {excuse.does})" if excuse else ""
            strange.append(f"{scenario}: {' '.join(found) if found else 'agrees'}{expected}")
    said = "\n".join([f"{name} {verifier.version}:", *strange])
    if strange and not is_measured(verifier) and not os.environ.get("CI"):
        pytest.skip(f"not measured with this version: {said}")
    assert not strange, said


def test_what_must_be_rejected_is_refused_by_two_families(hearing: Hearing) -> None:
    every = [x.id for x in cases("reject", "must")]
    due = [x for x in every if x in hearing.scenarios]
    assert len(due) >= (QUICK if len(hearing.scenarios) < LARGE else len(every))
    refusing = {id_: families(hearing.about(id_)) for id_ in due}
    if few := {id_: found for id_, found in refusing.items() if len(found) < 2}:
        for name in sorted(panel.missing()):
            panel.lacks(name)
    assert few == {}


def test_what_is_known_is_about_cases_and_verifiers_that_there_are() -> None:
    for one in known():
        assert set(one.cases) <= set(CASES), f"{KNOWN.name}: {set(one.cases) - set(CASES)}"
        assert set(one.verifiers) <= set(VERIFIERS)
        assert one.does in DOES
        assert " " in one.because


def test_every_group_has_a_case_that_must_be_accepted() -> None:
    controls = {said.group for said in cases("accept", "must")}
    assert controls == {said.group for said in CASES.values()}


def test_the_quick_set_tells_verifiers_apart(hearing: Hearing) -> None:
    """Eight of them at least answer the two dozen cases each in its own way."""
    quick = sets.load("quick")
    hearing.ask_all(hearing.verifiers)
    answers = {
        verifier.name: vector(words[x] for x in quick if x in words)
        for verifier in hearing.verifiers
        if set(quick) <= set(words := hearing.ask(verifier))
    }
    different = set(answers.values())
    missing = panel.missing()
    if len(different) < DISTINCT and missing:
        panel.lacks(next(iter(missing)))
    assert len(different) >= DISTINCT, answers
