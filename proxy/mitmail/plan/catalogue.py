"""The catalogue by name: the plans of many scenarios, each made when it is first asked for."""

import re
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cached_property
from typing import Final

from mitmail.pki.keypool import KeyPool
from mitmail.pki.store import Store
from mitmail.plan import server
from mitmail.plan.chain import slow_keys
from mitmail.plan.names import Names
from mitmail.plan.plan import Plan, make
from mitmail.scenario import fault
from mitmail.scenario.hostname import CUSTOMER
from mitmail.scenario.model import Scenario
from mitmail.scenario.server import Server

DOMAIN: Final = "mitmail.test"

# The labels of the customer's own name, also as octets of a raw extension.
_CUSTOMERS: Final = re.compile(
    "|".join(rf"\b{label}\b|{label.encode().hex()}" for label in CUSTOMER.split(".")[:2]),
    re.IGNORECASE,
)
# Another host of the customer's is another host, whatever name the client uses.
_OTHER_HOST: Final = re.compile(r"(?!mail\.)[a-z0-9-]+\.customer\.test")


class Catalogue:
    """The plans of many scenarios, each by a name of its own: ``<id>.mitmail.test``.

    ``store`` keeps the common root and what stands below it; with ``constrained`` that root signs
    for test names and loopback only. What needs another root then ends with the catalogue, as
    nobody should come to trust such roots; only keys that are slow to make are kept of it.
    """

    def __init__(
        self,
        scenarios: Mapping[str, Scenario],
        store: Store,
        *,
        constrained: bool,
        now: datetime | None = None,
    ) -> None:
        self.scenarios = dict(scenarios)
        self.now = now or server.utc_now()
        self._constrained = constrained
        self._store = store
        self._throw_away = Store(None, KeyPool(shared=store.keys)) if constrained else store
        self._by_name = {x.id for x in scenarios.values() if can_be_named(x)}
        self._plans: dict[str, Plan] = {}
        self._lock = threading.RLock()

    @property
    def by_name(self) -> tuple[str, ...]:
        """The ids that a client chooses by the name that it sends (SNI)."""
        return tuple(id_ for id_ in self.scenarios if id_ in self._by_name)

    @property
    def apart(self) -> tuple[str, ...]:
        """The ids that a name cannot choose: each needs endpoints of its own."""
        return tuple(id_ for id_ in self.scenarios if id_ not in self._by_name)

    def name(self, scenario_id: str) -> str:
        """The name that a client uses for a case."""
        if scenario_id in self._by_name:
            return name_of(scenario_id)
        return self.scenarios[scenario_id].connect_as or CUSTOMER

    def chosen(self, sni: str) -> Scenario | None:
        """The scenario that a client chooses by this name, also one that stands apart."""
        scenario_id, dot, domain = sni.lower().partition(".")
        return self.scenarios.get(scenario_id) if dot and domain == DOMAIN else None

    def plan(self, scenario_id: str) -> Plan:
        """The plan of a case, made when it is first asked for.

        Raises MitmailError when it cannot be made here.
        """
        with self._lock:
            if scenario_id not in self._plans:
                ordinary = self._is_ordinary(scenario_id)
                self._plans[scenario_id] = make(
                    self.scenarios[scenario_id],
                    None,
                    self._store if ordinary else self._throw_away,
                    names=self._names(scenario_id),
                    now=self.now,
                    constrained=self._constrained and ordinary,
                )
            return self._plans[scenario_id]

    def made(self, scenario_id: str) -> Plan | None:
        """The plan of a case, if it was made already."""
        return self._plans.get(scenario_id)

    @cached_property
    def common_root(self) -> bytes:
        """The root (DER) that the clients of most cases are told to trust."""
        authority = server.root(
            self._store, self.now, kind="server", constrained=self._constrained
        )
        return authority.certificate

    def roots(self, scenario_id: str) -> tuple[bytes, ...]:
        """The certificates (DER) that the client of a case is told to trust.

        Where that is the common root alone, nothing is made for it. Raises MitmailError.
        """
        alone = len(self.scenarios[scenario_id].server.trust) == 1
        if alone and self._is_ordinary(scenario_id):
            return (self.common_root,)
        return self.plan(scenario_id).server_roots

    def make_slow_keys(self) -> None:
        """Make the keys that take long, side by side, so that no client has to wait for them."""
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda key: self._store.keys.get(*key), self._slow_keys()))

    def lacks_slow_keys(self) -> bool:
        """Whether `make_slow_keys` would take long."""
        return not all(self._store.keys.has(*key) for key in self._slow_keys())

    def _slow_keys(self) -> set[tuple[str, str]]:
        return {key for said in self.scenarios.values() for key in slow_keys(said.server)}

    def _names(self, scenario_id: str) -> Names | None:
        return Names(name_of(scenario_id)) if scenario_id in self._by_name else None

    def _is_ordinary(self, scenario_id: str) -> bool:
        said = self.scenarios[scenario_id]
        return server.is_ordinary(said.server, Names(self.name(scenario_id)))


def name_of(scenario_id: str) -> str:
    """The name by which a client chooses a case."""
    return f"{scenario_id}.{DOMAIN}"


def can_be_named(said: Scenario) -> bool:
    """Whether a case stays what it is when its client uses the case's own name, and sends it.

    It does not when it is about another name, when a client might say something else of it, or
    when something happens before a name comes. Names that are nearly the customer's
    (``m*.customer.test``) are nowhere near another one: clients that are lenient with them
    would seem to be strict.
    """
    if said.server.dialogue is not None:
        return False
    instead = said.server.tls.instead
    if said.connect_as is not None or (instead is not None and instead.when == "connected"):
        return False
    if any(_is_near(text) for text in _names(said.server)):
        return False
    return fault.reasons(said, name_of(said.id)) == set(said.expect.reasons)


def _is_near(text: str) -> bool:
    return _OTHER_HOST.fullmatch(text) is None and _CUSTOMERS.search(text) is not None


def _names(said: Server) -> Iterator[str]:
    """Whatever a client might take for a name, or for a limit of names."""
    for certificate in said.certificates.values():
        yield from certificate.names or ()
        yield certificate.common_name or ""
        yield (certificate.subject or {}).get("CN", "")
        yield from certificate.raw.values()
        yield from (added.value for added in certificate.add)
        if (limits := certificate.name_constraints) is not None:
            yield from (*limits.permitted, *limits.excluded)
