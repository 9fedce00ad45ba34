"""A change: what ``mitmail switch`` asks of a running ``mitmail serve``."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mitmail.errors import MitmailError
from mitmail.service.orders import Orders

OFF = ("off", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What shall be other than it is; None where it stays.

    ``antivirus`` is a product, the file of its profile, or ``none``; ``switches`` are its
    behaviours; with ``reinstall`` it gets new roots of the same names.
    """

    scenario: str | None = None
    antivirus: str | None = None
    switches: frozenset[str] | None = None
    reinstall: bool = False
    folders: tuple[Path, ...] = ()

    def apply(self, orders: Orders) -> Orders:
        """What is served then. Raises MitmailError for what goes together with nothing."""
        antivirus = orders.antivirus if self.antivirus is None else self.antivirus
        antivirus = "none" if antivirus in OFF else antivirus
        switches = self.switches
        if switches is None:  # those of another product are none of this one's
            switches = orders.switches if antivirus == orders.antivirus else frozenset()
        self._check(orders, antivirus)
        return replace(
            orders,
            scenario=self.scenario or orders.scenario,
            antivirus=antivirus,
            switches=switches,
            folders=(*orders.folders, *(x for x in self.folders if x not in orders.folders)),
        )

    def _check(self, orders: Orders, antivirus: str) -> None:
        if self.reinstall and antivirus == "none":
            raise MitmailError(
                "--reinstall needs an antivirus, and none is on: add --antivirus norton"
            )
        if orders.upstreams and self.scenario is not None:
            raise MitmailError(
                "this serve stands before a real mail server, which is as it is: only the "
                "antivirus can be switched"
            )
        if orders.upstreams and antivirus == "none":
            raise MitmailError(
                "this serve stands before a real mail server: without the antivirus, let the "
                "client connect to that server itself"
            )


FIELDS: Mapping[str, type] = {
    "scenario": str, "antivirus": str, "switches": list, "reinstall": bool, "folders": list,
}  # fmt: skip


def read(said: Mapping[str, Any]) -> Change:
    """The change that a request asks for; raises MitmailError for a field that is none."""
    given = {key: value for key, value in said.items() if value is not None}
    for key, value in given.items():
        if key not in FIELDS:
            raise MitmailError(f"switch knows no {key!r}: use {', '.join(FIELDS)}")
        if not isinstance(value, FIELDS[key]) or not _are_words(value):
            raise MitmailError(f"switch: {key} is not {_form(FIELDS[key])}")
    if "switches" in given:
        given["switches"] = frozenset(given["switches"])
    if "folders" in given:
        given["folders"] = tuple(map(Path, given["folders"]))
    return Change(**given)


def _are_words(value: object) -> bool:
    return not isinstance(value, list) or all(isinstance(each, str) for each in value)


def _form(kind: type) -> str:
    return {str: "a string", list: "a list of strings", bool: "true or false"}[kind]
