"""Fixtures: one small real run, one browser."""

from collections.abc import Iterator

import pytest

from bench import need
from mitmail.judge.result import Run
from report.chromium import Browser, browser
from report.judged import judge

CASES = ("healthy", "expired", "expired+norton", "cn-only")


@pytest.fixture(scope="session")
def real() -> tuple[Run, str]:
    """Python and curl in a few cases, and the password that was used."""
    need("curl")
    return judge(CASES, ("curl", "python"), ("imaps", "smtp"))


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser, for all tests that look at pages."""
    with browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running
