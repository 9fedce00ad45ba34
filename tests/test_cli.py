"""The command line: what the environment and the streams around it may do to it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import clean_environment
from mitmail.cli import cli

SECONDS = 20


def mitmail(*arguments: str, home: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """A ``mitmail`` command that ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "mitmail", *arguments],
        env=clean_environment(MITMAIL_HOME=str(home), **extra),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_a_version_in_the_environment_is_not_for_us(tmp_path: Path) -> None:
    """CI images set NAME_VERSION to what they installed."""
    ended = mitmail("list", home=tmp_path, MITMAIL_VERSION="1.2.3")

    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_relay_to_anybody_is_never_switched_on_by_the_environment(tmp_path: Path) -> None:
    ended = mitmail(
        "serve", home=tmp_path, MITMAIL_SERVE_RELAY_UNVERIFIED="1", MITMAIL_SERVE_NAME="a b"
    )

    assert "--name 'a b'" in ended.stderr


def test_a_root_goes_nowhere_in_order(tmp_path: Path) -> None:
    """``mitmail ca export -o - >&-``"""
    command = f"{sys.executable} -m mitmail ca export -o - >&-"
    ended = subprocess.run(
        ["/bin/sh", "-c", command],
        env=clean_environment(MITMAIL_HOME=str(tmp_path)),
        stderr=subprocess.PIPE,
        timeout=SECONDS,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, b"")


def test_every_json_document_names_its_schema(tmp_path: Path) -> None:
    for arguments in (("list",), ("show", "norton"), ("show", "expired")):
        ended = mitmail(*arguments, "--json", home=tmp_path)
        assert json.loads(ended.stdout)["schema"] == 1


@pytest.mark.skipif(sys.platform != "linux", reason="no /dev/full")
@pytest.mark.parametrize("command", ["list", "show expired --json", "schema results"])
def test_a_full_disk_is_said_in_one_line(tmp_path: Path, command: str) -> None:
    ended = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m mitmail {command} >/dev/full"],
        env=clean_environment(MITMAIL_HOME=str(tmp_path)),
        stderr=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert ended.stderr == "ERROR: cannot write the output: No space left on device\n"
    assert ended.returncode == 2


@pytest.mark.parametrize("command", ["exec expired", "judge", "compare"])
@pytest.mark.parametrize("seconds", ["nan", "inf", "-inf", "1e300", "0", "soon"])
def test_a_time_that_no_clock_can_count_is_wrong_usage(command: str, seconds: str) -> None:
    option = "--seconds" if command == "compare" else "--timeout"
    ended = CliRunner().invoke(cli, [*command.split(), option, seconds])

    assert (ended.exit_code, ended.output.count("Error: ")) == (2, 1)
