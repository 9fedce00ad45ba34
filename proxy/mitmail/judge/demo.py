"""The demo: the first scenarios, with and without an antivirus, against the clients found here.

It asks as ``mitmail judge`` does, but without pytest: that comes with an extra.
"""

import asyncio
import os
from collections.abc import Callable, Sequence

from mitmail.endpoint import ENDPOINTS
from mitmail.judge.bench import Bench, opened
from mitmail.judge.brief import Brief, expand
from mitmail.judge.case import Case, Casebook
from mitmail.judge.cell import Cell
from mitmail.judge.client import Client
from mitmail.judge.control import with_controls
from mitmail.judge.gate import asked
from mitmail.pki.store import Store
from mitmail.scenario import loader, sets
from mitmail.scenario.matrix import BARE, HEALTHY

SHIELD, IMPORTED = "norton", ("norton", "generic")


def cases(store: Store, chosen: str = "demo") -> list[Case]:
    """A set, bare and behind norton; its controls; the antivirus' root imported.

    ``chosen`` is a shipped set's name, or a file. Raises MitmailError. The healthy server is
    among the cases of every set: it is everybody's control.
    """
    scenarios = [loader.find(x) for x in dict.fromkeys((HEALTHY, *sets.load(chosen)))]
    briefs = expand(scenarios, (BARE, SHIELD))
    briefs += [Brief(scenario=HEALTHY, antivirus=x, imported=True) for x in IMPORTED]
    book = Casebook(store)
    return [book.case(brief) for brief in briefs]


async def run(
    clients: Sequence[Client],
    every: Sequence[Case] | None = None,
    *,
    done: Callable[[int, int], None] = lambda count, total: None,
) -> list[Cell]:
    """Ask every client in every case (the demo's, by default) on all of its endpoints.

    A client is asked for the protocols that it speaks.
    ``done`` hears how far it is.
    """
    every = cases(Store(None)) if every is None else every
    seats = [
        (client, case, endpoint)
        for case in every
        for endpoint in case.plan.scenario.endpoints
        for client in clients
        if client.speaks(ENDPOINTS[endpoint])
    ]
    finished = 0
    # Twice the cores: a client spends about half of its time waiting for our greeting.
    gate = asyncio.Semaphore(2 * (os.cpu_count() or 1))

    async def sit(bench: Bench, client: Client, case: Case, endpoint: str) -> Cell:
        nonlocal finished
        async with gate:
            cell = await asked(bench, client, case, endpoint)
        finished += 1
        done(finished, len(seats))
        return cell

    async with opened() as bench:
        return with_controls(await asyncio.gather(*(sit(bench, *seat) for seat in seats)))
