"""Behaviours: what they say otherwise, and that it fits."""

from pathlib import Path

import pytest
from jsonschema import (  # type: ignore[import-untyped] # ships no types
    Draft202012Validator,
)

from mitmail.scenario import loader
from mitmail.scenario.lint import lint
from mitmail.scenario.problem import ScenarioError
from mitmail.scenario.schema import schema
from mitmail.shipped import CERTS

LEAF_ONLY = (CERTS / "behaviours" / "leaf-only.yaml").read_text(encoding="utf-8")


def behaviour(tmp_path: Path, set_: str, more: str = "") -> Path:
    file = tmp_path / "behaviours" / "mine.yaml"
    file.parent.mkdir()
    file.write_text(LEAF_ONLY.replace("set:\n  chain: [leaf]\n", f"{more}set: {set_}\n"))
    return file


def profile(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "vendors" / "mine.yaml"
    file.parent.mkdir()
    file.write_text(text)
    return file


def complaints(file: Path) -> list[str]:
    return [str(each).removeprefix(f"{file}:") for each in lint([file])]


@pytest.mark.parametrize("name", list(loader.behaviour_files()))
def test_a_shipped_behaviour_is_as_the_schema_says(name: str) -> None:
    said = loader.find_behaviour(name).model_dump(
        mode="json", exclude={"id", "file"}, exclude_unset=True
    )

    Draft202012Validator(schema("behaviour")).validate(said)


def test_the_schema_knows_what_set_may_hold() -> None:
    said = loader.find_behaviour("leaf-only").model_dump(mode="json", exclude={"id", "file"})

    for wrong in ({"chian": ["leaf"]}, {"leaf": {"serial": "guidd"}}, {"chain": ["loaf"]}):
        assert not Draft202012Validator(schema("behaviour")).is_valid(said | {"set": wrong})


def test_what_fits_no_product_is_told_with_its_place(tmp_path: Path) -> None:
    wrong = behaviour(tmp_path, "\n  leaf:\n    serial: guidd")

    (said,) = complaints(wrong)

    assert said.startswith("8:13: set.leaf.serial: fits no shipped profile: ")


def test_what_an_installation_has_once_cannot_differ_by_endpoint(tmp_path: Path) -> None:
    wrong = behaviour(tmp_path, "{root_given: previous}", "endpoints: [imaps]\n")

    (said,) = complaints(wrong)

    assert "root_given cannot differ by endpoint: leave out endpoints" in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("like: nortn\n", "1:7: like: no shipped profile 'nortn' (did you mean 'norton'?)"),
        (
            "like: avast\n",
            "1:7: like: avast is like another profile itself: name that one, norton",
        ),
        (
            "like: norton\nchain: [root]\n",
            "2:9: chain[0]: chain must begin with the leaf",
        ),
        (
            "title: X\nlike: norton\nbrand: A brand with a name of more than thirty characters\n",
            "1:1: roots.trusted.subject[0][1]: OU is longer than 64 characters",
        ),
        (
            "like: norton\nbehaviours: [leaf-onl]\n",
            "2:14: behaviours[0]: no behaviour 'leaf-onl' (did you mean 'leaf-only'?)",
        ),
        (
            "like: norton\nbehaviours: [copied-leaf]\n",
            "2:14: behaviours[0]: copied-leaf is no switch: it has no set",
        ),
    ],
)
def test_a_profile_that_is_like_another_is_told_where_it_is_wrong(
    tmp_path: Path, text: str, message: str
) -> None:
    assert any(said.startswith(message) for said in complaints(profile(tmp_path, text)))


def test_a_profile_that_is_like_another_says_only_what_differs(tmp_path: Path) -> None:
    mine = loader.load_vendor(profile(tmp_path, "like: norton\nbrand: Mine\n"))

    assert dict(mine.subject("trusted", exact=True))["CN"] == "Mine Web/Mail Shield Root"
    assert mine.policy == loader.find_vendor("norton").policy


def test_a_wrong_behaviour_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="code"):
        loader.load_behaviour(profile(tmp_path, "title: X\n"))


def test_no_shipped_name_stands_for_two_things() -> None:
    """``mitmail show NAME`` takes them all."""
    files = (loader.files(), loader.vendor_files(), loader.behaviour_files())
    names = [name for each in files for name in each]

    assert len(names) == len(set(names))
