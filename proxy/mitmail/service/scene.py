"""A plan made ready to be shown: what lies behind its endpoints is open, its fronts are routes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from mitmail.addon.proxy import Listener, Proxy
from mitmail.addon.route import Happening, Route
from mitmail.endpoint import ENDPOINTS, Endpoint
from mitmail.engine.session import Session
from mitmail.errors import MitmailError
from mitmail.mailstore.server import Mailstore
from mitmail.plan import Plan
from mitmail.service.place import LOOPBACK
from mitmail.service.record import Served
from mitmail.service.routes import Routes
from mitmail.service.upstream import Upstream

type Observer = Callable[[Happening, Served, int, Session], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """What shall be shown, and who hears of it."""

    routes: Routes
    observe: Observer
    upstream: Upstream | None = None

    @property
    def plan(self) -> Plan:
        """What is shown."""
        return self.routes.plan

    @property
    def endpoints(self) -> list[Endpoint]:
        """The endpoints that the scenario is for, or the upstream's.

        Raises MitmailError when none is left.
        """
        if self.upstream is not None:
            return [ENDPOINTS[x] for x in self.upstream.servers]
        return _endpoints(self.plan)

    def served(self, endpoint: Endpoint, port: int) -> Served:
        """What is shown on an endpoint."""
        shown = self.upstream.shown(endpoint) if self.upstream else endpoint
        scenario = None if self.upstream else self.plan.scenario.id
        host, number = self.routes.place.host, self.routes.number
        return Served(self.plan, shown, host, port, scenario, showing=number)


@dataclass(frozen=True, slots=True)
class Scene:
    """The fronts' routes by endpoint, and the keys of what is open behind each of them."""

    fronts: dict[str, Route]
    behind: dict[str, list[str]] = field(default_factory=dict)

    @property
    def keys(self) -> list[str]:
        """Everything that is open."""
        return [key for keys in self.behind.values() for key in keys]


async def build(
    show: Show, wanted: Sequence[Endpoint], proxy: Proxy, mailstore: Mailstore
) -> Scene:
    """Open what lies behind the endpoints; raises MitmailError, and then nothing is left open."""
    scene = Scene({}, {x.name: [] for x in wanted})
    try:
        await _Building(show, wanted, proxy, mailstore, scene).build()
    except MitmailError:
        await proxy.close(scene.keys)
        raise
    return scene


@dataclass(frozen=True, slots=True)
class _Building:
    show: Show
    wanted: Sequence[Endpoint]
    proxy: Proxy
    mailstore: Mailstore
    scene: Scene

    async def build(self) -> None:
        routes, upstream = self.show.routes, self.show.upstream
        lures = await self._open_lures()
        for one in self.wanted:
            door = routes.door(one, self.mailstore, lure=lures.get(one.name, ""))
            self.scene.fronts[one.name] = door
        if upstream is not None:
            shields = {x.name: routes.shield_before(x, upstream) for x in self.wanted}
            self.scene.fronts.update(shields)
        elif routes.plan.shield is not None:
            doors = self.scene.fronts
            ports = await self._open(doors, LOOPBACK)
            shields = {x.name: routes.shield(x, ports[x.name], doors[x.name]) for x in self.wanted}
            self.scene.fronts.update(shields)

    async def _open_lures(self) -> dict[str, str]:
        show = self.show
        if not show.plan.lures:
            return {}
        host = show.routes.place.host
        served: dict[str, Served] = {}
        lures = {
            x.name: observed(show.routes.lure(x, self.mailstore), x.name, served, show.observe)
            for x in self.wanted
        }
        ports = await self._open(lures, host)
        served |= {x.name: show.served(x, ports[x.name]) for x in self.wanted}
        named = f"[{host}]" if ":" in host else host  # RFC 3986 section 3.2.2
        return {name: f"{named}:{port}" for name, port in ports.items()}

    async def _open(self, routes: dict[str, Route], host: str) -> dict[str, int]:
        """Open listeners that nobody is told of; their ports by endpoint."""
        ports = await self.proxy.open([Listener(x, host) for x in routes.values()])
        for name, route in routes.items():
            self.scene.behind[name].append(route.key)
        return {name: ports[route.key] for name, route in routes.items()}


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


def observed(route: Route, name: str, served: dict[str, Served], observe: Observer) -> Route:
    """The route, with its sessions told of as those of an endpoint."""

    def tell(happening: Happening, number: int, session: Session) -> None:
        observe(happening, served[name], number, session)

    return replace(route, observe=tell)
