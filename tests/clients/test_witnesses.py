"""In every case of the catalogue the client's own word and what we saw are the same.

The clients log in and fetch a mail; their exit codes and texts are the one witness, the session
is the other. What a client does is its own business here: ``tests/proof`` holds the cases.
"""

import asyncio
from collections.abc import Collection, Iterator

import pytest

from bench import need
from mitmail.judge import demo, driver
from mitmail.judge.case import SERVER_ROOT, Case
from mitmail.judge.cell import Cell
from mitmail.pki.store import Store
from mitmail.plan import make
from mitmail.plan.server import utc_now
from mitmail.scenario import loader, sets

CLIENTS = ("curl", "openssl", "gnutls-cli")
# The server is silent until the deadline of 10 s; tests/proof asks with less patience.
SILENT = {"stall-after-clienthello", "stall-mid-certificate"}


def cases(wanted: Collection[str]) -> Iterator[Case]:
    """Each of these cases on IMAP with implicit TLS."""
    store, now = Store(None), utc_now()
    for scenario in map(loader.find, wanted):
        if "imaps" in scenario.endpoints and scenario.id not in SILENT:
            alone = scenario.model_copy(update={"endpoints": ("imaps",)})
            plan = make(alone, None, store, now=now, constrained=False)
            yield Case(plan, SERVER_ROOT, plan.name)


@pytest.fixture(scope="module", params=["quick", pytest.param("all", marks=pytest.mark.long)])
def cells(request: pytest.FixtureRequest) -> list[Cell]:
    every = list(cases(sets.load("quick") if request.param == "quick" else loader.files()))
    assert len(every) >= (20 if request.param == "quick" else 200)

    async def ask() -> list[Cell]:
        return await demo.run(await driver.found(CLIENTS), every)

    return asyncio.run(ask())


@pytest.mark.parametrize("client", ["python", *CLIENTS])
def test_what_a_client_says_is_what_we_saw(cells: list[Cell], client: str) -> None:
    if client != "python":
        need(client)
    asked = [cell for cell in cells if cell.client == client]
    contradicting = [
        f"{cell.case.label}: says {cell.said.verdict}, we saw {cell.seen}"
        for cell in asked
        if cell.seen is not None and _contradict(cell.said.verdict, cell.seen.verdict)
    ]
    assert asked
    assert contradicting == []


@pytest.mark.parametrize("client", ["python", *CLIENTS])
def test_a_reason_that_we_name_is_one_that_the_case_has(cells: list[Cell], client: str) -> None:
    if client != "python":
        need(client)
    wrong = [
        f"{cell.case.label}: {cell.seen.reason}, by {cell.seen.evidence}"
        for cell in cells
        if cell.client == client and cell.seen is not None and cell.seen.reason is not None
        if cell.expected.verdict == "reject" and cell.seen.reason not in cell.expected.reasons
    ]
    assert wrong == []


def _contradict(said: str, seen: str) -> bool:
    # A word that could not be read contradicts nothing; a session that came to nothing is no
    # acceptance.
    return (said, seen) in {("accept", "reject"), ("reject", "accept"), ("accept", "none")}
