"""Fixtures that many tests share."""

import gc
import itertools
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import guard
from bench import is_root

if TYPE_CHECKING:
    from clients.house import House


guard.stand()


@pytest.fixture(scope="module", autouse=True)
def _others_left_alone() -> None:
    """Leave the tests themselves, and what was before, out of every collection of garbage.

    Tests of leaks collect hundreds of times. Walking 16,000 items takes 0.3 s each time, and what
    pytest keeps of those that ran 0.1 s.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    # Numbered by ourselves: mktemp reads the whole folder for the next number, 16,000 times.
    base = tmp_path_factory.mktemp("homes")
    return (base / str(number) for number in itertools.count())


@pytest.fixture(scope="session")
def _folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    base = tmp_path_factory.mktemp("folders")
    return (base / str(number) for number in itertools.count())


@pytest.fixture
def tmp_path(_folders: Iterator[Path]) -> Path:
    """A new folder, as pytest's own fixture gives it; see `_homes` for the number."""
    folder = next(_folders)
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def _own_data_folder(_homes: Iterator[Path]) -> Iterator[None]:
    """No test reads or writes the data folder of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MITMAIL_HOME", str(next(_homes)))
        yield


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator["House"]:
    """One house for a module: mitmproxy allows one master in a process."""
    from clients.house import House  # most tests can do without mitmproxy

    house = House(tmp_path_factory.mktemp("house"))
    yield house
    house.close()


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the checkout."""
    return Path(__file__).parents[1]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI nothing skips: whatever a test needs is for .ci/run to install, or to be."""
    report = yield
    may_skip = item.get_closest_marker("root") is not None and not is_root()
    if os.environ.get("CI") and report.skipped and not (may_skip or hasattr(report, "wasxfail")):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report
