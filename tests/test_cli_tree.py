"""The tree that ``mitmail show`` draws: who signed whom, what is sent, and where the fault is."""

import io
from typing import Any

from mitmail.cli import tree
from mitmail.scenario.model import Scenario


def case(connect_as: str | None = None, **server: Any) -> Scenario:
    said = {"title": "A", "why": "B", "rule": "C", "id": "x", "group": "g", "file": "f"}
    expect = {"verdict": "accept"}
    return Scenario.model_validate(
        said | {"server": server, "expect": expect, "connect_as": connect_as}
    )


def drawn(connect_as: str | None = None, **server: Any) -> list[str]:
    return tree.draw(case(connect_as, **server), ascii_only=True)


def test_a_good_chain_hangs_below_its_root() -> None:
    assert drawn() == [
        "  root: not sent, trusted by the client",
        "  `- intermediate: sent 2nd",
        "     `- leaf: sent 1st",
    ]


def test_a_fault_stands_below_its_certificate() -> None:
    assert drawn(leaf={"not_before": "-9d", "not_after": "-2d"})[-2:] == [
        "     `- leaf: sent 1st",
        "          x expired: -2d",
    ]


def test_a_fault_of_no_certificate_stands_at_the_end() -> None:
    assert drawn(tls={"versions": ["TLSv1.0"]})[-1] == "  x tls: speaks TLSv1.0 only"


def test_a_fault_of_the_dialogue_stands_at_the_end() -> None:
    assert drawn(dialogue={"offer": "removed"})[-1] == "  x dialogue: does not offer STARTTLS"


def test_a_canary_is_what_a_client_does_in_words() -> None:
    canary = {"verbs": ["AUTH", "UID FETCH"], "word": "Harvest", "ahead": True, "lure": True}
    said = case(dialogue={"greeting": "{lure}", "withhold": 1, "canary": canary})
    assert list(tree.canary(said)) == [
        "AUTH or UID FETCH through TLS",
        "a command through TLS that names Harvest",
        "a command through TLS before the one before is answered",
        "a connection to the place that was named in clear",
    ]
    assert list(tree.canary(case())) == []


def test_what_is_sent_twice_or_not_at_all_says_so() -> None:
    lines = drawn(chain=["leaf", "leaf"])
    assert "  `- intermediate: not sent" in lines
    assert "     `- leaf: sent 1st and 2nd" in lines


def test_each_root_has_a_tree_of_its_own() -> None:
    assert drawn(leaf={"issuer": "root"}, more={"old": {"namesake": "root"}}, trust=["old"]) == [
        "  old: not sent, trusted by the client, with the name of root",
        "  root: not sent",
        "  `- leaf: sent 1st",
        "       x its issuer's name is known with another key",
    ]


def test_lines_are_drawn_where_the_terminal_has_them() -> None:
    assert tree.can_draw(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    assert not tree.can_draw(io.TextIOWrapper(io.BytesIO(), encoding="cp1252"))
