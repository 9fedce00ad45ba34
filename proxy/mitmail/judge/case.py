"""A case: a scenario, bare or behind an antivirus, and what the client trusts and calls it."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from mitmail.judge.brief import Brief
from mitmail.pki.certificate import pem
from mitmail.pki.store import Store
from mitmail.plan import Expectation, Plan, Trusted, make
from mitmail.plan.server import utc_now
from mitmail.scenario import loader
from mitmail.scenario.matrix import BARE

SERVER_ROOT: frozenset[Trusted] = frozenset({"server-root"})
BOTH_ROOTS: frozenset[Trusted] = frozenset({"server-root", "antivirus-root"})


@dataclass(frozen=True, slots=True)
class Case:
    """A plan, the roots that the client trusts, and the name it uses."""

    plan: Plan
    trusted: frozenset[Trusted]
    name: str
    control: bool = False

    @property
    def label(self) -> str:
        """Scenario, and the name used where it is a control."""
        scenario = self.plan.scenario.id
        return f"{scenario} as {self.name}" if self.control else scenario

    @property
    def antivirus(self) -> str:
        """The product, marked where its root was imported."""
        imported = " imported" if "antivirus-root" in self.trusted else ""
        return self.plan.antivirus + imported

    @property
    def roots(self) -> bytes:
        """What the client trusts, as PEM."""
        roots = [*self.plan.server_roots]
        if "antivirus-root" in self.trusted and self.plan.antivirus_root is not None:
            roots.append(self.plan.antivirus_root.certificate)
        return pem(*roots)

    def without_attack(self) -> "Case":
        """The same server with nothing wrong in clear: its dialogue attack left out."""
        return replace(self, plan=self.plan.control())

    def expect(self, endpoint: str) -> Expectation:
        """What a correct client does; under the control's name it accepts."""
        if self.control:
            return Expectation("accept", frozenset(), "must")
        return self.plan.expect(endpoint, self.trusted)


@dataclass(slots=True)
class Casebook:
    """Makes the cases of a run, each scenario behind each antivirus once.

    Without a ``store`` each scenario has a root and an intermediate of its own: a client that
    remembers what it was shown (Thunderbird does with intermediates) takes nothing from one case
    into another. ``constrained`` binds the server's root to test names. Raises MitmailError for
    what is wrong in a file.
    """

    store: Store | None = None
    now: datetime = field(default_factory=utc_now)
    constrained: bool = True
    _plans: dict[tuple[str, str], Plan] = field(default_factory=dict)
    _stores: dict[str, Store] = field(default_factory=dict)

    def case(self, brief: Brief) -> Case:
        """The case that a brief describes."""
        plan = self._plan(brief.scenario, brief.antivirus)
        if brief.connect_as is not None:
            return Case(plan, SERVER_ROOT, brief.connect_as, control=True)
        return Case(plan, BOTH_ROOTS if brief.imported else SERVER_ROOT, plan.name)

    def _plan(self, scenario: str, antivirus: str) -> Plan:
        key = scenario, antivirus
        if key not in self._plans:
            vendor = None if antivirus == BARE else loader.find_vendor(antivirus)
            self._plans[key] = make(
                loader.find(scenario),
                vendor,
                self._kept("server", scenario),
                now=self.now,
                constrained=self.constrained,
                vendor_store=self._kept("antivirus", antivirus),
            )
        return self._plans[key]

    def _kept(self, *whose: str) -> Store:
        return self.store or self._stores.setdefault(" ".join(whose), Store(None))
