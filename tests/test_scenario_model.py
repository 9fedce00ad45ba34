"""What a scenario may say, and what it means when it says nothing."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from mitmail.scenario.model import Expect, Leaf, ScenarioFile, Server

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
    assert said.server.leaf.names == ("{name}",)
    assert said.server.leaf.common_name is None
    assert said.server.leaf.not_before == timedelta(days=-1)
    assert said.server.leaf.not_after == timedelta(days=90)
    assert said.server.leaf.key == "ec256"
    assert said.server.issuer == "intermediate"
    assert said.server.chain == ("leaf", "intermediate")
    assert said.expect.level == "must"
    assert said.connect_as is None
    assert said.control is None


def test_a_self_signed_certificate_is_sent_alone() -> None:
    assert Server.model_validate({"issuer": "self"}).chain == ("leaf",)
    assert Server.model_validate({"issuer": "untrusted"}).chain == ("leaf", "intermediate")


def test_a_part_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Leaf().names = ()


def test_the_reasons_are_the_closed_list_of_the_design() -> None:
    words = DESIGN.split()
    said = Expect.model_validate({"verdict": "reject", "reasons": words})
    assert said.reasons == tuple(words)
    with pytest.raises(ValidationError):
        Expect.model_validate({"verdict": "reject", "reasons": ["prompt"]})
