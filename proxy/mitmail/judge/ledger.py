"""The ledger: hears of every cell once, also of those whose process died under them."""

import json
from collections.abc import Callable

import pytest

from mitmail.judge.grid import Entry, Errand
from mitmail.judge.items import item_id
from mitmail.judge.result import Result


class Ledger:
    """A plugin of pytest, in the process that others report to."""

    def __init__(self, errand: Errand, heard: Callable[[Result], None]) -> None:
        self._errand = errand
        self._heard = heard
        self.open: dict[str, Entry] = {entry.name: entry for entry in errand.entries}
        """The cells of which nothing was heard yet."""
        self._items = {item_id(entry): entry for entry in errand.entries}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Hear of a phase of a cell."""
        if (entry := self._items.get(report.nodeid)) is None:
            return
        name = entry.name
        if (said := getattr(report, "cell", None)) is not None:
            self._tell(name, Result(**json.loads(said)))
        elif report.failed and name in self.open:
            *_, last = (report.longreprtext or "nothing is known").splitlines()
            self._broken(name, f"our side failed: {last}")

    def settle(self, *, interrupted: bool) -> None:
        """After a run: a cell that nobody reported is an error, unless the run was cut short."""
        for name in [] if interrupted else list(self.open):
            self._broken(name, "our side failed: the process that asks it came to an end")

    def _broken(self, name: str, why: str) -> None:
        # Here, and not above: it knows the proxy, which takes long to import.
        from mitmail.judge.account import unasked
        from mitmail.judge.case import Casebook

        entry = self.open[name]
        case = Casebook(constrained=False).case(entry.brief)
        self._tell(name, unasked(entry, self._errand, case, why))

    def _tell(self, name: str, found: Result) -> None:
        if self.open.pop(name, None) is not None:
            self._heard(found)
