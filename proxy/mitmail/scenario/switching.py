"""A product with some of its behaviours switched on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

from pydantic import ValidationError

from mitmail.errors import MitmailError
from mitmail.scenario import loader
from mitmail.scenario.behaviour import Behaviour
from mitmail.scenario.document import path_text
from mitmail.scenario.patch import contradiction
from mitmail.scenario.product import ENDPOINTS
from mitmail.scenario.vendor import Vendor
from mitmail.scenario.word import did_you_mean


@dataclass(frozen=True, slots=True)
class Switched:
    """What a product does: ``everywhere`` counts for its roots, ``on`` for each endpoint."""

    everywhere: Vendor
    on: Mapping[str, Vendor]


def switched(vendor: Vendor, names: Iterable[str]) -> Switched:
    """The product with these behaviours, in the order of their names.

    Raises MitmailError for one that is no switch or does not fit the profile, and for two that
    want the same part of it to be different things.
    """
    behaviours = [_switch(name, vendor) for name in sorted(set(names))]
    for one, other in combinations(behaviours, 2):
        if {*one.endpoints} & {*other.endpoints}:
            _agree(one, other)
    everywhere = vendor
    for one in behaviours:
        if one.endpoints == ENDPOINTS:
            everywhere = _with(everywhere, one)
    on: dict[str, Vendor] = {}
    for endpoint in ENDPOINTS:
        on[endpoint] = vendor
        for one in behaviours:
            if endpoint in one.endpoints:
                on[endpoint] = _with(on[endpoint], one)
    return Switched(everywhere, on)


def _switch(name: str, vendor: Vendor) -> Behaviour:
    if name not in loader.behaviour_files() or not loader.find_behaviour(name).is_switch:
        hint = did_you_mean(name, loader.behaviour_files())
        own = f"; {vendor.id} is known for: {', '.join(vendor.behaviours) or 'none'}"
        raise MitmailError(f"no switch {name!r}{hint}{own}")
    return loader.find_behaviour(name)


def _agree(one: Behaviour, other: Behaviour) -> None:
    if (path := contradiction(one.set, other.set)) is not None:
        raise MitmailError(
            f"--switch {one.id} and --switch {other.id} contradict each other: each wants another "
            f"{path_text(path)}; leave one of them out"
        )


def _with(vendor: Vendor, behaviour: Behaviour) -> Vendor:
    try:
        return vendor.also(behaviour.set)
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{path_text(tuple(first['loc']))}: {first['msg']}"
        raise MitmailError(f"--switch {behaviour.id} does not fit {vendor.id}: {what}") from None
