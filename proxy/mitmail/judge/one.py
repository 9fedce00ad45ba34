"""One client in one case: asked where nothing is wrong first, which proves what follows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mitmail.endpoint import ENDPOINTS, Endpoint
from mitmail.errors import MitmailError
from mitmail.judge import secret
from mitmail.judge.bench import PATIENCE, Bench, opened
from mitmail.judge.case import BOTH_ROOTS, SERVER_ROOT, Case
from mitmail.judge.cell import Cell, ask
from mitmail.judge.client import Client
from mitmail.judge.control import has_leaked
from mitmail.judge.gate import asked
from mitmail.judge.outcome import Outcome
from mitmail.pki.store import Store
from mitmail.plan import Names, make
from mitmail.scenario import loader
from mitmail.scenario.matrix import HEALTHY


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: a scenario, behind which antivirus, and what the client trusts.

    ``scenario`` and ``antivirus`` are ids or paths. ``endpoint`` None is every endpoint of the
    scenario that the client speaks; ``name`` is the customer's own host name.
    """

    scenario: str
    endpoint: Endpoint | None = None
    antivirus: str = "none"
    trusts_antivirus: bool = False
    name: str | None = None
    folders: tuple[Path, ...] = ()


def cases(question: Question) -> list[Case]:
    """The case, and before it its controls. Raises MitmailError."""
    scenario = loader.find(question.scenario, question.folders)
    vendor = None if question.antivirus == "none" else loader.find_vendor(question.antivirus)
    if vendor is None and question.trusts_antivirus:
        raise MitmailError("--trust-antivirus is for an antivirus: name one, --antivirus norton")
    # The roots end with this run, and a name that they are not made for is no fault of the case.
    store, names = Store(None), Names(question.name) if question.name else None
    plan = make(scenario, vendor, store, names=names, constrained=False)
    case = Case(plan, BOTH_ROOTS if question.trusts_antivirus else SERVER_ROOT, plan.name)
    if scenario.id == HEALTHY and vendor is None:
        return [case]
    healthy = make(loader.find(HEALTHY), None, store, names=names, constrained=False)
    found = [Case(healthy, SERVER_ROOT, healthy.name)]
    if scenario.control is not None and names is None:
        bare = make(scenario, None, store, constrained=False)
        found.append(Case(bare, SERVER_ROOT, scenario.control.connect_as, control=True))
    return [*found, case]


async def answers(
    client: Client, every: Sequence[Case], only: Endpoint | None, patience: float = PATIENCE
) -> list[Cell]:
    """What came of the last of these cases on its endpoints; those before it are its controls.

    Where the client fails a control, its cell is the control's, and an error; one that is surely
    vulnerable there is asked on, since what it gives away in the case is proven by itself. What
    the client says is masked as in a report. Raises MitmailError when no endpoint is left.
    """
    endpoints = _endpoints(client, every[-1], only)
    try:
        async with opened(patience) as bench:
            cells = [await _answer(bench, client, every, name) for name in endpoints]
            return [_masked(cell, bench.password) for cell in cells]
    finally:
        await client.close()


async def _answer(bench: Bench, client: Client, every: Sequence[Case], endpoint: str) -> Cell:
    *controls, case = every
    for control in controls:
        if endpoint in control.plan.scenario.endpoints:
            cell = await ask(bench, client, control, endpoint)
            if cell.outcome.word != "pass":
                return await _ask_on(bench, client, case, failed=cell)
    return await asked(bench, client, case, endpoint)


async def _ask_on(bench: Bench, client: Client, case: Case, *, failed: Cell) -> Cell:
    if has_leaked(failed):
        cell = await asked(bench, client, case, failed.endpoint)
        return cell if has_leaked(cell) else cell.ruled(_unproven(failed))
    return failed.ruled(_unproven(failed))


def _masked(cell: Cell, password: str) -> Cell:
    told: dict[str, Any] = {"said": cell.said, "seen": cell.seen, "outcome": cell.outcome}
    return replace(cell, **secret.masked(told, [password]))


def _unproven(cell: Cell) -> Outcome:
    if cell.outcome.word == "error" or has_leaked(cell):
        return Outcome("error", f"already where nothing is wrong: {cell.outcome.why}")
    words = "it refuses a server with which nothing is wrong, so its refusals prove nothing"
    return Outcome("error", words)


def _endpoints(client: Client, case: Case, only: Endpoint | None) -> list[str]:
    scenario = case.plan.scenario
    spoken = [str(name) for name in scenario.endpoints if client.speaks(ENDPOINTS[name])]
    if only is not None and only.name not in scenario.endpoints:
        shown = ", ".join(scenario.endpoints)
        raise MitmailError(f"{scenario.id} cannot be shown on {only.name}: use {shown}")
    if not spoken or (only is not None and only.name not in spoken):
        tongues = [name for name, one in ENDPOINTS.items() if client.speaks(one)]
        where = only.name if only is not None else "any endpoint of " + scenario.id
        raise MitmailError(f"{client.name} does not speak {where}: it speaks {', '.join(tongues)}")
    return [only.name] if only is not None else spoken
