"""Which behaviours fit which products, and which products have them as they are."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError

from mitmail.scenario.behaviour import Behaviour
from mitmail.scenario.document import Keys
from mitmail.scenario.evidence import Mark
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


def always(vendor: Vendor, behaviour: Behaviour) -> Mark | None:
    """Return how it is known that a product is so without the switch; None where it is not so.

    The mark is the weakest of all that the behaviour is about. It is so where the switch would
    change nothing but names and known exceptions.
    """
    if not behaviour.is_switch or (not vendor.roots and _OF_COPIES & behaviour.set.keys()):
        return None
    patch = _answered(vendor, behaviour.set)
    try:
        changed = vendor.also(patch)
    except ValidationError:
        return None
    if _told(changed) != _told(vendor):
        return None
    found = (vendor.known(path) for path in _paths(patch))
    return max((x.mark for x in found if x is not None), key=MARKS.index, default=None)


def _answered(vendor: Vendor, patch: Mapping[str, Any]) -> Mapping[str, Any]:
    """A patch without the answers to STARTTLS in protocols that the product does not look into."""
    conversation = patch.get("conversation", {})
    own, answers = vendor.conversation.answer, conversation.get("answer")
    if own is None or not isinstance(answers, Mapping):
        return patch
    heard = {protocol: text for protocol, text in answers.items() if getattr(own, protocol)}
    return {**patch, "conversation": {**conversation, "answer": heard}}


_OF_COPIES: Final = frozenset({"root_shape", "leaf", "chain"})
MARKS: Final[tuple[Mark, ...]] = ("decoded", "sourced", "inferred", "unverified")


def _told(vendor: Vendor) -> dict[str, Any]:
    """A profile without what a product need not share with others to be like them."""
    told = vendor.model_dump(exclude={"exceptions", "said", "base", "evidence"})
    return told | {part: told[part] is not None for part in ("intermediate", "device")}


def _paths(part: Mapping[str, object], above: str = "") -> Iterator[str]:
    for key, value in part.items():
        if isinstance(value, Mapping):
            yield from _paths(value, f"{above}{key}.")
        else:
            yield f"{above}{key}"
