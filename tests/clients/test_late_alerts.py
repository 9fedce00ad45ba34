"""A client that refuses after its Finished is heard, however fast it leaves."""

import json
import sys
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import pytest

from clients.house import House, Site
from mitmail.engine.session import Session
from mitmail.judge.program import run

pytestmark = pytest.mark.long  # real programs, for many seconds: `make test` has five minutes

CODES = (42, 43, 44, 45, 46, 48, 49, 51, 80)
WARNING, FATAL = 1, 2
CLOSE_NOTIFY, USER_CANCELED = 0, 90
VERSIONS = ("TLSv1_2", "TLSv1_3")
SCRIPT = str(Path(__file__).parent / "late_client.py")


async def visit(
    site: Site, endpoint: str, tls: str, reset: bool, visits: Sequence[Sequence[tuple[int, int]]]
) -> list[Session]:
    """The sessions of all visits to an endpoint, in order."""
    one = site.served[endpoint]
    job = {
        "host": one.host,
        "port": one.port,
        "name": site.plan.name,
        "protocol": one.endpoint.protocol,
        "starttls": one.endpoint.tls == "starttls",
        "tls": tls,
        "visits": visits,
        "reset": reset,
    }
    ended = await run([sys.executable, SCRIPT, json.dumps(job)], seconds=60)
    assert ended.code == 0, ended.err
    sessions = await site.settled(endpoint)
    assert len(sessions) == len(visits)
    return sessions


def heard(sessions: list[Session]) -> list[tuple[str, int | None]]:
    return [(x.verdict.verdict, x.verdict.alert) for x in sessions if x.verdict]


@pytest.mark.parametrize("count", [len(CODES), pytest.param(50, marks=pytest.mark.long)])
@pytest.mark.parametrize("tls", VERSIONS)
@pytest.mark.parametrize(
    ("antivirus", "reset"),
    [("none", False), ("none", True), ("norton", False)],
    ids=["door-fin", "door-rst", "norton-fin"],
)
def test_every_late_alert_is_the_verdict(
    house: House, antivirus: str, tls: str, count: int, *, reset: bool
) -> None:
    site = house.open(house.plan("healthy", antivirus))
    codes = list(islice(cycle(CODES), count))
    alerts = [[(FATAL, code)] for code in codes]
    jobs = [(site, endpoint, tls, reset, alerts) for endpoint in ("imaps", "imap")]
    for sessions in house.each(visit, jobs):
        assert heard(sessions) == [("reject", code) for code in codes]
        for session in sessions:
            facts = [fact.fact for fact in session.facts]
            assert facts.index("handshake-done") < facts.index("alert-received")


@pytest.mark.parametrize("endpoint", ["imaps", "imap"])
@pytest.mark.parametrize("tls", VERSIONS)
def test_an_ordinary_end_after_the_handshake_is_suspected(
    house: House, tls: str, endpoint: str
) -> None:
    """A Java client closes with user_canceled and close_notify (OpenJDK 17, measured)."""
    site = house.open(house.plan("wrong-host"))
    ends = [[(WARNING, CLOSE_NOTIFY)], [(WARNING, USER_CANCELED), (WARNING, CLOSE_NOTIFY)]]
    sessions = house.run(visit(site, endpoint, tls, False, ends))
    assert heard(sessions) == [("reject", None)] * len(ends)
    assert all(x.verdict.certainty == "suspected" for x in sessions if x.verdict)
