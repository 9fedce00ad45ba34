"""The whole catalogue being served: every case, and what a user needs to connect to it."""

import os
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mitmail.errors import MitmailError
from mitmail.pki.certificate import pem
from mitmail.pki.keypool import KeyPool
from mitmail.pki.store import Store, data_folder
from mitmail.plan import Plan
from mitmail.plan.catalogue import Catalogue
from mitmail.scenario import loader, sets
from mitmail.scenario.model import Scenario
from mitmail.scenario.problem import Problem, ScenarioError
from mitmail.service.orders import USER, Orders, check
from mitmail.service.record import SCHEMA, Bench, Served

SLOW = "Making the keys that take long, once for all. This may take a minute."


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """A catalogue, and what a user needs to know to connect to its cases.

    ``root_file`` holds the root of most cases, ``own_roots`` the roots of the others by id;
    ``unsupported`` says of ids why they cannot be served here, ``problems`` what is wrong in
    files that were left out. ``kept_in`` is the folder that holds the common root and the keys,
    None when they end with the process.
    """

    catalogue: Catalogue
    user: str
    password: str
    root_file: Path
    own_roots: Mapping[str, Path]
    unsupported: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    kept_in: Path | None

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that a client is told to use."""
        return tuple(map(self.catalogue.name, self.catalogue.scenarios))

    def bench(self, plan: Plan) -> Bench:
        """What a user needs to know of one case."""
        return Bench(
            plan=plan,
            upstream=None,
            user=self.user,
            password=self.password,
            root_file=self.own_roots.get(plan.scenario.id, self.root_file),
            antivirus_root_file=None,
            kept_in=self.kept_in,
        )


@dataclass(frozen=True, slots=True)
class Places:
    """Where a gallery's cases are: those that a name chooses, and the others by id."""

    by_name: Mapping[str, Served]
    apart: Mapping[str, Mapping[str, Served]]

    def of(self, scenario: Scenario) -> dict[str, Served]:
        """The endpoints of one case, by name."""
        if scenario.id in self.apart:
            return dict(self.apart[scenario.id])
        return {name: one for name, one in self.by_name.items() if name in scenario.endpoints}


def prepare(orders: Orders, folder: Path, say: Callable[[str], None]) -> Gallery:
    """Resolve the orders; ``folder`` takes what need not outlive them. Raises MitmailError.

    ``say`` hears when it takes long.
    """
    check(orders)
    scenarios, problems = _scenarios(orders)
    kept = data_folder(os.environ, sys.platform)
    store = (
        Store(None, KeyPool(shared=KeyPool(kept / "keys"))) if orders.throw_away else Store(kept)
    )
    catalogue = Catalogue(scenarios, store, constrained=not orders.throw_away)
    if catalogue.lacks_slow_keys():
        say(SLOW)
        catalogue.make_slow_keys()
    own_roots, unsupported = _own_roots(catalogue, folder)
    return Gallery(
        catalogue=catalogue,
        user=USER,
        password=store.secret("password", lambda: secrets.token_urlsafe(9)),
        root_file=_root_file(catalogue, store, folder),
        own_roots=own_roots,
        unsupported=unsupported,
        problems=problems,
        kept_in=None if orders.throw_away else kept,
    )


def _scenarios(orders: Orders) -> tuple[dict[str, Scenario], tuple[Problem, ...]]:
    files = loader.files(orders.folders)
    wanted = sets.load(orders.chosen, orders.folders) if orders.chosen else tuple(files)
    found: dict[str, Scenario] = {}
    problems: list[Problem] = []
    for scenario_id in wanted:
        try:
            found[scenario_id] = loader.load(files[scenario_id])
        except ScenarioError as error:
            problems += error.errors
    # One wrong file must not keep all the others from being served, unless it was named.
    if problems and (orders.chosen or not found):
        raise ScenarioError(problems)
    return found, tuple(problems)


def _root_file(catalogue: Catalogue, store: Store, folder: Path) -> Path:
    root = catalogue.common_root  # a store publishes a root once it has made it
    return store.public_file("server-root") or _written(folder / "server-root.pem", (root,))


def _own_roots(catalogue: Catalogue, folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
    found: dict[str, Path] = {}
    unsupported: dict[str, str] = {}
    for scenario_id in catalogue.scenarios:
        try:
            roots = catalogue.roots(scenario_id)
            if scenario_id in catalogue.apart:
                catalogue.plan(scenario_id)
        except MitmailError as error:
            unsupported[scenario_id] = str(error)
            continue
        if roots != (catalogue.common_root,):
            found[scenario_id] = _written(folder / f"{scenario_id}.pem", roots)
    return found, unsupported


def _written(file: Path, roots: tuple[bytes, ...]) -> Path:
    file.write_bytes(pem(*roots))
    return file


def ready(
    gallery: Gallery, places: Places, hosts_file: Path | None, control: Mapping[str, object]
) -> dict[str, object]:
    """The first line of ``serve --all --ready-json``: where every case is."""
    return {
        "schema": SCHEMA,
        "ready": True,
        "all": True,
        "antivirus": "none",
        "user": gallery.user,
        "password": gallery.password,
        "root_file": str(gallery.root_file),
        "hosts_file": None if hosts_file is None else str(hosts_file),
        "endpoints": {name: one.place for name, one in places.by_name.items()},
        "scenarios": {
            id_: _case(gallery, places, said)
            for id_, said in gallery.catalogue.scenarios.items()
            if id_ not in gallery.unsupported
        },
        "unsupported": dict(gallery.unsupported),
        "control": control,
    }


def _case(gallery: Gallery, places: Places, said: Scenario) -> dict[str, object]:
    return {
        "name": gallery.catalogue.name(said.id),
        "root_file": str(gallery.own_roots.get(said.id, gallery.root_file)),
        "endpoints": {name: one.place for name, one in places.of(said).items()},
    }
