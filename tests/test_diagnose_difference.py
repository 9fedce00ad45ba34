"""What differs between ports, addresses, and with and without the name, in words."""

import asyncio
import ssl
from itertools import cycle
from pathlib import Path

import pytest

from dnsmasq import answering
from far_host import ISSUER, LOOPBACK, PATIENT, Mail, Shop, leaf, looked_at, opened, serving
from mitmail.diagnose import reach
from mitmail.diagnose.finding import Finding
from mitmail.diagnose.obstacle import Way
from mitmail.diagnose.reached import Reached
from mitmail.diagnose.target import Target
from talk import NAME, root

OTHER = "mail.other.test"
FIRST, SECOND = "127.0.0.2", "127.0.0.3"
BOTH = tuple(f"host-record={NAME},{address}" for address in (FIRST, SECOND))


@pytest.fixture
def good(tmp_path: Path) -> ssl.SSLContext:
    return serving(tmp_path, leaf(NAME))


@pytest.fixture
def other(tmp_path: Path) -> ssl.SSLContext:
    return serving(tmp_path, leaf(OTHER))


def only(findings: tuple[Finding, ...]) -> Finding:
    (finding,) = findings
    return finding


def test_without_the_name_another_certificate_may_be_shown(
    good: ssl.SSLContext, other: ssl.SSLContext
) -> None:
    def by_name(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name == NAME:
            connection.context = good

    other.sni_callback = by_name
    finding = only(looked_at(Shop(Mail().serve, other), starttls="none").findings)
    assert finding.id == "sni-differs"
    assert finding.words.startswith("Without the name (SNI) the server shows another certificate")
    assert finding.words.index(f"CN {OTHER}") < finding.words.index(f"CN {NAME}")


def test_a_server_that_insists_on_the_name_is_told(good: ssl.SSLContext) -> None:
    def insist(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> int | None:
        return None if name else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

    good.sni_callback = insist
    finding = only(looked_at(Shop(Mail().serve, good), starttls="none").findings)
    assert finding.id == "sni-needed"
    assert finding.words.startswith("Without the name (SNI) no certificate is shown: ")


def test_a_server_with_another_certificate_each_time_is_no_matter_of_the_name(
    good: ssl.SSLContext, other: ssl.SSLContext
) -> None:
    turns = cycle([good, other])

    def in_turn(connection: ssl.SSLObject, _: str | None, __: ssl.SSLContext) -> None:
        connection.context = next(turns)

    good.sni_callback = in_turn
    finding = only(looked_at(Shop(Mail().serve, good), starttls="none").findings)
    assert finding.id == "another-each-time"
    assert "exception" in finding.fix


def test_an_address_is_not_asked_for_by_name(good: ssl.SSLContext) -> None:
    asked: list[str | None] = []
    good.sni_callback = lambda _, name, __: asked.append(name)
    looked_at(Shop(Mail().serve, good), name=None, starttls="none")
    assert set(asked) == {None}


def test_two_addresses_of_a_host_are_compared(good: ssl.SSLContext, other: ssl.SSLContext) -> None:
    shops = Shop(Mail().serve, good, FIRST), Shop(Mail().serve, other, SECOND)
    with answering(*BOTH) as dns:
        reached = looked_at(*shops, host=NAME, name=None, starttls="none", dns=dns)
    assert {one.address for one in reached.seen} == {FIRST, SECOND}
    assert len(reached.presented) == 2
    finding = next(one for one in reached.findings if one.id == "addresses-differ")
    assert finding.severity == "medium"
    for part in (FIRST, SECOND, f"CN {NAME}", f"CN {OTHER}", "name-mismatch"):
        assert part in finding.words


def test_an_address_that_does_not_answer_is_told_where_another_one_does(
    good: ssl.SSLContext,
) -> None:
    with answering(*BOTH) as dns:
        shop = Shop(Mail().serve, good, SECOND)
        reached = looked_at(shop, host=NAME, name=None, starttls="none", dns=dns)
    finding = only(reached.findings)
    assert (finding.id, len(reached.seen)) == ("refused", 1)
    assert finding.words.startswith(f"{FIRST}: the connection was refused")
    assert finding.words.endswith(f"{SECOND} answers there.")


def test_ports_of_a_host_are_compared_and_closed_ones_are_no_fault(
    good: ssl.SSLContext, other: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> tuple[int, int, Reached]:
        async with (
            opened(Shop(Mail().serve, good)) as first,
            opened(Shop(Mail("smtp").serve, other)) as second,
        ):
            # The six of a real host are not ours to open.
            monkeypatch.setattr(reach, "USUAL", (first, 1, second))
            ways = {first: Way("implicit", "imap"), second: Way("implicit", "smtp")}
            monkeypatch.setattr(reach, "_WAYS", ways)
            errand = reach.Errand(
                name=NAME, system=False, roots=(root(ISSUER).certificate,), deadlines=PATIENT
            )
            return first, second, await reach.reach(Target(LOOPBACK), errand)

    first, second, reached = asyncio.run(go())
    found = {one.id: one for one in reached.findings}
    assert [one.port for one in reached.seen] == [first, second]
    assert (found["refused"].severity, found["refused"].where) == ("info", f"{LOOPBACK}:1")
    words = found["ports-differ"].words
    assert f"Port {second} shows another certificate: CN {OTHER}" in words
    assert f"port {first}: CN {NAME}" in words
