"""The demo: the first scenarios, with and without an antivirus, against the clients found here."""

import asyncio
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mitmail.addon.proxy import Proxy
from mitmail.engine.verdict import Verdict
from mitmail.judge.client import Client, Said, Target
from mitmail.judge.outcome import Outcome, decide, strongest
from mitmail.judge.watch import Watch
from mitmail.mailstore.seed import seed
from mitmail.mailstore.server import Mailstore
from mitmail.mailstore.store import Store as MailStore
from mitmail.pki.certificate import pem
from mitmail.pki.store import Store
from mitmail.plan import Expectation, Plan, Trusted, make
from mitmail.plan.expectation import exception
from mitmail.plan.server import utc_now
from mitmail.scenario import loader, sets
from mitmail.service.orders import USER
from mitmail.service.record import Served
from mitmail.service.service import Service

HEALTHY = "healthy"
SERVER_ROOT: frozenset[Trusted] = frozenset({"server-root"})
BOTH_ROOTS: frozenset[Trusted] = frozenset({"server-root", "antivirus-root"})
VERDICT_DEADLINE = 15.0


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the demo: a plan, the roots that the client trusts, and the name it uses."""

    plan: Plan
    trusted: frozenset[Trusted]
    name: str
    control: bool = False

    @property
    def label(self) -> str:
        """The row's name: scenario, and the name used where it is a control."""
        scenario = self.plan.scenario.id
        return f"{scenario} as {self.name}" if self.control else scenario

    @property
    def antivirus(self) -> str:
        """The product, marked where its root was imported."""
        imported = " imported" if "antivirus-root" in self.trusted else ""
        return self.plan.antivirus + imported

    def expect(self, endpoint: str) -> Expectation:
        """What a correct client does; under the control's name it accepts."""
        if self.control:
            return Expectation("accept", frozenset(), "must")
        return self.plan.expect(endpoint, self.trusted)


@dataclass(frozen=True, slots=True)
class Cell:
    """One client in one case on one endpoint."""

    case: Case
    endpoint: str
    client: str
    expected: Expectation
    said: Said
    seen: Verdict | None
    outcome: Outcome


def cases(store: Store, chosen: str = "demo") -> list[Case]:
    """A set, bare and behind norton; its controls; the antivirus' root imported.

    ``chosen`` is a shipped set's name, or a file. Raises MitmailError. The healthy server is
    among the cases of every set: it is everybody's control.
    """
    now = utc_now()
    vendors = {name: loader.find_vendor(name) for name in ("norton", "generic")}
    found: list[Case] = []
    for scenario in map(loader.find, dict.fromkeys((HEALTHY, *sets.load(chosen)))):
        bare = make(scenario, None, store, now=now)
        shielded = make(scenario, vendors["norton"], store, now=now)
        found += [Case(plan, SERVER_ROOT, plan.name) for plan in (bare, shielded)]
        if scenario.control is not None:
            found.append(Case(bare, SERVER_ROOT, scenario.control.connect_as, control=True))
    for vendor in vendors.values():
        plan = make(loader.find(HEALTHY), vendor, store, now=now)
        found.append(Case(plan, BOTH_ROOTS, plan.name))
    return found


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
    password = secrets.token_urlsafe(12)
    async with _service(password) as (service, folder):
        # Twice the cores: a client spends about half of its time waiting for our greeting.
        gate = asyncio.Semaphore(2 * (os.cpu_count() or 1))
        jobs = []
        for number, case in enumerate(every):
            roots = _write_roots(case, folder / f"{number}.pem")
            watches: dict[str, Watch] = {}
            served = await service.open(case.plan, _to(watches))
            for name, one in served.items():
                watches[name] = Watch()
                target = _target(one, case, password, roots)
                able = [x for x in clients if one.endpoint.protocol in x.protocols]
                jobs.append(_Job(case, target, watches[name], able, gate))
        total, finished = sum(len(job.clients) for job in jobs), 0

        async def ask(job: "_Job") -> list[Cell]:
            nonlocal finished
            cells = await job.ask()
            finished += len(cells)
            done(finished, total)
            return cells

        answers = await asyncio.gather(*(ask(job) for job in jobs))
    return with_controls([cell for cells in answers for cell in cells])


def _to(watches: dict[str, Watch]) -> Callable[..., None]:
    def observe(happening: object, served: Served, number: int, session: object) -> None:
        watches[served.endpoint.name].observe(happening, served, number, session)  # type: ignore[arg-type] # passed on as it came

    return observe


@dataclass(frozen=True, slots=True)
class _Job:
    case: Case
    target: Target
    watch: Watch
    clients: Sequence[Client]
    gate: asyncio.Semaphore

    async def ask(self) -> list[Cell]:
        return [await self._ask(client) for client in self.clients]

    async def _ask(self, client: Client) -> Cell:
        async with self.gate:
            said = await client.ask(self.target)
            sessions = await self.watch.settled(VERDICT_DEADLINE)
        case, name = self.case, self.target.endpoint.name
        expected = case.expect(name)
        plan = case.plan
        known = exception(
            plan.scenario, plan.shield, name, case.trusted, (client.name, client.version)
        )
        seen = strongest(sessions)
        outcome = decide(expected, said, sessions, known)
        return Cell(case, name, client.name, expected, said, seen, outcome)


def with_controls(cells: Sequence[Cell]) -> list[Cell]:
    """A client that fails a control proves nothing in the cases that it is the control of.

    The healthy server is everybody's; a scenario's own is the same server by its right name.
    """
    failed = {_control(cell) for cell in cells if _control(cell) and cell.outcome.word != "pass"}
    return [cell if _control(cell) else _judged(cell, failed) for cell in cells]


type _Control = tuple[str, str, str]


def _control(cell: Cell) -> _Control | None:
    plan = cell.case.plan
    if cell.case.control or (plan.scenario.id == HEALTHY and plan.shield is None):
        return plan.scenario.id, cell.client, cell.endpoint
    return None


def _judged(cell: Cell, failed: set[_Control | None]) -> Cell:
    for scenario in (HEALTHY, cell.case.plan.scenario.id):
        if (scenario, cell.client, cell.endpoint) in failed:
            words = f"this client fails the control of {scenario}, where nothing is wrong"
            return replace(cell, outcome=Outcome("error", words))
    return cell


def _target(served: Served, case: Case, password: str, roots: Path) -> Target:
    return Target(
        endpoint=served.endpoint,
        host=served.host,
        port=served.port,
        name=case.name,
        user=USER,
        password=password,
        roots=roots,
    )


def _write_roots(case: Case, file: Path) -> Path:
    roots = [*case.plan.server_roots]
    if "antivirus-root" in case.trusted and case.plan.antivirus_root is not None:
        roots.append(case.plan.antivirus_root.certificate)
    file.write_bytes(pem(*roots))
    return file


@asynccontextmanager
async def _service(password: str) -> AsyncIterator[tuple[Service, Path]]:
    mail = MailStore(USER, password, messages=seed(USER, utc_now()))
    async with Mailstore(mail) as mailstore:
        proxy = await Proxy.start()
        try:
            with tempfile.TemporaryDirectory(prefix="mitmail-") as folder:
                yield Service(proxy, mailstore), Path(folder)
        finally:
            await proxy.stop()
