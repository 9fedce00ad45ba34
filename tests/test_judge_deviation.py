"""What a client is known not to verify excuses that, and nothing else."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mitmail.endpoint import ENDPOINTS
from mitmail.engine.verdict import Verdict
from mitmail.judge.client import ALL, Client, Job, Said, Target, Verifies
from mitmail.judge.deviation import deviation, known_of
from mitmail.judge.outcome import decide
from mitmail.judge.program import Ended
from mitmail.plan import Expectation
from mitmail.scenario import loader

ACCEPT, REJECT = Said("accept", None, 0, ""), Said("reject", None, 1, "")


def client(verifies: Verifies, **more: Any) -> Client:
    def prepare(target: Target, home: Path) -> Job:
        raise AssertionError("nobody runs it")

    def read(target: Target, ended: Ended) -> Said:
        raise AssertionError("nobody reads it")

    return Client("some", (1,), ALL, prepare, read, verifies=verifies, **more)


def session(verdict: str) -> Any:
    """A session as the outcome reads it."""
    found = Verdict(verdict, "sure", "as seen")  # type: ignore[arg-type] # a verdict
    return SimpleNamespace(verdict=found, error=None, finding=None)


def rejects(*reasons: str, level: str = "must") -> Expectation:
    return Expectation("reject", frozenset(reasons), level)  # type: ignore[arg-type] # a level


def excused(verifies: Verifies, expected: Expectation, said: Said = ACCEPT) -> bool:
    return deviation(client(verifies), ENDPOINTS["imaps"], expected, said) is not None


@pytest.mark.parametrize(
    ("verifies", "reasons", "excuse"),
    [
        ("chain", ("name-mismatch",), True),
        ("chain", ("name-mismatch", "malformed"), False),
        ("chain", ("expired",), False),
        ("chain", ("unknown-issuer", "name-mismatch"), False),
        ("none", ("expired",), True),
        ("none", ("self-signed", "unknown-issuer"), True),
        ("none", ("starttls",), False),
        ("none", ("tls-version",), False),
        ("none", ("transport",), False),
        ("full", ("name-mismatch",), False),
    ],
)
def test_an_accept_is_excused_by_what_is_not_verified(
    verifies: Verifies, reasons: tuple[str, ...], excuse: bool
) -> None:
    assert excused(verifies, rejects(*reasons)) is excuse


def test_who_does_right_needs_no_excuse() -> None:
    """A newer version that verifies names passes; it does not fail its exception."""
    assert not excused("chain", rejects("name-mismatch"), REJECT)
    assert not excused("none", Expectation("accept", frozenset(), "must"))
    assert not excused("chain", rejects("name-mismatch", level="may"))


def test_it_is_known_by_endpoint() -> None:
    some = client("full", weaker={"imap": "none"})
    expected = rejects("expired")

    assert deviation(some, ENDPOINTS["imap"], expected, ACCEPT) is not None
    assert deviation(some, ENDPOINTS["imaps"], expected, ACCEPT) is None


def test_the_outcome_is_xfail_and_says_why() -> None:
    expected = rejects("name-mismatch")
    known = deviation(client("chain"), ENDPOINTS["imaps"], expected, ACCEPT)

    outcome = decide(expected, ACCEPT, [session("accept")], known)

    assert outcome.word == "xfail"
    assert outcome.why.endswith("it verifies the chain and no name")
    # The witnesses have to agree all the same.
    assert decide(expected, ACCEPT, [session("reject")], known).word == "error"


STRICT = Said("reject", "constraint", 1, "Missing Authority Key Identifier")


@pytest.mark.parametrize("scenario", ["leaf-no-aki", "av-gen-root-shape"])
@pytest.mark.parametrize(
    ("name", "version", "said", "outcome"),
    [
        ("python", (3, 13, 0), STRICT, "xfail"),
        ("aiosmtplib", (5, 1, 3), STRICT, "xfail"),
        # Where it does right nobody holds it to what it did elsewhere.
        ("python", (3, 13, 0), ACCEPT, "pass"),
        # It was not strict then, and something else is the matter; nor is another client excused.
        ("python", (3, 12, 9), STRICT, "fail"),
        ("curl", (8, 1), STRICT, "fail"),
        ("python", (3, 13, 0), Said("reject", "expired", 1, ""), "fail"),
    ],
)
def test_what_a_scenario_knows_of_a_client_is_excused_where_it_shows(
    scenario: str, name: str, version: tuple[int, ...], said: Said, outcome: str
) -> None:
    one = replace(client("full"), name=name, version=version)
    correct = Expectation("accept", frozenset(), "must")
    known = known_of(one, loader.find(scenario), correct, said)

    assert decide(correct, said, [session(said.verdict)], known).word == outcome
