"""The state of a run that can be switched, as a JSON document."""

from typing import Any

from mitmail.service import record
from mitmail.service.journal import Journal
from mitmail.service.stage import Shown

type Json = dict[str, Any]

SECRET = {"user", "password"}  # those of the test user: in the first line, and not in every one


def state(shown: Shown, journal: Journal) -> Json:
    """What is served now, and what a correct client that trusts the server's root does.

    ``named`` is how it was asked for: an id or a file, and null for the healthy server.
    """
    plan = shown.bench.plan
    expected = {name: plan.expect(name) for name in shown.offered}
    return {
        **record.stand(shown.bench, shown.offered),
        "named": {"scenario": shown.orders.scenario, "antivirus": shown.orders.antivirus},
        "switches": sorted(shown.orders.switches),
        "closed": shown.closed,
        "expect": {} if shown.bench.upstream else {
            name: {"verdict": x.verdict, "reasons": sorted(x.reasons), "level": x.level}
            for name, x in expected.items()
        },
        "new_root": shown.new_root,
        "new_antivirus_root": shown.new_antivirus_root,
        "showing": next(iter(shown.served.values())).showing,
        "last_session": journal.last,
        "running": journal.running,
    }  # fmt: skip


def switched(shown: Shown, journal: Journal) -> Json:
    """The record of a switch, among those of sessions."""
    said = {key: value for key, value in state(shown, journal).items() if key not in SECRET}
    return {"schema": record.SCHEMA, "record": "switch", **said}
