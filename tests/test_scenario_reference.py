"""References between certificates: what leads nowhere, or in a circle, is said in its place."""

from typing import Any

import pytest
from pydantic import ValidationError

from mitmail.scenario.reference import dangling
from mitmail.scenario.server import Server

GIVEN = "leaf, intermediate, root, unrelated"
CIRCLE = "leads back to itself"


def said(**server: Any) -> dict[str, Any]:
    return server


@pytest.mark.parametrize(
    "server",
    [
        said(),
        said(leaf={"issuer": "self"}),
        said(leaf={"issuer": "self"}, root={"issuer": "leaf"}),
        said(intermediate={"issuer": "self"}),
        said(leaf={"issuer": "unrelated"}),
        said(root={"issuer": "above"}, more={"above": {}}),
        said(more={"a": {"issuer": "b", "namesake": "c"}, "b": {}, "c": {"same_key": "a"}}),
        said(depth=3, leaf={"issuer": "intermediate-3"}, chain=["leaf", "intermediate-2"]),
        said(depth=2, more={"a": {"issuer": "intermediate-2"}}, trust=["a", "unrelated"]),
        said(depth=2, intermediate={"issuer": "self"}),
        said(depth=3, intermediate={"namesake": "root", "same_key": "unrelated"}),
        said(more={"intermediate-2": {}}),
        said(chain=[], trust=["leaf"]),
        # What is not of the right type is pydantic's complaint.
        said(more=[], depth="2", chain="leaf", trust=None, leaf="leaf", root={"issuer": 5}),
        said(chain=[1, None], more={"a": None, "b": {"issuer": ["root"]}}),
    ],
)
def test_what_leads_somewhere_is_no_complaint(server: dict[str, Any]) -> None:
    assert list(dangling(server)) == []


@pytest.mark.parametrize(
    ("server", "path", "words"),
    [
        (said(chain=["leaf", "x"]), ("chain", 1), f"there is no certificate 'x': {GIVEN}"),
        (said(trust=["rot"]), ("trust", 0), f"'rot' (did you mean 'root'?): {GIVEN}"),
        (said(leaf={"issuer": "x"}), ("leaf", "issuer"), f"no certificate 'x': {GIVEN}"),
        (said(root={"namesake": "x"}), ("root", "namesake"), "no certificate 'x'"),
        (said(intermediate={"same_key": "x"}), ("intermediate", "same_key"), "no certificate 'x'"),
        (said(more={"a": {"issuer": "x"}}), ("more", "a", "issuer"), f"'x': {GIVEN}, a"),
        (said(chain=["intermediate-2"]), ("chain", 0), "no certificate 'intermediate-2'"),
        (said(depth=2, trust=["intermediate-3"]), ("trust", 0), "leaf, intermediate, root, "
         "unrelated, intermediate-2"),
        # self is who signs: nothing is its own namesake.
        (said(leaf={"namesake": "self"}), ("leaf", "namesake"), "no certificate 'self'"),
        (said(more={"a": {"same_key": "self"}}), ("more", "a", "same_key"), "'self'"),
        (said(chain=["self"]), ("chain", 0), "no certificate 'self'"),
        # Names that mean something already.
        (said(more={"root": {}}), ("more", "root"), "has a place of its own"),
        (said(more={"unrelated": {}}), ("more", "unrelated"), "has a place of its own"),
        (said(more={"self": {}}), ("more", "self"), "has a place of its own"),
        (said(depth=2, more={"intermediate-2": {}}), ("more", "intermediate-2"), "has a place"),
    ],
)  # fmt: skip
def test_what_leads_nowhere_is_said_with_what_there_is(
    server: dict[str, Any], path: tuple[str | int, ...], words: str
) -> None:
    ((where, complaint),) = dangling(server)
    assert where == path
    assert words in complaint


@pytest.mark.parametrize(
    ("server", "places"),
    [
        (said(root={"issuer": "root"}), {("root", "issuer")}),
        (said(leaf={"namesake": "leaf"}), {("leaf", "namesake")}),
        (said(more={"a": {"same_key": "a"}}), {("more", "a", "same_key")}),
        (said(intermediate={"issuer": "leaf"}), {("leaf", "issuer"), ("intermediate", "issuer")}),
        (
            said(root={"issuer": "leaf"}),
            {("leaf", "issuer"), ("intermediate", "issuer"), ("root", "issuer")},
        ),
        (
            said(more={"a": {"issuer": "b"}, "b": {"issuer": "c"}, "c": {"issuer": "b"}}),
            {("more", "b", "issuer"), ("more", "c", "issuer")},
        ),
        # What is said of the intermediate is said of each one that depth makes.
        (said(depth=2, intermediate={"issuer": "intermediate-2"}), {("intermediate", "issuer")}),
        (said(depth=3, intermediate={"same_key": "intermediate-3"}),
         {("intermediate", "same_key")}),
        (said(depth=2, root={"issuer": "intermediate-2"}),
         {("intermediate", "issuer"), ("root", "issuer")}),
        (said(depth=3, root={"issuer": "intermediate"}),
         {("intermediate", "issuer"), ("root", "issuer")}),
        (said(depth=2, root={"namesake": "intermediate-2"},
              intermediate={"namesake": "root"}),
         {("intermediate", "namesake"), ("root", "namesake")}),
    ],
)  # fmt: skip
def test_a_circle_is_said_at_each_certificate_in_it(
    server: dict[str, Any], places: set[tuple[str, ...]]
) -> None:
    found = list(dangling(server))
    assert {where for where, _ in found} == places
    assert {complaint for _, complaint in found} == {CIRCLE}
    assert len(found) == len(places)


def test_all_that_is_wrong_with_a_server_is_said_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        Server.model_validate(
            said(leaf={"issuer": "x", "key": "rsa"}, chain=["y"], more={"z": {"namesake": "z"}})
        )
    assert {each["loc"] for each in caught.value.errors()} == {
        ("leaf", "issuer"), ("leaf", "key"), ("chain", 0), ("more", "z", "namesake"),
    }  # fmt: skip


@pytest.mark.parametrize("depth", [1, 2, 7, 100])
def test_a_server_of_any_depth_has_a_chain_that_ends(depth: int) -> None:
    sent = Server.model_validate(said(depth=depth)).sent
    assert len(sent) == depth + 1
    assert len(set(sent)) == len(sent)
