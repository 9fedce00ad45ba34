"""What a person is told, for each way to serve."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mitmail.endpoint import ENDPOINTS
from mitmail.engine.fact import Fact
from mitmail.engine.finding import Finding
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


def seen(**told: Any) -> Any:
    """A session as a notice reads it."""
    nothing: dict[str, Any] = dict.fromkeys(("verdict", "error", "tongue", "finding"))
    unseen = {"facts": [], "hello": object(), "passed_through": False}
    return SimpleNamespace(**nothing | unseen | told)


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
    session = seen(verdict=found)

    assert hint in (notice.happening(bench, "verdict", served, 1, session) or "")


@pytest.mark.parametrize(
    ("verdict", "reason", "hint"),
    [
        ("accept", None, "A correct client refuses"),
        ("reject", "expired", "As a correct client does"),
        ("reject", "unknown-issuer", "Has the client imported"),
    ],
)
def test_who_is_passed_through_is_compared_as_without_an_antivirus(
    verdict: Any, reason: str | None, hint: str, tmp_path: Path
) -> None:
    """Its root or none: the client has not met the antivirus' certificate."""
    bench = prepare(Orders(scenario="expired", antivirus="norton"), tmp_path)
    served = Served(bench.plan, ENDPOINTS["imaps"], "127.0.0.1", 3993, "expired")
    found = Verdict(verdict, "sure", "as seen", reason)
    told = notice.happening(bench, "verdict", served, 1, seen(verdict=found, passed_through=True))

    assert told is not None
    assert "Passed through by the antivirus." in told
    assert hint in told


@pytest.mark.parametrize("verdict", ["hang", "none"])
def test_who_is_passed_through_and_shows_nothing_is_not_compared(
    verdict: Any, tmp_path: Path
) -> None:
    bench = prepare(Orders(scenario="expired", antivirus="norton"), tmp_path)
    served = Served(bench.plan, ENDPOINTS["imaps"], "127.0.0.1", 3993, "expired")
    session = seen(verdict=Verdict(verdict, "sure", "as seen"), passed_through=True)

    told = notice.happening(bench, "verdict", served, 1, session)
    assert told == f"imaps session 1: {verdict}: as seen"


def test_a_pop_up_is_told_in_its_own_words(tmp_path: Path) -> None:
    bench = prepare(Orders(antivirus="norton"), tmp_path)
    served = Served(bench.plan, ENDPOINTS["imaps"], "127.0.0.1", 3993, "healthy")
    facts = [Fact(1, "popup", {"words": "Revoked", "seconds": 0.0})]
    told = notice.happening(bench, "popup", served, 7, seen(facts=facts, answers=()))
    asking = seen(facts=facts, answers=("block", "sign"))

    assert told == "imaps session 7: the antivirus shows a pop-up: Revoked"
    how = (notice.happening(bench, "popup", served, 7, asking) or "").splitlines()
    assert how == [told, "      Answer it: mitmail answer 7 block|sign"]


@pytest.mark.parametrize(
    ("finding", "lines"),
    [
        (
            Finding("vulnerable", "sure", "the client sent LOGIN in clear", "a LOGIN ***"),
            [
                "imap  session 3: vulnerable: the client sent LOGIN in clear",
                "      It said: a LOGIN ***",
            ],
        ),
        (
            Finding("vulnerable", "suspected", "the client sent X", ""),
            ["imap  session 3: vulnerable, suspected: the client sent X"],
        ),
        (Finding("safe", "sure", "all went on"), ["imap  session 3: safe: all went on"]),
        (
            Finding("aborted", "sure", "the client left"),
            [
                "imap  session 3: aborted: the client left; whether it told its user, look at "
                "its screen"
            ],
        ),
        (None, []),
    ],
)
def test_a_session_ends_with_a_line_for_what_it_was_found_to_be(
    finding: Finding | None, lines: list[str], tmp_path: Path
) -> None:
    bench = prepare(Orders(), tmp_path)
    served = Served(bench.plan, ENDPOINTS["imap"], "127.0.0.1", 3143, "any")

    told = notice.happening(bench, "end", served, 3, seen(finding=finding))

    assert (told or "").splitlines() == lines


def test_who_has_the_certificate_and_is_silent_may_be_before_a_dialog(tmp_path: Path) -> None:
    bench = prepare(Orders(), tmp_path)
    served = Served(bench.plan, ENDPOINTS["imaps"], "127.0.0.1", 3993, "any")

    told = notice.happening(bench, "waiting", served, 1, seen(facts=[Fact(3000, "waiting")]))

    assert "a dialog may be open" in (told or "")
