"""What a scenario may say, and what it means when it says nothing."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from mitmail.scenario.certificate import Certificate
from mitmail.scenario.model import Expect, ScenarioFile

DESIGN = """
expired not-yet-valid name-mismatch unknown-issuer self-signed incomplete-chain bad-signature weak
usage constraint revoked malformed limit client-certificate tls-version starttls policy transport
"""
LEAST = {
    "title": "A case",
    "why": "It hurts.",
    "rule": "RFC 1",
    "expect": {"verdict": "accept"},
}


def test_a_scenario_that_says_nothing_is_a_good_certificate() -> None:
    said = ScenarioFile.model_validate(LEAST)
    leaf = said.server.certificates["leaf"]
    assert leaf.names == ("{name}",)
    assert leaf.common_name is None
    assert leaf.not_before == timedelta(days=-1)
    assert leaf.not_after == timedelta(days=90)
    assert leaf.key == "ec256"
    assert leaf.issuer == "intermediate"
    assert said.server.sent == ("leaf", "intermediate")
    assert said.server.trust == ("root",)
    assert said.expect.level == "must"
    assert said.connect_as is None
    assert said.control is None


def test_a_part_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Certificate().names = ()


def test_the_reasons_are_the_closed_list_of_the_design() -> None:
    words = DESIGN.split()
    said = Expect.model_validate({"verdict": "reject", "reasons": words})
    assert said.reasons == tuple(words)
    with pytest.raises(ValidationError):
        Expect.model_validate({"verdict": "reject", "reasons": ["prompt"]})
