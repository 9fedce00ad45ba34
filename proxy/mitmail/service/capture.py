"""The shield before whatever mail server a client connects to: ``mitmail serve --transparent``."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from mitmail.addon.proxy import Listener, Proxy
from mitmail.addon.route import Address, Capture, Happening, Route, Scan
from mitmail.endpoint import ENDPOINTS, Endpoint
from mitmail.engine.session import Session
from mitmail.errors import MitmailError
from mitmail.service import upstream
from mitmail.service.orders import TRANSPARENT, Orders, place
from mitmail.service.place import Patience, Place
from mitmail.service.record import Bench, Served
from mitmail.service.routes import Routes
from mitmail.service.service import Observer

# The field's own ports, and 25: the one between mail servers, where clients of old submit too.
PORTS: Final[Mapping[int, Endpoint]] = {25: ENDPOINTS["smtp"]} | {
    one.port: one for one in ENDPOINTS.values()
}
KEY: Final = "captured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """A capture that is open, and the product that stands in it."""

    bench: Bench
    host: str
    port: int
    relay_unverified: bool


class Crossing:
    """Where captured connections part: each goes on to the server that its client wanted."""

    def __init__(
        self,
        bench: Bench,
        observe: Observer,
        *,
        patience: Patience,
        roots: tuple[bytes, ...] = (),
        relay_unverified: bool = False,
        scan: Scan | None = None,
    ) -> None:
        self._bench = bench
        self._observe = observe
        self._roots = roots
        self._relay_unverified = relay_unverified
        # One for all: a product counts its connections to a server.
        self._routes = Routes(0, bench.plan, patience, Place(), bench.plan.admission(), scan)
        self._known: dict[Address, Route] = {}

    def route(self, server: Address) -> Route | None:
        """The route of a client that wanted this server; None where its port is not mail's."""
        if server not in self._known and (endpoint := PORTS.get(server[1])) is not None:
            self._known[server] = self._route(server, endpoint)
        return self._known.get(server)

    def _route(self, server: Address, endpoint: Endpoint) -> Route:
        host, port = server
        ports = {name: one.port for name, one in ENDPOINTS.items()} | {endpoint.name: port}
        served = Served(
            self._bench.plan, endpoint, host, port, scenario=None, ports=ports, captured=True
        )

        def tell(happening: Happening, number: int, session: Session) -> None:
            self._observe(happening, served, number, session)

        route = self._routes.shield_towards(
            endpoint, server, roots=self._roots, relay_unverified=self._relay_unverified
        )
        return replace(route, observe=tell)


async def open_in(
    proxy: Proxy,
    orders: Orders,
    bench: Bench,
    observe: Observer,
    *,
    patience: Patience,
    scan: Scan | None = None,
) -> Captured:
    """Open the listener that the kernel has to redirect to.

    Raises CannotJudgeError when its port is taken, MitmailError for a file of roots that is none.
    """
    if not orders.relay_unverified and _lets_clear_text_pass(bench):
        raise MitmailError(
            f"--antivirus {bench.plan.antivirus}: it refuses STARTTLS, and what clients then say "
            "goes on in clear, passwords too; if you mean it, add --relay-unverified"
        )
    crossing = Crossing(
        bench,
        observe,
        patience=patience,
        roots=upstream.roots(orders.upstream_ca),
        relay_unverified=orders.relay_unverified,
        scan=scan,
    )
    capture = Capture(
        key=KEY, choose=crossing.route, passing=_passing(_say_once()), refusing=_say_once()
    )
    at = place(orders)
    listener = Listener(capture, at.host, at.ports.get(TRANSPARENT, 0))
    ports = await proxy.open([listener])
    return Captured(
        bench=bench, host=at.host, port=ports[KEY], relay_unverified=orders.relay_unverified
    )


def _lets_clear_text_pass(bench: Bench) -> bool:
    shield = bench.plan.shield
    assert shield is not None
    in_clear = [one for one in ENDPOINTS.values() if one.tls == "starttls"]
    return any(shield.handling(one.name, one.protocol).in_clear for one in in_clear)


def _passing(say: Callable[[str], None]) -> Callable[[Address], None]:
    def passing(server: Address) -> None:
        say(f"port {server[1]} is none of mail's: what is said there passes untouched")

    return passing


def _say_once() -> Callable[[str], None]:
    # A client tries again and again, and a loop would never end to be told of.
    said: set[str] = set()

    def say(words: str) -> None:
        if words not in said:
            said.add(words)
            print(f"mitmail: {words}", file=sys.stderr, flush=True)

    return say
