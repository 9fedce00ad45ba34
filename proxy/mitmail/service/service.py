"""Serving plans: one mailstore, one proxy, and for each plan its doors and shields."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count

from mitmail.addon.proxy import Listener, Proxy
from mitmail.addon.route import Happening, Route, Scan
from mitmail.endpoint import ENDPOINTS, Endpoint
from mitmail.engine.session import Session
from mitmail.errors import MitmailError
from mitmail.mailstore.server import Mailstore
from mitmail.plan import Plan
from mitmail.service.place import JUDGE, Patience, Place
from mitmail.service.reception import Reception
from mitmail.service.record import Served
from mitmail.service.routes import Routes, closed_route, door_route
from mitmail.service.scene import Observer, Show, build, observed
from mitmail.service.upstream import Upstream

__all__ = ["Observer", "Service"]


@dataclass(frozen=True, slots=True)
class _Front:
    """What a port that is shown leads to: its route, and the keys of what is open behind it."""

    route: Route
    behind: tuple[str, ...] = ()


class Service:
    """Serves plans until it is closed; ``scan`` scans messages in place of the built-in rule."""

    def __init__(self, proxy: Proxy, mailstore: Mailstore, scan: Scan | None = None) -> None:
        self._scan = scan
        self._proxy = proxy
        self._mailstore = mailstore
        self._plans = count(1)
        self._fronts: dict[int, _Front] = {}  # by port
        self._leaving: dict[int, list[_Front]] = {}  # sessions of theirs may still run
        self._closing: set[asyncio.Task[None]] = set()

    async def open(
        self,
        plan: Plan,
        observe: Observer,
        *,
        place: Place | None = None,
        patience: Patience = JUDGE,
        upstream: Upstream | None = None,
        only: str | None = None,
    ) -> dict[str, Served]:
        """Open a plan's endpoints, by name: those that its scenario is for, or its upstream's.

        ``only`` names the one that is wanted.
        Raises CannotJudgeError when a port is taken, MitmailError when no endpoint is left.
        """
        show = self._show(plan, observe, place, patience, upstream)
        wanted = [x for x in show.endpoints if only in {None, x.name}]
        scene = await build(show, wanted, self._proxy, self._mailstore)
        try:
            served = await self._listen(show.routes.place, scene.fronts, show.served, observe)
        except MitmailError:
            await self._proxy.close(scene.keys)
            raise
        for name, keys in scene.behind.items():
            front = self._fronts[served[name].port]
            self._fronts[served[name].port] = replace(front, behind=tuple(keys))
        return served

    async def switch(
        self,
        served: Mapping[str, Served],
        plan: Plan,
        observe: Observer,
        *,
        place: Place | None = None,
        patience: Patience = JUDGE,
        upstream: Upstream | None = None,
    ) -> dict[str, Served]:
        """Show another plan where ``served`` is, ports unchanged: to new sessions only.

        Where the scenario has nothing on an endpoint, whoever connects is turned away
        (``Served.offered`` is False); an endpoint that was not open yet is opened. Whatever runs
        goes on to its end as it began. Raises as ``open`` does, and nothing has changed then.
        """
        show = self._show(plan, observe, place, patience, upstream)
        wanted = show.endpoints
        scene = await build(show, wanted, self._proxy, self._mailstore)
        new = {name: x for name, x in scene.fronts.items() if name not in served}
        try:
            opened = await self._listen(show.routes.place, new, show.served, observe)
        except MitmailError:
            await self._proxy.close(scene.keys)
            raise
        # From here on nothing waits: all endpoints change at once.
        now: dict[str, Served] = {}
        for name, before in served.items():
            front = scene.fronts.get(name) or closed_route(before.endpoint, plan.scenario.id)
            offered = name in scene.fronts
            shown = replace(show.served(ENDPOINTS[name], before.port), offered=offered)
            now[name] = shown
            self._replace(shown, front, tuple(scene.behind.get(name, ())), now, observe)
        for name, one in opened.items():
            now[name] = one
            front_keys = tuple(scene.behind[name])
            self._fronts[one.port] = replace(self._fronts[one.port], behind=front_keys)
        ports = {name: one.port for name, one in now.items() if one.offered}
        now.update({name: replace(one, ports=ports) for name, one in now.items()})
        self._sweep()
        return {name: now[name] for name in ENDPOINTS if name in now}

    def _show(
        self,
        plan: Plan,
        observe: Observer,
        place: Place | None,
        patience: Patience,
        upstream: Upstream | None,
    ) -> Show:
        admission = plan.admission() if plan.shield is not None else None
        routes = Routes(next(self._plans), plan, patience, place or Place(), admission, self._scan)
        return Show(routes=routes, observe=observe, upstream=upstream)

    def _replace(
        self,
        shown: Served,
        route: Route,
        behind: tuple[str, ...],
        served: dict[str, Served],
        observe: Observer,
    ) -> None:
        before = self._fronts[shown.port]
        keyed = replace(route, key=before.route.key)  # a listener keeps the key that it has
        front = self._front(keyed, shown.endpoint.name, served, observe)
        self._proxy.replace([front])
        self._leaving.setdefault(shown.port, []).append(before)
        self._fronts[shown.port] = _Front(front, behind)

    def _front(
        self, route: Route, name: str, served: dict[str, Served], observe: Observer
    ) -> Route:
        def tell(happening: Happening, one: Served, number: int, session: Session) -> None:
            observe(happening, one, number, session)
            if happening == "end":
                self._sweep()

        return observed(route, name, served, tell)

    def _sweep(self) -> None:
        """Close what lay behind routes that were replaced, where nobody needs it any more."""
        keys: list[str] = []
        for port, fronts in list(self._leaving.items()):
            left = [x for x in fronts if self._proxy.uses(x.route)]
            keys += [key for x in fronts if x not in left for key in x.behind]
            self._leaving[port] = left
        if keys:
            task = asyncio.get_running_loop().create_task(self._proxy.close(keys))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self, served: Mapping[str, Served]) -> None:
        """Close endpoints that were opened; what runs there goes on to its end."""
        keys: list[str] = []
        for one in served.values():
            front = self._fronts.pop(one.port)
            left = self._leaving.pop(one.port, [])
            keys += [front.route.key, *(key for x in (front, *left) for key in x.behind)]
        await self._proxy.close(keys)

    async def open_by_name(
        self,
        reception: Reception,
        observe: Observer,
        *,
        place: Place | None = None,
        patience: Patience = JUDGE,
    ) -> dict[str, Served]:
        """Open six endpoints for a whole catalogue: each client names its case (SNI).

        ``observe`` is told of the case that a session has chosen. Raises CannotJudgeError when a
        port is taken.
        """
        number, at = next(self._plans), place or Place()
        routes = {
            x.name: door_route(
                f"front-{number}-{x.name}", x, reception.chooser(x), self._mailstore, patience
            )
            for x in ENDPOINTS.values()
        }

        def serve(endpoint: Endpoint, port: int) -> Served:
            return Served(None, endpoint, at.host, port, None)

        def tell(happening: Happening, served: Served, number: int, session: Session) -> None:
            observe(happening, reception.served(served, session), number, session)

        return await self._listen(at, routes, serve, tell)

    async def _listen(
        self,
        place: Place,
        routes: Mapping[str, Route],
        serve: Callable[[Endpoint, int], Served],
        observe: Observer,
    ) -> dict[str, Served]:
        served: dict[str, Served] = {}
        fronts = {name: self._front(x, name, served, observe) for name, x in routes.items()}
        listeners = [
            Listener(front, place.host, place.ports.get(name, 0)) for name, front in fronts.items()
        ]
        ports = await self._proxy.open(listeners)
        for name, front in fronts.items():
            opened = serve(ENDPOINTS[name], ports[front.key])
            served[name] = replace(opened, ports={x: ports[y.key] for x, y in fronts.items()})
            self._fronts[served[name].port] = _Front(front)
        return served
