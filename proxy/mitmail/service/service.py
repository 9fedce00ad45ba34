"""Serving plans: one mailstore, one proxy, and for each plan its doors and shields."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count

from mitmail.addon.proxy import Listener, Proxy
from mitmail.addon.route import Happening, Route, Scan
from mitmail.endpoint import ENDPOINTS, Endpoint
from mitmail.engine.session import Session
from mitmail.errors import MitmailError
from mitmail.mailstore.server import Mailstore
from mitmail.plan import Plan
from mitmail.service.place import JUDGE, LOOPBACK, Patience, Place
from mitmail.service.reception import Reception
from mitmail.service.record import Served
from mitmail.service.routes import Routes, door_route
from mitmail.service.upstream import Upstream

type Observer = Callable[[Happening, Served, int, Session], None]


class Service:
    """Serves plans until it is closed; ``scan`` scans messages in place of the built-in rule."""

    def __init__(self, proxy: Proxy, mailstore: Mailstore, scan: Scan | None = None) -> None:
        self._scan = scan
        self._proxy = proxy
        self._mailstore = mailstore
        self._plans = count(1)
        self._keys: dict[int, list[str]] = {}  # of the listeners behind a port that is shown

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
        admission = plan.admission() if plan.shield is not None else None
        plan_routes = Routes(
            next(self._plans), plan, patience, place or Place(), admission, self._scan
        )
        wanted = [ENDPOINTS[x] for x in upstream.servers] if upstream else _endpoints(plan)
        wanted = [x for x in wanted if only in {None, x.name}]
        scenario = None if upstream else plan.scenario.id

        def serve(endpoint: Endpoint, port: int) -> Served:
            shown = upstream.shown(endpoint) if upstream else endpoint
            return Served(plan, shown, plan_routes.place.host, port, scenario)

        behind: dict[str, list[str]] = {x.name: [] for x in wanted}
        try:
            lures = await self._open_lures(plan_routes, wanted, serve, observe, behind)
            routes = {
                x.name: plan_routes.door(x, self._mailstore, lure=lures.get(x.name, ""))
                for x in wanted
            }
            if upstream is not None:
                routes = {x.name: plan_routes.shield_before(x, upstream) for x in wanted}
            elif plan.shield is not None:
                doors = await self._open_behind(routes, LOOPBACK, behind)
                routes = {
                    x.name: plan_routes.shield(x, doors[x.name], routes[x.name]) for x in wanted
                }
            served = await self._listen(plan_routes.place, routes, serve, observe)
        except MitmailError:
            await self._proxy.close([x for keys in behind.values() for x in keys])
            raise
        for name, keys in behind.items():
            self._keys[served[name].port] += keys
        return served

    async def _open_lures(
        self,
        plan_routes: Routes,
        wanted: Sequence[Endpoint],
        serve: Callable[[Endpoint, int], Served],
        observe: Observer,
        behind: dict[str, list[str]],
    ) -> dict[str, str]:
        if not plan_routes.plan.lures:
            return {}
        host = plan_routes.place.host
        served: dict[str, Served] = {}
        routes = {
            x.name: _observed(plan_routes.lure(x, self._mailstore), x.name, served, observe)
            for x in wanted
        }
        ports = await self._open_behind(routes, host, behind)
        served |= {x.name: serve(x, ports[x.name]) for x in wanted}
        named = f"[{host}]" if ":" in host else host  # RFC 3986 section 3.2.2
        return {name: f"{named}:{port}" for name, port in ports.items()}

    async def _open_behind(
        self, routes: dict[str, Route], host: str, behind: dict[str, list[str]]
    ) -> dict[str, int]:
        """Open listeners that nobody is told of; their ports by endpoint."""
        ports = await self._proxy.open([Listener(x, host) for x in routes.values()])
        for name, route in routes.items():
            behind[name].append(route.key)
        return {name: ports[route.key] for name, route in routes.items()}

    async def close(self, served: Mapping[str, Served]) -> None:
        """Close endpoints that were opened; what runs there goes on to its end."""
        await self._proxy.close([x for one in served.values() for x in self._keys.pop(one.port)])

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
        routes: dict[str, Route],
        serve: Callable[[Endpoint, int], Served],
        observe: Observer,
    ) -> dict[str, Served]:
        served: dict[str, Served] = {}
        listeners = [
            Listener(_observed(route, name, served, observe), place.host, place.ports.get(name, 0))
            for name, route in routes.items()
        ]
        ports = await self._proxy.open(listeners)
        for name, route in routes.items():
            opened = serve(ENDPOINTS[name], ports[route.key])
            served[name] = replace(opened, ports={x: ports[y.key] for x, y in routes.items()})
            self._keys[served[name].port] = [route.key]
        return served


def _endpoints(plan: Plan) -> list[Endpoint]:
    # Before STARTTLS no client takes octets for the beginning of TLS.
    instead = plan.door.manner.instead
    at_once = instead is not None and instead.when == "connected"
    wanted = [x for x in ENDPOINTS.values() if x.name in plan.scenario.endpoints]
    if found := [x for x in wanted if x.tls == "implicit" or not at_once]:
        return found
    raise MitmailError(
        f"{plan.scenario.file}: no endpoint is left: with when: connected name imaps, pop3s, smtps"
    )


def _observed(route: Route, name: str, served: dict[str, Served], observe: Observer) -> Route:
    def tell(happening: Happening, number: int, session: Session) -> None:
        observe(happening, served[name], number, session)

    return replace(route, observe=tell)
