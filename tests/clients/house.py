"""The house that clients are let into: one proxy, one mailstore, and a ledger of all sessions."""

import asyncio
import os
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mitmail.addon.proxy import Proxy
from mitmail.addon.route import Happening
from mitmail.engine.session import Session
from mitmail.judge.client import Target
from mitmail.judge.watch import Watch
from mitmail.mailstore.seed import seed
from mitmail.mailstore.server import Mailstore
from mitmail.mailstore.store import Store as MailStore
from mitmail.pki.certificate import pem
from mitmail.pki.store import Store
from mitmail.plan import Plan, make
from mitmail.plan.server import utc_now
from mitmail.scenario import loader
from mitmail.service.place import JUDGE, Patience
from mitmail.service.record import Served
from mitmail.service.service import Service
from mitmail.service.upstream import Upstream

USER, PASSWORD = "qa@customer.test", "Pass-4711"
VERDICT_SECONDS = 15.0
GATE = 2 * (os.cpu_count() or 1)  # a client waits for half of its time


@dataclass
class Ledger:
    """What was announced of every session of a house, in order."""

    told: dict[int, list[Happening]] = field(default_factory=lambda: defaultdict(list))
    sessions: dict[int, Session] = field(default_factory=dict)

    def write(self, happening: Happening, number: int, session: Session) -> None:
        self.told[number].append(happening)
        self.sessions[number] = session


class Site:
    """One plan on its ports, and the witnesses of its endpoints."""

    def __init__(self, plan: Plan, ledger: Ledger) -> None:
        self.plan = plan
        self.served: dict[str, Served] = {}
        self.watches: dict[str, Watch] = defaultdict(Watch)
        self._ledger = ledger

    def observe(self, happening: Happening, served: Served, number: int, session: Session) -> None:
        self._ledger.write(happening, number, session)
        self.watches[served.endpoint.name].observe(happening, served, number, session)

    def target(self, endpoint: str, roots: Path, **changes: Any) -> Target:
        one = self.served[endpoint]
        said: dict[str, Any] = {"name": self.plan.name, "user": USER, "password": PASSWORD}
        return Target(
            endpoint=one.endpoint, host=one.host, port=one.port, roots=roots, **said | changes
        )

    async def settled(self, endpoint: str) -> list[Session]:
        """The sessions of an endpoint since the last call, each with its verdict."""
        return await self.watches[endpoint].settled(VERDICT_SECONDS)


class House:
    """A proxy and a mailstore in an event loop that runs while a test waits for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger()
        self.store = Store(None)
        self.mail = MailStore(USER, PASSWORD, messages=seed(USER, utc_now()))
        self.mailstore = Mailstore(self.mail)
        self._runner = asyncio.Runner()
        self.proxy = self.run(self._start())
        self.service = Service(self.proxy, self.mailstore)

    async def _start(self) -> Proxy:
        await self.mailstore.__aenter__()
        return await Proxy.start()

    def run[T](self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def each[*Ts, T](
        self, work: Callable[[*Ts], Coroutine[Any, Any, T]], items: Iterable[tuple[*Ts]]
    ) -> list[T]:
        """Do the work for all items side by side, a few at a time; the results in order."""

        async def everything() -> list[T]:
            gate = asyncio.Semaphore(GATE)

            async def one(item: tuple[*Ts]) -> T:
                async with gate:
                    return await work(*item)

            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(item)) for item in items]
            return [task.result() for task in tasks]

        return self.run(everything())

    def plan(
        self, scenario: str, antivirus: str = "none", *, switches: frozenset[str] = frozenset()
    ) -> Plan:
        vendor = None if antivirus == "none" else loader.find_vendor(antivirus)
        return make(loader.find(scenario), vendor, self.store, switches=switches)

    def open(
        self, plan: Plan, *, upstream: Upstream | None = None, patience: Patience = JUDGE
    ) -> Site:
        site = Site(plan, self.ledger)
        opening = self.service.open(plan, site.observe, patience=patience, upstream=upstream)
        site.served = self.run(opening)
        return site

    def roots(self, *certificates: bytes) -> Path:
        """A PEM file of these certificates (DER)."""
        file = self.folder / f"roots-{len(list(self.folder.iterdir()))}.pem"
        file.write_bytes(b"".join(map(pem, certificates)))
        return file

    def close(self) -> None:
        """End the sessions, free the ports, end the loop."""
        self.run(self.proxy.stop())
        self.run(self.mailstore.close())
        self._runner.close()
