"""Which behaviours fit which products, and which products have them as they are."""

from collections.abc import Iterable

from pydantic import ValidationError

from mitmail.scenario.behaviour import Behaviour
from mitmail.scenario.document import Keys
from mitmail.scenario.vendor import Vendor


def misfit(behaviour: Behaviour, vendors: Iterable[Vendor]) -> tuple[Keys, str] | None:
    """Return why a switch fits none of these products: a place below ``set``, and a sentence.

    None when it fits one, or is no switch.
    """
    first: tuple[Keys, str] | None = None
    for vendor in vendors if behaviour.is_switch else ():
        try:
            vendor.also(behaviour.set)
        except ValidationError as error:
            details = error.errors()[0]
            words = details["msg"].removeprefix("Value error, ")
            first = first or (tuple(details["loc"]), f"{words} (in {vendor.id})")
        else:
            return None
    return first


def has_always(vendor: Vendor, behaviour: Behaviour) -> bool:
    """Tell whether a product is so without the switch: it would change nothing."""
    if not behaviour.is_switch:
        return False
    apart = {"exceptions", "said"}
    try:
        changed = vendor.also(behaviour.set)
    except ValidationError:
        return False
    return changed.model_dump(exclude=apart) == vendor.model_dump(exclude=apart)
