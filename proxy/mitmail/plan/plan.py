"""A plan: one scenario, with or without a product in front of it, resolved for one moment."""

from dataclasses import dataclass, replace
from datetime import datetime

from mitmail.conduct import Conducting, proper
from mitmail.conduct import control as controlled
from mitmail.pki.authority import Authority
from mitmail.pki.identity import Identity
from mitmail.pki.store import Store
from mitmail.plan import conduct, server
from mitmail.plan import shield as shielding
from mitmail.plan.expectation import Expectation, Trusted, expect
from mitmail.plan.names import Names
from mitmail.plan.screening import screening
from mitmail.plan.shield import Chooser, Seen, Shield
from mitmail.plan.transport import Admission
from mitmail.scenario.hostname import CUSTOMER
from mitmail.scenario.model import Expect, Scenario
from mitmail.scenario.spoken import Protocol
from mitmail.scenario.vendor import Vendor
from mitmail.screening import Screening


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be presented, by whom, and to whom it should look how.

    ``name`` is what the client is told to connect to; ``door`` what the mail server presents.
    ``is_control`` is for clients that trip a canary: do they so of themselves?
    """

    scenario: Scenario
    name: str
    now: datetime
    door: Identity
    shield: Shield | None
    is_control: bool = False

    def control(self) -> "Plan":
        """The same server with nothing wrong in clear, and the same canary through TLS."""
        return replace(self, is_control=True)

    @property
    def server_roots(self) -> tuple[bytes, ...]:
        """The certificates (DER) that the client is told to trust."""
        return self.door.anchors

    def choose_door(self, seen: Seen | None, sni: str | None) -> Identity | None:
        """The identity of the simulated mail server."""
        return self.door

    def choose_shield(self, endpoint: str) -> Chooser:
        """What the shield does on an endpoint, chosen from what it saw upstream."""
        assert self.shield is not None
        return self.shield.chooser(endpoint, self.name)

    def admission(self) -> Admission:
        """Which connections the shield looks into, counted from this call on."""
        assert self.shield is not None
        return Admission(self.shield.profiles)

    def screening(
        self, endpoint: str, protocol: str, *, outside: bool = False
    ) -> Screening | None:
        """How the shield screens messages on an endpoint, if it does; ``outside``: by clamd."""
        assert self.shield is not None
        vendor = self.shield.profiles[endpoint]
        return screening(vendor, protocol, self.now, scanner="driver" if outside else "built-in")

    def refuses_tls(self, endpoint: str, protocol: Protocol) -> bool:
        """Whether the product lets no client of this STARTTLS endpoint have TLS."""
        if self.shield is None or endpoint != protocol:
            return False
        return self.shield.profiles[endpoint].conversation.refuses_tls(protocol)

    @property
    def lures(self) -> bool:
        """Whether clients are referred to a place where nobody should follow."""
        said = self.scenario.server.dialogue
        return said is not None and said.canary is not None and said.canary.lure

    def conducting(self, protocol: Protocol, *, lure: str = "") -> Conducting:
        """How the dialogue around STARTTLS is conducted, session by session.

        Sessions are counted from this call on. ``lure`` is the ``host:port`` of referrals.
        """
        said = self.scenario.server.dialogue
        if said is None:
            return proper
        wanted = conduct.conduct(said, protocol, lure)
        if self.is_control:
            wanted = controlled(wanted)
        return conduct.conducting(wanted, from_session=said.from_session)

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
        return self.shield.root if self.shield is not None else None


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
    exact_names: bool = False,
    copies: Store | None = None,
) -> Plan:
    """Resolve a scenario; certificates and keys come from ``store``, or are made there.

    ``names`` are the customer's own (then the scenario's ``connect_as`` does not count); ``also``
    goes into the leaf besides the usual name where there are none. Under the name of the
    scenario's control the client is expected to accept. ``constrained`` binds the server's root
    to test names and loopback; ``vendor_store`` keeps the product's roots, where they shall
    outlive the server's. With ``exact_names`` they are called as the product's own, and not kept.
    ``copies`` keeps what the product shows for a server that is not ours; by default ``store``.
    Raises MitmailError.
    """
    moment = now or server.utc_now()
    played = names or Names(scenario.connect_as or CUSTOMER, also)
    name = played.name
    if scenario.control is not None and name == scenario.control.connect_as:
        scenario = scenario.model_copy(update={"expect": Expect(verdict="accept")})
    door = server.door(scenario.server, played, store, moment, constrained=constrained)
    shield = None
    if vendor is not None:
        kept_in = vendor_store or store
        shield = shielding.make(
            vendor, kept_in, moment, switches, copies or store, exact=exact_names
        )
    return Plan(
        scenario=scenario,
        name=name,
        now=moment,
        door=door,
        shield=shield,
    )
