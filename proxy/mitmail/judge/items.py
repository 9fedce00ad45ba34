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


class Unmet(Exception):
    """A cell that did not come out as it should; the message is for whoever reads a report."""


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


def shown_id(entry: Entry) -> str:
    """What JUnit XML groups a cell by: its client, and its name."""
    return f"{entry.client}::{entry.name}"


def item_id(entry: Entry) -> str:
    """What pytest knows a cell by, with the group of what shares something with others."""
    # xdist's mark for groups does nothing with pytest 9.2, which keeps its ids elsewhere than
    # xdist 3.8 writes them; so the group is in the id from the beginning, as xdist reads it.
    return shown_id(entry) + ("" if entry.exclusive is None else f"@{entry.exclusive}")


class CellItem(pytest.Item):
    """One cell: asked when it is set up, held against the expectation when it is called.

    So what could not be judged is an error to pytest, and what was judged a failure.
    """

    def __init__(self, *, entry: Entry, errand: Errand, **more: Any) -> None:
        super().__init__(**more)
        self.entry = entry
        self.errand = errand

    def setup(self) -> None:
        """Ask."""
        staff = self.config.pluginmanager.getplugin("mitmail-staff")
        found = staff.worker(self.errand).ask(self.entry)
        self.stash[FOUND] = found
        if found.outcome == "error":
            raise Unmet(words(found))

    def runtest(self) -> None:
        """Hold what came of it against what was expected."""
        found = self.stash[FOUND]
        if found.outcome == "xfail":
            pytest.xfail(found.why)
        if found.outcome == "skip":
            pytest.skip(found.why)
        if found.outcome in self.errand.unmet:
            raise Unmet(words(found))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *_: Any) -> str:
        """Words for a failure of the client's; the traceback of our own."""
        if isinstance(excinfo.value, Unmet):
            return str(excinfo.value)
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


def words(found: Result) -> str:
    """A result that is no pass, for a person: what came of it, who said what, and once more."""
    expected = " or ".join(found.expected["reasons"])
    expected = f"{found.expected['verdict']}{f' ({expected})' if expected else ''}"
    seen = "nothing" if found.seen is None else found.seen["evidence"]
    said = " ".join(found.said["text"].split())[-300:]
    return "\n".join(
        [
            f"{found.outcome}: {found.why}",
            f"expected: {found.expected['level']} {expected}",
            f"the client says: {found.said['verdict']} {said}".rstrip(),
            f"we saw: {seen}",
            f"once more: {found.reproduce}",
        ]
    )
