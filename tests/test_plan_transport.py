"""Which connections a product looks into, counted from when it is served."""

import pytest
from pydantic import ValidationError

from mitmail.interception import Block, Family, PassThrough
from mitmail.pki.store import Store
from mitmail.plan import make
from mitmail.plan.transport import Admission
from mitmail.scenario import loader

HOST = "mail.customer.test"


def admission(*switches: str, **transport: object) -> Admission:
    vendor = loader.find_vendor("generic").also({"transport": transport})
    plan = make(loader.find("healthy"), vendor, Store(None), switches=frozenset(switches))
    return plan.admission()


def taken(one: Admission, count: int, family: Family = "ipv4", endpoint: str = "imaps") -> str:
    """Whether each of so many connections is intercepted (x) or not (-)."""
    intercepting = one.intercepting(endpoint, HOST)
    return "".join("x" if intercepting(family) else "-" for _ in range(count))


@pytest.mark.parametrize(
    ("share", "expected"),
    [(100, "xxxxxxxxxx"), (50, "x-x-x-x-x-"), (30, "x---x--x--"), (0, "----------")],
)
def test_a_share_is_spread_evenly_and_the_first_is_intercepted(share: int, expected: str) -> None:
    assert taken(admission(intercepted=share), 10) == expected


@pytest.mark.parametrize("share", [1, 7, 33, 50, 66, 99])
def test_of_a_hundred_there_are_as_many_as_is_said(share: int) -> None:
    assert taken(admission(intercepted=share), 100).count("x") == share


def test_each_endpoint_counts_for_itself_and_each_serving_begins_anew() -> None:
    one = admission("every-other")
    assert [taken(one, 1, endpoint=x) for x in ("imaps", "imap", "imaps")] == ["x", "x", "x"]


def test_a_protocol_that_the_product_does_not_look_into_is_left_alone() -> None:
    one = admission(protocols=["imap", "pop3"])
    found = {x: taken(one, 1, endpoint=x) for x in ("imap", "imaps", "pop3s", "smtp", "smtps")}

    assert found == {"imap": "x", "imaps": "x", "pop3s": "x", "smtp": "-", "smtps": "-"}


def test_ipv6_is_left_alone_where_the_product_does_so() -> None:
    assert taken(admission("ipv4-only"), 2, "ipv6") == "--"
    assert taken(admission("ipv4-only"), 2, "ipv4") == "xx"
    assert taken(admission(), 2, "ipv6") == "xx"


def test_a_server_that_was_failed_with_is_left_alone_on_every_endpoint_and_no_other_is() -> None:
    one = admission("fail-then-bypass")
    choose = one.chooser("imaps", HOST, lambda seen, sni: PassThrough())
    intercepting = one.intercepting("imaps", HOST)
    assert intercepting("ipv4"), "a client that only connects has not failed"
    assert choose(None, None) == Block("close")
    assert choose(None, None) == PassThrough(), "it was on its way already"

    assert not intercepting("ipv4")
    assert not one.intercepting("smtp", HOST)("ipv4")
    assert one.intercepting("smtp", "other.customer.test")("ipv4")


@pytest.mark.parametrize(
    "said", [{"intercepted": 101}, {"intercepted": "50"}, {"not_mail": "pass"}, {"ipv6": 1}]
)
def test_what_cannot_be_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(said))):
        admission(**said)
