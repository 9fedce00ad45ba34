"""Every scenario against every client and TLS version: two witnesses, and they agree."""

import re
from dataclasses import dataclass
from itertools import product
from typing import Literal

import pytest

from clients.house import House
from mitmail.engine.session import Session
from mitmail.judge import driver
from mitmail.judge.client import Said
from mitmail.judge.outcome import strongest
from mitmail.scenario import sets

type Tls = Literal["TLSv1_2", "TLSv1_3"]

SCENARIOS = sets.load("demo")
PROGRAMS = ("openssl", "curl", "gnutls-cli")
CLIENTS = ("python", *PROGRAMS)
VERSIONS: tuple[Tls, ...] = ("TLSv1_2", "TLSv1_3")
IMPLICIT, STARTTLS = ("imaps", "pop3s", "smtps"), ("imap", "pop3", "smtp")

# What a client's own text must say when we name the reason that it had.
TEXTS = {
    "expired": r"expired",
    "unknown-issuer": r"self.signed certificate|local issuer|issuer is unknown|first certificate",
}


@dataclass(frozen=True)
class Cell:
    """One client with one TLS version at one endpoint of one scenario."""

    scenario: str
    tls: Tls
    client: str
    endpoint: str

    def __str__(self) -> str:
        return f"{self.scenario}-{self.tls}-{self.client}-{self.endpoint}"


def spread() -> list[Cell]:
    """Each combination on one implicit and one STARTTLS endpoint, protocols in turn."""
    rows = product(enumerate(SCENARIOS), enumerate(VERSIONS), enumerate(CLIENTS))
    return [
        Cell(scenario, tls, client, endpoints[(i + j + k + shift) % 3])
        for (i, scenario), (j, tls), (k, client) in rows
        for shift, endpoints in enumerate((IMPLICIT, STARTTLS))
    ]


CELLS = spread()
type Answers = dict[Cell, tuple[Said, list[Session]]]


@pytest.fixture(scope="module")
def answers(house: House) -> Answers:
    """All clients asked; those at one endpoint one after the other."""
    clients = {one.name: one for one in house.run(driver.found(PROGRAMS))}
    queues: dict[tuple[str, str], list[Cell]] = {}
    for cell in CELLS:
        if cell.client in clients:
            queues.setdefault((cell.scenario, cell.endpoint), []).append(cell)
    sites = {name: house.open(house.plan(name)) for name in SCENARIOS}
    roots = {name: house.roots(site.plan.server_roots[0]) for name, site in sites.items()}
    found: Answers = {}

    async def ask(cells: list[Cell]) -> None:
        for cell in cells:
            site = sites[cell.scenario]
            target = site.target(cell.endpoint, roots[cell.scenario], tls=cell.tls)
            said = await clients[cell.client].ask(target)
            found[cell] = said, await site.settled(cell.endpoint)

    house.each(ask, [(cells,) for cells in queues.values()])
    return found


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_our_verdict_is_the_clients_own(house: House, answers: Answers, cell: Cell) -> None:
    said, sessions = answers[cell]
    seen = strongest(sessions)
    assert seen is not None
    assert (seen.verdict, said.exit_code == 0) in {("accept", True), ("reject", False)}, said
    assert seen.verdict == said.verdict, said
    expected = house.plan(cell.scenario).expect(cell.endpoint)
    if expected.level == "must":
        assert seen.verdict == expected.verdict, said
    for session in sessions:
        assert session.error is None
        assert session.hello is not None
        assert session.hello.versions == (cell.tls.replace("_", "."),)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_reason_that_we_name_is_in_the_clients_text(answers: Answers, cell: Cell) -> None:
    said, sessions = answers[cell]
    for session in sessions:
        assert session.verdict is not None
        if session.verdict.reason is not None:
            assert re.search(TEXTS[session.verdict.reason], said.text, re.IGNORECASE), said.text


def test_every_session_has_exactly_one_verdict(house: House, answers: Answers) -> None:
    assert len(house.ledger.told) >= len(answers) > 0
    for told in house.ledger.told.values():
        assert told.count("begin") == told.count("verdict") == 1
        assert told[:2] == ["begin", "verdict"]
