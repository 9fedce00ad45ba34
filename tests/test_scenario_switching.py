"""Behaviours switched on together: each has its say, or they are refused."""

import pytest

from mitmail.errors import MitmailError
from mitmail.scenario import loader
from mitmail.scenario.behaviour import Behaviour
from mitmail.scenario.patch import contradiction
from mitmail.scenario.switching import switched

GENERIC = loader.find_vendor("generic")


@pytest.mark.parametrize(
    ("one", "other", "path"),
    [
        ("block-faulty", "reset-faulty", "policy.expired"),
        ("drop-foreign", "stall-foreign", "transport.not_mail"),
        ("leaf-only", "root-sent", "chain"),
        ("starttls-refused", "starttls-refused-for-now", "conversation.answer.smtp"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_two_that_want_another_thing_each_are_refused_by_name(
    one: str, other: str, path: str, turned: bool
) -> None:
    with pytest.raises(MitmailError) as raised:
        switched(GENERIC, [other, one] if turned else [one, other])

    assert raised.value.exit_code == 2
    assert str(raised.value) == (
        f"--switch {one} and --switch {other} contradict each other: each wants another {path}; "
        "leave one of them out"
    )


def test_those_about_other_parts_go_together() -> None:
    both = switched(GENERIC, ["block-faulty", "drop-foreign", "ipv4-only"]).everywhere

    assert both.policy["expired"] == "close"
    assert both.transport.not_mail == "close"
    assert not both.transport.ipv6


def behaviour(name: str) -> Behaviour:
    return loader.find_behaviour(name)


def test_what_happens_at_other_endpoints_contradicts_nothing() -> None:
    """The one is about implicit TLS alone; where both are at work they agree."""
    one, other = behaviour("untrusted-on-implicit-tls"), behaviour("starttls-refused")
    assert not {*one.endpoints} & {*other.endpoints}

    switched(loader.find_vendor("norton"), [one.id, other.id])


def test_where_the_order_does_not_matter_there_is_no_contradiction() -> None:
    assert contradiction({"a": {"b": 1, "c": 2}}, {"a": {"c": 2, "d": 3}, "e": 4}) is None
    assert contradiction({"a": {"b": [1]}}, {"a": {"b": [1, 2]}}) == ("a", "b")
    assert contradiction({"a": {"b": 1}}, {"a": 1}) == ("a",)
