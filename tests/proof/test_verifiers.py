"""The panel on the first ten scenarios: who refuses what, and whether for the right reason."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from clients.house import House
from mitmail.plan import make
from mitmail.scenario import loader
from proof.panel import PANEL, found, lacks, missing
from proof.verifier import REASONS, Target, Verifier, Word

pytestmark = pytest.mark.long  # the panel itself; the quick set asks it about a dozen cases

EXPECTED = {
    "expired": "expired",
    "not-yet-valid": "not-yet-valid",
    "wrong-host": "name-mismatch",
    "hosting-wildcard": "name-mismatch",
    "wildcard-multi-level": "name-mismatch",
    "untrusted-root": "unknown-issuer",
    "self-signed": "self-signed",
    "missing-intermediate": "incomplete-chain",
}
CONTROLLED = ("wrong-host", "hosting-wildcard", "wildcard-multi-level")
# Who insists on a name in subjectAltName (RFC 9525); the others use the common name (RFC 7817).
NO_COMMON_NAME = {"pyca", "go"}
# What a verifier names instead, for it meets another fault of the same certificate first.
MEETS_FIRST = {("pyca", "self-signed"): "constraint"}  # no authority key identifier
COMPLETE = ("openssl", "gnutls", "mbedtls")
FAMILIES = {
    "OpenSSL", "GnuTLS", "mbedTLS", "cryptography", "Go", "Java", "NSS", "Botan", "Bouncy Castle",
}  # fmt: skip

type Words = Mapping[str, Mapping[str, Word]]


@pytest.fixture(scope="module")
def targets(house: House) -> dict[str, Target]:
    return {scenario: served(house, scenario) for scenario in ("healthy", "cn-only", *EXPECTED)}


def served(house: House, scenario: str) -> Target:
    # Botan 2 knows no IPv6 range in name constraints, so the root must do without them.
    plan = make(loader.find(scenario), None, house.store, constrained=False)
    place = house.open(plan).served["imaps"]
    return Target(place.host, place.port, plan.name, house.roots(*plan.server_roots))


def named(name: str) -> Verifier:
    """A verifier of the panel; without it the test skips here and fails in CI."""
    if name in missing():
        lacks(name)
    return next(verifier for verifier in found() if verifier.name == name)


def ask(house: House, name: str, targets: Mapping[str, Target]) -> dict[str, Word]:
    """The words of a verifier, by the targets' names, while the house is at work."""
    words = house.run(asyncio.to_thread(named(name).ask, list(targets.values())))
    return dict(zip(targets, words, strict=True))


@pytest.fixture(scope="module")
def words(house: House, targets: dict[str, Target]) -> Words:
    asked = targets | {f"{name} control": controlled(name, targets) for name in CONTROLLED}
    return {verifier.name: ask(house, verifier.name, asked) for verifier in found()}


def controlled(scenario: str, targets: Mapping[str, Target]) -> Target:
    control = loader.find(scenario).control
    assert control is not None
    return replace(targets[scenario], name=control.connect_as)


def test_the_panel_of_this_machine_has_every_family() -> None:
    for name in missing():
        named(name)
    assert {verifier.family for verifier in found()} == FAMILIES
    assert all(verifier.version for verifier in found())


@pytest.mark.parametrize("name", PANEL)
def test_the_healthy_server_is_accepted(words: Words, name: str) -> None:
    named(name)
    assert words[name]["healthy"] == Word("accept", (), words[name]["healthy"].text)


@pytest.mark.parametrize("scenario", CONTROLLED)
@pytest.mark.parametrize("name", PANEL)
def test_the_control_is_accepted(words: Words, name: str, scenario: str) -> None:
    named(name)
    assert words[name][f"{scenario} control"].verdict == "accept"


@pytest.mark.parametrize("scenario", EXPECTED)
@pytest.mark.parametrize("name", PANEL)
def test_a_fault_is_refused_for_its_reason(words: Words, name: str, scenario: str) -> None:
    named(name)
    word = words[name][scenario]
    assert word.verdict == "reject", word.text
    assert MEETS_FIRST.get((name, scenario), EXPECTED[scenario]) in word.classes, word.text
    assert all(error.may_mean <= REASONS for error in word.errors)


@pytest.mark.parametrize("name", COMPLETE)
def test_a_complete_verifier_names_nothing_else(words: Words, name: str) -> None:
    assert named(name).complete
    for scenario in EXPECTED:
        declared = set(loader.find(scenario).expect.reasons)
        for error in words[name][scenario].errors:
            assert error.may_mean & declared, (scenario, error)


@pytest.mark.parametrize("name", PANEL)
def test_the_common_name_divides_the_panel(words: Words, name: str) -> None:
    named(name)
    refused = words[name]["cn-only"].verdict == "reject"
    assert refused == (name in NO_COMMON_NAME)


@pytest.mark.parametrize("name", PANEL)
def test_a_pretended_clock_is_believed(
    house: House, targets: dict[str, Target], name: str
) -> None:
    now = datetime.now(UTC)
    asked = {
        "in sixty days": replace(targets["not-yet-valid"], at=now + timedelta(days=60)),
        "in a hundred": replace(targets["healthy"], at=now + timedelta(days=100)),
    }
    words = ask(house, name, asked)
    assert words["in sixty days"].verdict == "accept", words["in sixty days"].text
    assert "expired" in words["in a hundred"].classes


@pytest.mark.parametrize("name", PANEL)
def test_who_cannot_connect_does_not_judge(
    house: House, targets: dict[str, Target], name: str
) -> None:
    nobody = replace(targets["healthy"], port=1)
    assert ask(house, name, {"nobody": nobody})["nobody"].verdict == "error"
