"""Every server of the catalogue that speaks TLS or STARTTLS oddly, as one who looks finds it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench import catalogue
from clients.house import House
from far_host import HASTY, NO_DNS, PATIENT
from mitmail.diagnose.client_view import SCENARIOS
from mitmail.diagnose.reach import Errand, reach
from mitmail.diagnose.reached import Reached
from mitmail.diagnose.target import Target
from mitmail.errors import CannotJudgeError

type Found = Reached | str

SHORT = replace(HASTY, greeting=1.5, handshake=1.5)
# No TLS library of today has DSA, so that server has nothing in common with us. OpenSSL writes
# the outermost length anew, and TLS 1.3 hides the octets from everybody else.
NOT_SHOWN = {"dsa-leaf", "der-nonminimal-length"}
HERE = [x.id for x in catalogue().values() if x.group in ("starttls", "tls")]
REACHING = [
    "starttls-missing", "starttls-refused", "early-octets", "clear-text", "not-mail",
    "not-let-in", "old-tls", "weak-tls", "client-certificate", "tls-refused", "tls-closed",
    "tls-hangs", "starttls-hidden", "version-intolerant", "preauth", "goes-on-in-clear",
    "not-each-time",
]  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], Found]]:
    """What is found at each endpoint of each scenario: what was reached, or the error's line."""
    house = House(tmp_path_factory.mktemp("house"))
    sites = {id_: house.open(house.plan(id_)) for id_ in HERE}
    places = [(id_, name) for id_, site in sites.items() for name in site.served]

    async def looked(id_: str, endpoint: str) -> Found:
        one = sites[id_].served[endpoint]
        errand = Errand(
            name=sites[id_].plan.name, system=False, deadlines=SHORT, dns=NO_DNS,
            starttls=one.endpoint.protocol if one.endpoint.tls == "starttls" else "none",
        )  # fmt: skip
        try:
            return await reach(Target(one.host, one.port), errand)
        except CannotJudgeError as error:
            return str(error)

    yield dict(zip(places, house.each(looked, places), strict=True))
    house.close()


@pytest.mark.long
def test_no_server_of_the_catalogue_is_left_without_a_word(
    found: dict[tuple[str, str], Found],
) -> None:
    for place, one in found.items():
        if isinstance(one, str):
            assert one.isprintable(), place
            continue
        assert one.seen or one.findings, place
        assert all(each.words.isprintable() for each in one.findings), place


@pytest.mark.long
@pytest.mark.parametrize("finding", REACHING)
def test_the_scenario_that_a_finding_names_shows_it(
    finding: str, found: dict[tuple[str, str], Found]
) -> None:
    shown = [one for (id_, _), one in found.items() if id_ == SCENARIOS[finding]]
    assert shown
    for one in shown:
        words = one if isinstance(one, str) else [each.id for each in one.findings]
        assert finding in words or (finding == "not-mail" and "speaks HTTP" in words)


@pytest.mark.long
def test_every_other_chain_is_taken_off_the_wire_octet_for_octet(tmp_path: Path) -> None:
    others = [x.id for x in catalogue().values() if x.id not in HERE and "imaps" in x.endpoints]
    house = House(tmp_path)
    sites = {id_: house.open(house.plan(id_)) for id_ in others}

    async def taken(id_: str) -> tuple[bytes, ...] | None:
        one = sites[id_].served["imaps"]
        deadlines = replace(PATIENT, silence=1, dns=0.05)
        errand = Errand(
            name=sites[id_].plan.name, system=False, deadlines=deadlines, dns=NO_DNS,
            starttls="none",
        )  # fmt: skip
        reached = await reach(Target(one.host, one.port), errand)
        return reached.seen[0].presented.chain if reached.seen else None

    shown = dict(zip(others, house.each(taken, [(id_,) for id_ in others]), strict=True))
    house.close()
    wrong = {id_ for id_, chain in shown.items() if chain != sites[id_].plan.door.chain}
    assert wrong == NOT_SHOWN
