"""A plan: one scenario, with or without a product in front of it, resolved for one moment."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mitmail.pki.authority import Authority
from mitmail.pki.identity import Identity
from mitmail.pki.store import Store
from mitmail.plan import server
from mitmail.plan import shield as shielding
from mitmail.plan.expectation import Expectation, Trusted, expect
from mitmail.plan.names import Names
from mitmail.plan.shield import Seen, Shield
from mitmail.scenario.hostname import CUSTOMER
from mitmail.scenario.model import Expect, Scenario
from mitmail.scenario.vendor import Vendor

type Chooser = Callable[[Seen | None, str | None], Identity | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be presented, by whom, and to whom it should look how.

    ``name`` is what the client is told to connect to; ``door`` what the mail server presents.
    """

    scenario: Scenario
    name: str
    now: datetime
    door: Identity
    shield: Shield | None

    @property
    def server_roots(self) -> tuple[bytes, ...]:
        """The certificates (DER) that the client is told to trust."""
        return self.door.anchors

    def choose_door(self, seen: Seen | None, sni: str | None) -> Identity | None:
        """The identity of the simulated mail server."""
        return self.door

    def choose_shield(self, endpoint: str) -> Chooser:
        """The identity of the shield on an endpoint, chosen from what it saw upstream."""
        assert self.shield is not None
        return self.shield.chooser(endpoint)

    def expect(
        self, endpoint: str, trusted: frozenset[Trusted] = frozenset({"server-root"})
    ) -> Expectation:
        """What a correct client that trusts these roots does on this endpoint."""
        return expect(self.scenario, self.shield, endpoint, trusted)

    @property
    def antivirus(self) -> str:
        """The product's id, or ``none``."""
        return self.shield.vendor.id if self.shield is not None else "none"

    @property
    def antivirus_root(self) -> Authority | None:
        """The root that the product would have installed."""
        return self.shield.roots["trusted"] if self.shield is not None else None


def make(
    scenario: Scenario,
    vendor: Vendor | None,
    store: Store,
    *,
    names: Names | None = None,
    also: tuple[str, ...] = (),
    now: datetime | None = None,
    switches: frozenset[str] = frozenset(),
    constrained: bool = True,
    vendor_store: Store | None = None,
) -> Plan:
    """Resolve a scenario; certificates and keys come from ``store``, or are made there.

    ``names`` are the customer's own (then the scenario's ``connect_as`` does not count); ``also``
    goes into the leaf besides the usual name where there are none. Under the name of the
    scenario's control the client is expected to accept. ``constrained`` binds the server's root
    to test names and loopback; ``vendor_store`` keeps the product's roots, where they shall
    outlive the server's. Raises MitmailError.
    """
    moment = now or server.utc_now()
    played = names or Names(scenario.connect_as or CUSTOMER, also)
    name = played.name
    if scenario.control is not None and name == scenario.control.connect_as:
        scenario = scenario.model_copy(update={"expect": Expect(verdict="accept")})
    door = server.door(scenario.server, played, store, moment, constrained=constrained)
    shield = None
    if vendor is not None:
        shield = shielding.make(vendor, vendor_store or store, moment, switches, copies=store)
    return Plan(
        scenario=scenario,
        name=name,
        now=moment,
        door=door,
        shield=shield,
    )
