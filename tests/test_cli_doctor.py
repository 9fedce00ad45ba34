"""``mitmail doctor``: every part within a deadline, one line each, and nothing is changed."""

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types

from bench import clean_environment
from mitmail.cli import cli
from mitmail.machine.check import Check
from mitmail.machine.examination import Look, Purpose, examine
from mitmail.machine.schema import DOCUMENTS

# As anybody's: what is loaded later must be readable by him, and root's Python is not.
PROGRAM = """\
import os, sys
from mitmail.cli import main
from mitmail.machine import client, examination, requirement
if hasattr(os, "geteuid") and os.geteuid() == 0:
    list(requirement.libraries()), list(client.clients(("curl", "python")))
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.argv = ["mitmail", "doctor", *sys.argv[1:]]
try:
    main()
finally:
    assert "mitmproxy" not in sys.modules
"""


def told(**environment: str) -> tuple[int, dict[str, Any]]:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, "--json"], env=clean_environment(**environment), cwd="/",
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert run.stderr == ""
    return run.returncode, json.loads(run.stdout)


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that anybody may write to; pytest's own folders are for one user."""
    with tempfile.TemporaryDirectory(prefix="mitmail-") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def test_it_says_what_is_here_without_root_and_changes_nothing(home: Path) -> None:
    code, document = told(HOME=str(home), MITMAIL_HOME=str(home))

    Draft202012Validator(DOCUMENTS["doctor"]).validate(document)
    checks = {x["id"]: x for group in document["groups"] for x in group["checks"]}
    assert [x for x in checks.values() if x["status"] == "unknown"] == []
    working = ("python", "tls", "mitmproxy", "libraries", "judge", "folder")
    assert {checks[x]["status"] for x in working} == {"ok"}
    assert " python " in checks["clients"]["words"]
    # Another run may have the ports just now.
    wrong = [x for x in checks.values() if x["serves"] and x["status"] != "ok"]
    assert (code, document["serves"]) == ((3, False) if wrong else (0, True))
    assert list(home.iterdir()) == []


def test_where_nothing_is_installed_each_line_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = tmp_path / "data"
    taken.write_text("a file where a folder has to be")
    monkeypatch.setenv("MITMAIL_HOME", str(taken))
    monkeypatch.setenv("PATH", "/nowhere")
    ended = CliRunner().invoke(cli, ["doctor"], catch_exceptions=False)

    assert ended.exit_code == 3
    lines = ended.output.splitlines()
    assert f"  broken   {taken} is a file, and {taken} has to be a folder: move it" in ended.output
    assert "  missing  curl, curl-ssl: install curl, as Debian calls it" in lines
    assert lines[lines.index("mitmail serve cannot work here:") + 1].startswith(f"  {taken} is")
    assert all(": " in line for line in lines if line.startswith(("  missing", "  broken")))


def test_what_hangs_or_breaks_down_is_unknown_and_the_rest_is_told() -> None:
    held = threading.Event()

    def hangs() -> list[Check]:
        held.wait()
        return []

    def breaks() -> list[Check]:
        raise RuntimeError("no such thing\nand more")

    fine = Check(id="fine", status="ok", words="fine")
    looks = (Look("it", hangs, serves=True), Look("that", breaks), Look("fine", lambda: [fine]))
    try:
        (group,) = examine([Purpose("some", "Something", looks)], seconds=0.5)
        (hanging,) = (x for x in threading.enumerate() if x.name == "it")
    finally:
        held.set()

    assert hanging.daemon  # the process ends without it
    assert [(x.status, x.words, x.stands_in_the_way) for x in group.checks] == [
        ("unknown", "it could not be looked at, no answer in 0 s", True),
        ("unknown", "that could not be looked at, RuntimeError: no such thing", False),
        ("ok", "fine", False),
    ]
