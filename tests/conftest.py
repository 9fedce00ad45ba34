"""Fixtures that many tests share."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from bench import is_root


@pytest.fixture(autouse=True)
def _own_data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the data folder of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MITMAIL_HOME", str(tmp_path_factory.mktemp("home")))
        yield


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
