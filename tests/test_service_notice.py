"""What a person is told, for each way to serve."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mitmail.endpoint import ENDPOINTS
from mitmail.engine.verdict import Verdict
from mitmail.service import notice
from mitmail.service.orders import Orders, prepare
from mitmail.service.record import Served

ANTIVIRUS = "It can sign for any name"
ENDS = "It ends with this run."


def welcome(orders: Orders, folder: Path) -> str:
    bench = prepare(orders, folder)
    host = orders.listen or "127.0.0.1"
    served = {"imaps": Served(bench.plan, ENDPOINTS["imaps"], host, 3993, "any")}
    return notice.welcome(bench, served, exposed=orders.listen is not None)


BEFORE = Orders(antivirus="norton", upstreams=("imaps=mx.example.com",))
RELAYED = Orders(
    antivirus="norton", upstreams=("imaps=mx.example.com",), relay_unverified=True
)  # fmt: skip
ADDRESS = Orders(
    antivirus="norton", upstreams=("imaps=192.0.2.1",), name="mx.example.com"
)  # fmt: skip


@pytest.mark.parametrize(
    ("orders", "there", "not_there"),
    [
        (Orders(), ["  127.0.0.1 mail.customer.test"], [ENDS, ANTIVIRUS, "WARNING"]),
        (Orders(ephemeral=True), [ENDS], []),
        # The root that plays a foreign name is not kept.
        (Orders(name="mail.example.com"), [ENDS, "  127.0.0.1 mail.example.com"], []),
        # No hosts file leads from one address to another.
        (Orders(name="192.0.2.7"), ["192.0.2.7 must be led to 127.0.0.1"], ["hosts"]),
        (Orders(antivirus="norton"), [ANTIVIRUS], [ENDS]),
        (Orders(listen="192.0.2.7"), ["WARNING: 192.0.2.7", "the user below", ENDS], []),
        # There the line would lead mitmail itself in a circle.
        (BEFORE, ["another machine", "--name mx.example.com --upstream imaps=ADDRESS"], [ENDS]),
        (ADDRESS, ["  127.0.0.1 mx.example.com"], ["another machine"]),
        (RELAYED, ["WARNING: passwords and mail are relayed"], []),
        # The way to the control that `mitmail show` names.
        (Orders(scenario="hosting-wildcard", name="srv07.hoster.test"), ["must accept"], []),
    ],
)
def test_the_welcome_says(
    orders: Orders, there: list[str], not_there: list[str], tmp_path: Path
) -> None:
    said = welcome(orders, tmp_path)

    assert [words for words in there if words not in said] == []
    assert [words for words in not_there if words in said] == []


@pytest.mark.parametrize(
    ("orders", "verdict", "reason", "hint"),
    [
        (Orders(scenario="expired"), "reject", "expired", "As a correct client does"),
        # Without the root a client refuses everything: that is no praise.
        (Orders(scenario="expired"), "reject", "unknown-issuer", "Has the client imported"),
        (Orders(), "reject", "unknown-issuer", "Has the client imported"),
        (Orders(), "accept", None, "As a correct client does"),
        (Orders(scenario="expired"), "accept", None, "A correct client refuses"),
        (Orders(antivirus="norton"), "reject", "unknown-issuer", "unless it knows"),
        (Orders(antivirus="norton"), "accept", None, "Right if it knows"),
    ],
)
def test_a_verdict_says_what_to_try_next(
    orders: Orders, verdict: Any, reason: str | None, hint: str, tmp_path: Path
) -> None:
    bench = prepare(orders, tmp_path)
    served = Served(bench.plan, ENDPOINTS["imaps"], "127.0.0.1", 3993, "any")
    found = Verdict(verdict, "sure", "as seen", reason)
    session: Any = SimpleNamespace(verdict=found, facts=[], error=None)

    assert hint in (notice.happening(bench, "verdict", served, 1, session) or "")
