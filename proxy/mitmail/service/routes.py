"""The routes of one plan: its doors, and the shields in front of them."""

from dataclasses import dataclass, replace

from mitmail.addon.route import Address, Route, Scan
from mitmail.endpoint import Endpoint
from mitmail.engine.context import is_address
from mitmail.engine.spec import GREETING_HOLD, Chooser, Mode, SessionSpec, Trust
from mitmail.errors import MitmailError
from mitmail.mailstore.server import Mailstore
from mitmail.plan import Plan
from mitmail.plan.transport import Admission
from mitmail.service.greeting import greeting, opening
from mitmail.service.place import LOOPBACK, Patience, Place, is_loopback
from mitmail.service.upstream import Upstream


@dataclass(frozen=True, slots=True)
class Routes:
    """One plan at one place; ``number`` tells its routes from those of other plans.

    ``admission`` is the shield's, where there is one; ``scan`` who scans in place of the built-in
    rule.
    """

    number: int
    plan: Plan
    patience: Patience
    place: Place
    admission: Admission | None = None
    scan: Scan | None = None

    def door(self, endpoint: Endpoint, mailstore: Mailstore, *, lure: str = "") -> Route:
        """The simulated mail server; it is the front where there is no antivirus.

        ``lure`` is the ``host:port`` where its referrals lead.
        """
        identity = greeting(self.plan.door, endpoint.protocol)
        behind = self.plan.shield is not None
        key = f"{'door' if behind else 'front'}-{self.number}-{endpoint.name}"
        route = door_route(key, endpoint, lambda seen, sni: identity, mailstore, self.patience)
        spec = replace(
            route.spec,
            # A shield of ours sends no late alerts: its client need not wait twice.
            greeting_hold=0.0 if behind else GREETING_HOLD,
            opening=opening(identity),
        )
        if endpoint.tls == "starttls":
            conducting = self.plan.conducting(endpoint.protocol, lure=lure)
            spec = replace(spec, conducting=conducting)
        return replace(route, spec=spec)

    def lure(self, endpoint: Endpoint, mailstore: Mailstore) -> Route:
        """A mail server in clear where no client comes but one that followed a referral."""
        spec = SessionSpec(
            protocol=endpoint.protocol,
            client="plain",
            server="plain",
            choose=lambda seen, sni: None,
            deadline=self.patience.deadline,
            lure=True,
        )
        server = (LOOPBACK, mailstore.ports[endpoint.protocol])
        return Route(key=f"lure-{self.number}-{endpoint.name}", spec=spec, server=server)

    def shield(self, endpoint: Endpoint, door_port: int, door: Route) -> Route:
        """The simulated antivirus in front of our own door, which listens at that port."""
        trust = Trust(name=self.plan.name, roots=self.plan.server_roots)
        server = (LOOPBACK, door_port)
        modes = (endpoint.tls, endpoint.tls)
        route = self._shield(endpoint, trust, server, modes=modes, guarded=False)
        # Whom the shield passes through is the door's own client.
        behind = replace(door.spec, greeting_hold=GREETING_HOLD)
        spec = replace(route.spec, behind=behind)
        return replace(route, spec=spec, to_door=True, behind=door.server)

    def shield_before(self, endpoint: Endpoint, upstream: Upstream) -> Route:
        """The simulated antivirus in front of somebody's mail server."""
        host, port, _ = upstream.servers[endpoint.name]
        # Where a hosts file leads the name to us, the server is named by its address.
        name = self.plan.name if is_address(host) else host
        trust = Trust(name=name, roots=upstream.roots, system=True)
        guarded = not (upstream.relay_unverified or is_loopback(host))
        modes = (upstream.shown(endpoint).tls, upstream.server_mode(endpoint))
        in_clear = modes[0] == "starttls" and self._lets_clear_text_pass(endpoint)
        if in_clear and modes[1] == "implicit":
            raise MitmailError(
                f"--antivirus {self.plan.antivirus}: it refuses STARTTLS and speaks to the server "
                f"in clear, and {host} has nothing but TLS on port {port}: use --upstream "
                f"{endpoint.name}={host}/starttls"
            )
        if guarded and in_clear:
            raise MitmailError(
                f"--antivirus {self.plan.antivirus}: it refuses STARTTLS, and what the client of "
                f"{endpoint.name} then says goes to {host} in clear, passwords too; if you mean "
                "it, add --relay-unverified"
            )
        return self._shield(endpoint, trust, (host, port), modes=modes, guarded=guarded)

    def _lets_clear_text_pass(self, endpoint: Endpoint) -> bool:
        assert self.plan.shield is not None
        return self.plan.shield.handling(endpoint.name, endpoint.protocol).in_clear

    def shield_towards(
        self,
        endpoint: Endpoint,
        server: Address,
        *,
        roots: tuple[bytes, ...],
        relay_unverified: bool,
    ) -> Route:
        """The simulated antivirus before the very server that a client wanted to reach."""
        host, _ = server
        trust = Trust(name=host, roots=roots, system=True, by_sni=True)
        guarded = not (relay_unverified or is_loopback(host))
        modes = (endpoint.tls, endpoint.tls)
        return self._shield(endpoint, trust, server, modes=modes, guarded=guarded)

    def _shield(
        self,
        endpoint: Endpoint,
        trust: Trust,
        server: tuple[str, int],
        *,
        modes: tuple[Mode, Mode],
        guarded: bool,
    ) -> Route:
        shield = self.plan.shield
        assert shield is not None
        assert self.admission is not None
        choose = self.plan.choose_shield(endpoint.name)
        handling = shield.handling(endpoint.name, endpoint.protocol)
        in_clear = modes[0] == "starttls" and handling.in_clear
        spec = SessionSpec(
            protocol=endpoint.protocol,
            client=modes[0],
            server="plain" if in_clear else modes[1],
            choose=self.admission.chooser(endpoint.name, trust.name, choose),
            intercepting=self.admission.intercepting(endpoint.name, trust.name),
            foreign=self.admission.transport(endpoint.name).not_mail,
            trust=trust,
            deadline=self.patience.deadline,
            waiting=self.patience.waiting,
            guarded=guarded,
            conducting=lambda: handling.conduct,
            hello=shield.hello(endpoint.name),
            fixup=replace(handling.fixup, servers=(self.plan.name,) * handling.names_server),
            screening=self.plan.screening(
                endpoint.name, endpoint.protocol, outside=self.scan is not None
            ),
        )
        key = f"front-{self.number}-{endpoint.name}"
        return Route(key=key, spec=spec, server=server, scan=self.scan)


def door_route(
    key: str, endpoint: Endpoint, choose: Chooser, mailstore: Mailstore, patience: Patience
) -> Route:
    """A simulated mail server in front: ``choose`` says what each client is shown."""
    spec = SessionSpec(
        protocol=endpoint.protocol,
        client=endpoint.tls,
        server="plain",
        choose=choose,
        deadline=patience.deadline,
        waiting=patience.waiting,
    )
    return Route(key=key, spec=spec, server=(LOOPBACK, mailstore.ports[endpoint.protocol]))


def closed_route(endpoint: Endpoint, scenario: str) -> Route:
    """An endpoint that a scenario is not for: who connects is turned away, and not judged."""
    spec = SessionSpec(
        protocol=endpoint.protocol,
        client="plain",
        server="plain",
        choose=lambda seen, sni: None,
        closed=f"{scenario} has nothing on {endpoint.name}",
    )
    return Route(key=f"closed-{endpoint.name}", spec=spec, server=(LOOPBACK, 0))
