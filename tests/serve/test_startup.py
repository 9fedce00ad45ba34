"""What does not serve is quick: it leaves the heavy imports alone."""

import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

from serve.program import MITMAIL, SECONDS, environment, mitmail

if sys.platform == "win32":
    pytest.skip("no getrusage on Windows", allow_module_level=True)

HEAVY = {"mitmproxy", "pydantic", "cryptography", "OpenSSL", "aiosmtpd", "asyncio", "ruamel"}
PLUS = 0.2  # seconds over a bare Python
ONE = str(Path(__file__).parents[2] / "scenarios" / "validity" / "expired.yaml")


def imported(*arguments: str, home: Path) -> set[str]:
    """The top-level packages that a command imports, as ``-X importtime`` lists them."""
    python, *rest = MITMAIL
    command = [python, "-X", "importtime", *rest, *arguments]
    ended = subprocess.run(
        command, capture_output=True, text=True, env=environment(home), timeout=SECONDS
    )
    assert ended.returncode == 0, ended.stderr[-500:]
    rows = [row for row in ended.stderr.splitlines() if row.startswith("import time:")]
    return {row.rsplit("|", 1)[1].strip().partition(".")[0] for row in rows}


def cost(*command: str, home: Path) -> float:
    """Seconds of processor time: what else this machine does is not counted."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        command, check=True, capture_output=True, env=environment(home), timeout=SECONDS
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def test_help_costs_little_more_than_a_bare_python(tmp_path: Path) -> None:
    bare = median(cost(sys.executable, "-c", "pass", home=tmp_path) for _ in range(5))
    ours = median(cost(*MITMAIL, "--help", home=tmp_path) for _ in range(5))

    assert ours - bare < PLUS


@pytest.mark.parametrize("arguments", [("--help",), ("serve", "--help"), ("--version",)])
def test_help_imports_nothing_heavy(arguments: tuple[str, ...], tmp_path: Path) -> None:
    found = imported(*arguments, home=tmp_path)

    assert "click" in found
    assert not found & HEAVY


@pytest.mark.parametrize(
    "arguments",
    [("list",), ("show", "expired"), ("show", "norton"), ("lint", ONE), ("ca", "path")],
)
def test_whatever_only_reads_does_without_mitmproxy(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    assert not imported(*arguments, home=tmp_path) & {"mitmproxy", "OpenSSL", "aiosmtpd"}


def test_a_reader_that_leaves_early_sees_no_traceback(tmp_path: Path) -> None:
    command = [*MITMAIL, "list"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(tmp_path)
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(SECONDS) == 0


def test_without_a_command_it_shows_its_help(tmp_path: Path) -> None:
    ended = mitmail(home=tmp_path)

    assert ended.returncode == 0
    assert "mitmail serve expired" in ended.stdout
