"""The ledger: it knows each cell by its own name, whatever pytest calls it."""

import pytest

from mitmail.judge.brief import Brief
from mitmail.judge.grid import Entry, Errand
from mitmail.judge.items import item_id
from mitmail.judge.ledger import Ledger
from mitmail.judge.result import Result


def heard(client: str, exclusive: str | None) -> list[Result]:
    """What is heard of a client's only cell, which fails on our side."""
    entry = Entry(
        index=0, client=client, brief=Brief(scenario="healthy"), endpoint="imaps",
        exclusive=exclusive,
    )  # fmt: skip
    errand = Errand(
        entries=(entry,), clients={client: client}, versions={client: "1"}, again="", patience=1.0
    )
    results: list[Result] = []
    report = pytest.TestReport(
        item_id(entry), ("", None, ""), {}, "failed", "it broke", "setup", duration=0.0
    )
    Ledger(errand, results.append).pytest_runtest_logreport(report)
    return results


@pytest.mark.parametrize("exclusive", [None, "display", "display@home"])
@pytest.mark.parametrize("client", ["curl", "me@home", "me::home"])
def test_a_name_that_looks_like_xdists_mark_is_a_name(client: str, exclusive: str | None) -> None:
    results = heard(client, exclusive)

    assert [(one.cell, one.outcome, one.why) for one in results] == [
        (f"{client}/healthy/imaps", "error", "our side failed: it broke")
    ]
