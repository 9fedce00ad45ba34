"""Fixtures: one small real run, one browser."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench import clean_environment, need
from mitmail.judge import result
from mitmail.judge.result import Run
from report.chromium import Browser, browser

CASES = ("healthy", "expired", "cn-only")
CLIENTS = ("curl", "python", "swaks")
ASKED = [
    *(word for name in CLIENTS for word in ("--client", name)),
    *("--endpoint", "imaps", "--endpoint", "smtp", "--antivirus", "none", "--antivirus", "norton"),
]


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Three clients in three cases, bare and behind norton, as mitmail judge asks them."""
    need("curl")
    need("swaks")
    home = tmp_path_factory.mktemp("judge")
    (home / "few.set").write_text("\n".join(CASES))
    command = [sys.executable, "-m", "mitmail", "judge", "--set", str(home / "few.set")]
    ended = subprocess.run(
        [*command, *ASKED, "-n", "0", "-o", str(home)],
        env=clean_environment(MITMAIL_HOME=str(home)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return result.read(home / "results.ndjson")


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser, for all tests that look at pages."""
    with browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running
