"""Serving plans: one mailstore, one proxy, and for each plan its doors and shields."""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from mitmail.addon.proxy import Listener, Proxy
from mitmail.addon.route import Happening, Route
from mitmail.endpoint import ENDPOINTS, Endpoint
from mitmail.engine.context import is_address
from mitmail.engine.session import Session
from mitmail.engine.spec import GREETING_HOLD, SessionSpec, Trust
from mitmail.mailstore.server import Mailstore
from mitmail.plan import Plan
from mitmail.service.record import Served
from mitmail.service.upstream import Upstream

LOOPBACK = "127.0.0.1"

type Observer = Callable[[Happening, Served, int, Session], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a silent client is waited for, in seconds.

    ``waiting`` is when it is said that a dialog may be open; a judge says nothing of the kind.
    """

    deadline: float
    waiting: float | None = None


# A person may think about a dialog for long; a judge's client answers at once or hangs.
BENCH = Patience(deadline=1800, waiting=3)
JUDGE = Patience(deadline=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where endpoints listen: ``ports`` by endpoint name, 0 or absent for a free one."""

    host: str = LOOPBACK
    ports: Mapping[str, int] = field(default_factory=dict)


class Service:
    """Serves plans until it is closed."""

    def __init__(self, proxy: Proxy, mailstore: Mailstore) -> None:
        self._proxy = proxy
        self._mailstore = mailstore
        self._plans = count(1)

    async def open(
        self,
        plan: Plan,
        observe: Observer,
        *,
        place: Place | None = None,
        patience: Patience = JUDGE,
        upstream: Upstream | None = None,
    ) -> dict[str, Served]:
        """Open a plan's endpoints, by name.

        Raises CannotJudgeError when a port is taken.
        """
        site = _Site(next(self._plans), plan, patience, place or Place())
        wanted = [ENDPOINTS[name] for name in (upstream.servers if upstream else ENDPOINTS)]
        routes = {endpoint.name: site.door(endpoint, self._mailstore) for endpoint in wanted}
        if upstream is not None:
            routes = {x.name: site.shield_before(x, upstream) for x in wanted}
        elif plan.shield is not None:
            doors = await self._proxy.open([Listener(x, LOOPBACK) for x in routes.values()])
            routes = {x.name: site.shield(x, doors[routes[x.name].key]) for x in wanted}
        return await self._listen(site, routes, observe, upstream)

    async def _listen(
        self, site: "_Site", routes: dict[str, Route], observe: Observer, upstream: Upstream | None
    ) -> dict[str, Served]:
        served: dict[str, Served] = {}
        listeners = [
            Listener(_observed(route, name, served, observe), site.place.host, site.port(name))
            for name, route in routes.items()
        ]
        ports = await self._proxy.open(listeners)
        scenario = None if upstream else site.plan.scenario.id
        for name, route in routes.items():
            served[name] = Served(
                site.plan, ENDPOINTS[name], site.place.host, ports[route.key], scenario
            )
        return served


def _observed(route: Route, name: str, served: dict[str, Served], observe: Observer) -> Route:
    def tell(happening: Happening, number: int, session: Session) -> None:
        observe(happening, served[name], number, session)

    return replace(route, observe=tell)


@dataclass(frozen=True, slots=True)
class _Site:
    number: int
    plan: Plan
    patience: Patience
    place: Place

    def port(self, endpoint: str) -> int:
        return self.place.ports.get(endpoint, 0)

    def door(self, endpoint: Endpoint, mailstore: Mailstore) -> Route:
        """The simulated mail server; it is the front where there is no antivirus."""
        behind = self.plan.shield is not None
        spec = SessionSpec(
            protocol=endpoint.protocol,
            client=endpoint.tls,
            server="plain",
            choose=self.plan.choose_door,
            deadline=self.patience.deadline,
            waiting=self.patience.waiting,
            # A shield of ours sends no late alerts: its client need not wait twice.
            greeting_hold=0.0 if behind else GREETING_HOLD,
        )
        key = f"{'door' if behind else 'front'}-{self.number}-{endpoint.name}"
        return Route(key=key, spec=spec, server=(LOOPBACK, mailstore.ports[endpoint.protocol]))

    def shield(self, endpoint: Endpoint, door_port: int) -> Route:
        """The simulated antivirus in front of our own door."""
        trust = Trust(name=self.plan.name, roots=(self.plan.server_root.certificate,))
        route = self._shield(endpoint, trust, (LOOPBACK, door_port), guarded=False)
        return replace(route, to_door=True)

    def shield_before(self, endpoint: Endpoint, upstream: Upstream) -> Route:
        """The simulated antivirus in front of somebody's mail server."""
        host, port = upstream.servers[endpoint.name]
        # Where a hosts file leads the name to us, the server is named by its address.
        name = self.plan.name if is_address(host) else host
        trust = Trust(name=name, roots=upstream.roots, system=True)
        guarded = not (upstream.relay_unverified or is_loopback(host))
        return self._shield(endpoint, trust, (host, port), guarded=guarded)

    def _shield(
        self, endpoint: Endpoint, trust: Trust, server: tuple[str, int], *, guarded: bool
    ) -> Route:
        spec = SessionSpec(
            protocol=endpoint.protocol,
            client=endpoint.tls,
            server=endpoint.tls,
            choose=self.plan.choose_shield(endpoint.name),
            trust=trust,
            deadline=self.patience.deadline,
            waiting=self.patience.waiting,
            guarded=guarded,
        )
        return Route(key=f"front-{self.number}-{endpoint.name}", spec=spec, server=server)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very name: nothing is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
