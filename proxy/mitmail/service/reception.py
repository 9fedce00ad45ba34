"""The catalogue's six endpoints: each client gets the case that it names (SNI)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NoReturn

from mitmail.endpoint import Endpoint
from mitmail.engine.leg import UnpresentableError
from mitmail.engine.session import Session
from mitmail.engine.spec import Chooser, Upstream
from mitmail.errors import MitmailError
from mitmail.pki.identity import Identity
from mitmail.plan import Plan
from mitmail.plan.catalogue import DOMAIN, Catalogue
from mitmail.scenario.word import did_you_mean
from mitmail.service.greeting import greeting
from mitmail.service.record import Served

HOW = f"connect to <id>.{DOMAIN}"


class Reception:
    """Leads clients to plans by the name that they send, and to nothing where there is none.

    ``apart`` is where the cases are that no name leads to, by id and endpoint.
    """

    def __init__(self, catalogue: Catalogue, apart: Mapping[str, Mapping[str, Served]]) -> None:
        self._catalogue = catalogue
        self._apart = apart

    def chooser(self, endpoint: Endpoint) -> Chooser:
        """What to present on an endpoint.

        It raises UnpresentableError that says what to do: another certificate would be a case
        that nobody asked for.
        """

        def choose(seen: Upstream | None, sni: str | None) -> Identity:
            return greeting(self._plan(sni, endpoint).door, endpoint.protocol)

        return choose

    def served(self, at: Served, session: Session) -> Served:
        """Where a session is: at its endpoint, and at the case that it has chosen."""
        sni = session.hello.sni if session.hello is not None else None
        chosen = self._catalogue.chosen(sni) if sni is not None else None
        if chosen is None:
            return at
        shown = chosen.id in self._catalogue.by_name and at.endpoint.name in chosen.endpoints
        plan = self._catalogue.made(chosen.id) if shown else None
        return replace(at, plan=plan, scenario=chosen.id)

    def _plan(self, sni: str | None, endpoint: Endpoint) -> Plan:
        if sni is None:
            _refuse(f"the client named no host (SNI): {HOW}")
        chosen = self._catalogue.chosen(sni)
        if chosen is None:
            _refuse(f"no case is named {sni}{self._nearest(sni)}: {HOW}")
        if chosen.id not in self._catalogue.by_name:
            _refuse(f"{chosen.id} cannot be chosen by name: {self._where(chosen.id, endpoint)}")
        if endpoint.name not in chosen.endpoints:
            others = ", ".join(chosen.endpoints)
            _refuse(f"{chosen.id} is not for {endpoint.name}: connect to {others}")
        try:
            return self._catalogue.plan(chosen.id)
        except MitmailError as error:
            _refuse(f"{chosen.id} cannot be served here: {error}")

    def _nearest(self, sni: str) -> str:
        scenario_id, _, domain = sni.partition(".")
        return did_you_mean(scenario_id, self._catalogue.by_name) if domain == DOMAIN else ""

    def _where(self, scenario_id: str, endpoint: Endpoint) -> str:
        places = self._apart.get(scenario_id, {})
        place = places.get(endpoint.name) or next(iter(places.values()), None)
        if place is None:
            return "and it cannot be served here"
        name = self._catalogue.name(scenario_id)
        return f"connect to {name}, {place.endpoint.name} on port {place.port}"


def _refuse(words: str) -> NoReturn:
    raise UnpresentableError(words)
