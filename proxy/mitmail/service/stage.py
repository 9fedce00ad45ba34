"""The stage: what one ``mitmail serve`` shows, and may show instead while its ports stay."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mitmail.errors import MitmailError
from mitmail.plan.installation import uninstall
from mitmail.scenario import fault, loader
from mitmail.scenario.hostname import CUSTOMER, NAME
from mitmail.scenario.model import Scenario
from mitmail.service.change import Change
from mitmail.service.keeping import Keeping
from mitmail.service.orders import HEALTHY, Orders, patience, place, prepare
from mitmail.service.record import Bench, Served
from mitmail.service.service import Observer, Service

type Audience = Callable[[Bench], Observer]
"""Who hears of the sessions that see a bench; those that run are told of by their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is on: the orders, what a user needs to know, every port, and what is new about it.

    ``new_root`` and ``new_antivirus_root`` say that what was imported before is of no use now.
    """

    orders: Orders
    bench: Bench
    served: dict[str, Served]
    new_root: bool = False
    new_antivirus_root: bool = False

    @property
    def offered(self) -> dict[str, Served]:
        """The endpoints that the scenario is for."""
        return {name: one for name, one in self.served.items() if one.offered}

    @property
    def closed(self) -> list[str]:
        """The names of the endpoints where clients are turned away."""
        return [name for name, one in self.served.items() if not one.offered]


class Stage:
    """Shows one plan after the other on the same ports, under the same name.

    ``folder`` takes what need not outlive the run.
    """

    def __init__(
        self, orders: Orders, folder: Path, keeping: Keeping, service: Service, tell: Audience
    ) -> None:
        self._orders = orders
        self._folder = folder
        self._keeping = keeping
        self._service = service
        self._tell = tell
        self._lock = asyncio.Lock()
        self._roots: dict[str, bytes] = {}  # of each product, as last shown
        self._shown: Shown | None = None

    @property
    def shown(self) -> Shown:
        """What is on."""
        assert self._shown is not None
        return self._shown

    async def open(self, bench: Bench) -> Shown:
        """Open the endpoints of what the orders came to; raises MitmailError."""
        served = await self._service.open(
            bench.plan,
            self._tell(bench),
            place=place(self._orders),
            patience=patience(self._orders),
            upstream=bench.upstream,
        )
        self._shown = Shown(orders=self._orders, bench=bench, served=served)
        self._is_new_root(bench)
        return self._shown

    async def switch(self, change: Change) -> Shown:
        """Show something else, to new sessions; the client's name and every port stay.

        Raises MitmailError, CannotJudgeError where a further port is taken; then all is as it was.
        """
        async with self._lock:
            before = self.shown
            orders = change.apply(before.orders)
            await self._put_on(orders)
            if change.reinstall:
                # Only now: a change that fails must not have thrown a root away.
                await asyncio.to_thread(self._uninstall)
                await self._put_on(orders)
            bench = self.shown.bench
            self._shown = replace(
                self.shown,
                new_root=before.bench.plan.server_roots != bench.plan.server_roots,
                new_antivirus_root=self._is_new_root(bench),
            )
            return self._shown

    def _is_new_root(self, bench: Bench) -> bool:
        """Whether the product that is on has another root than this run has shown of it."""
        root = bench.plan.antivirus_root
        if root is None:
            return False
        known = self._roots.get(bench.plan.antivirus)
        self._roots[bench.plan.antivirus] = root.certificate
        return known != root.certificate

    def _uninstall(self) -> None:
        shield = self.shown.bench.plan.shield
        assert shield is not None
        store = self._keeping.of_products(exact=shield.exact)
        uninstall(shield.vendor, store, self._keeping.aside)

    async def _put_on(self, orders: Orders) -> None:
        before = self.shown
        # A key may take seconds to make; what runs must not stand still.
        bench = await asyncio.to_thread(self._prepare, orders, before.bench.plan.name)
        served = await self._service.switch(
            before.served,
            bench.plan,
            self._tell(bench),
            place=place(orders),
            patience=patience(orders),
            upstream=bench.upstream,
        )
        self._shown = Shown(orders=orders, bench=bench, served=served)

    def _prepare(self, orders: Orders, name: str) -> Bench:
        if orders.name is None and not orders.upstreams:
            _check_name(loader.find(orders.scenario or HEALTHY, orders.folders), name)
        return prepare(orders.in_force, self._folder, self._keeping, name=name)


def _check_name(scenario: Scenario, name: str) -> None:
    """Refuse a scenario that is another case for a client that uses this name."""
    own = scenario.connect_as or CUSTOMER
    if own != name and _faults(scenario, own) != _faults(scenario, name):
        raise MitmailError(
            f"{scenario.id} is for a client that connects to {own}, and this one connects to "
            f"{name}: stop it and start mitmail serve {scenario.id}"
        )


def _faults(scenario: Scenario, name: str) -> set[tuple[str, str]]:
    return {(x.part, x.words.replace(name, NAME)) for x in fault.faults(scenario, name)}
