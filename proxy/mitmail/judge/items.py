"""The cells of a run as items of pytest: a plugin for the process that collects or asks them."""

import json
from collections.abc import Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mitmail.judge import ending
from mitmail.judge.grid import Entry, Errand, errand
from mitmail.judge.result import Result

if TYPE_CHECKING:
    from mitmail.judge.worker import Worker

FILE = "cells.json"
FOUND = pytest.StashKey[Result]()


class Staff:
    """The worker of this process, once a cell needs one."""

    def __init__(self) -> None:
        self._worker: Worker | None = None

    def worker(self, errand: Errand) -> "Worker":
        """The worker of this process."""
        if self._worker is None:
            # Here, and not above: collecting cells needs no proxy.
            from mitmail.judge.worker import Worker

            self._worker = Worker(errand)
        return self._worker

    @pytest.hookimpl
    def pytest_sessionfinish(self) -> None:
        """End what was started, however the session ended."""
        if self._worker is not None:
            self._worker.close()


def pytest_configure(config: pytest.Config) -> None:
    """Have this process a staff, which starts a worker only when a cell is asked."""
    if hasattr(config, "workerinput"):  # one of xdist's, which the process that started it ends
        ending.deaf()
    config.pluginmanager.register(Staff(), "mitmail-staff")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "Cells | None":
    """Our own file, and no other one."""
    return Cells.from_parent(parent, path=file_path) if file_path.name == FILE else None


class Cells(pytest.File):
    """The cells that this run asks."""

    def collect(self) -> Iterator["CellItem"]:
        """One item for each of them, in the order of the plan."""
        said = errand(self.path)
        for entry in said.entries:
            id_ = item_id(entry)
            yield CellItem.from_parent(self, name=entry.name, nodeid=id_, entry=entry, errand=said)


def item_id(entry: Entry) -> str:
    """What pytest knows a cell by, with the group of what shares something with others."""
    # xdist's mark for groups does nothing with pytest 9.2, which keeps its ids elsewhere than
    # xdist 3.8 writes them; so the group is in the id from the beginning, as xdist reads it.
    return f"{entry.client}::{entry.name}" + (
        "" if entry.exclusive is None else f"@{entry.exclusive}"
    )


class CellItem(pytest.Item):
    """One cell: asked when it is set up. What came of it is no matter of pytest's."""

    def __init__(self, *, entry: Entry, errand: Errand, **more: Any) -> None:
        super().__init__(**more)
        self.entry = entry
        self.errand = errand

    def setup(self) -> None:
        """Ask."""
        staff = self.config.pluginmanager.getplugin("mitmail-staff")
        self.stash[FOUND] = staff.worker(self.errand).ask(self.entry)

    def runtest(self) -> None:
        """Nothing is left to do."""

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *_: Any) -> str:
        """The traceback of a failure of our own."""
        return str(excinfo.getrepr(style="native"))

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where pytest says that it is."""
        return self.path, None, self.name


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send the result along with the first report of its cell, also from another process."""
    report = yield
    if report.when == "setup" and (found := item.stash.get(FOUND, None)) is not None:
        report.cell = json.dumps(asdict(found))  # type: ignore[attr-defined] # an extra of ours
    return report
