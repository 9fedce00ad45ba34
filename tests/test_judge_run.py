"""Real runs of ``mitmail judge``: each client is reported for what it is."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types

from bench import need
from judging import Judged, impostors, is_gone, judge, start
from mitmail.judge.schema import DOCUMENTS

pytestmark = pytest.mark.long  # ten clients, some of which hang on purpose

GRAMMAR = Path(__file__).parent / "report" / "junit.rng"
ROLES = (
    "blind", "paranoid", "liar", "hanging", "crashing", "absent", "fickle", "wavering", "clumsy",
    "chatty",
)  # fmt: skip
MATRIX = """\
clients: [{clients}]
select: {{ids: [expired]}}
endpoints: [imaps]
xfail:
  - {{client: chatty, case: expired, reason: known of old}}
"""
# What tests of the user's own would be run with.
HOSTILE = {
    "conftest.py": "raise RuntimeError('read')",
    "pytest.ini": "[pytest]\naddopts = --nonsense\n",
    "test_theirs.py": "def test_theirs():\n    assert False\n",
    "json.py": "raise RuntimeError('imported')",
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """All impostors in one run, started where somebody has tests of their own."""
    folder = tmp_path_factory.mktemp("judged")
    clients = ", ".join(file.name for file in impostors(folder, *ROLES))
    matrix = folder / "all.mitmail-matrix.yaml"
    matrix.write_text(MATRIX.format(clients=clients))
    theirs = folder / "theirs"
    theirs.mkdir()
    for name, text in HOSTILE.items():
        (theirs / name).write_text(text)
    return judge(
        matrix, "-n", "2", "--timeout", "3",
        folder=folder / "out", cwd=theirs,
        PYTEST_ADDOPTS="--nonsense", PYTEST_PLUGINS="nonsense",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("role", "healthy", "expired"),
    [
        ("blind", ("pass", "as expected"), ("fail", "expected reject (expired)")),
        ("paranoid", ("fail", "expected accept"), ("error", "fails the control of healthy")),
        ("liar", ("pass", "as expected"), ("error", "the client says accept, we saw reject")),
        ("hanging", ("error", "did not end in time"), ("error", "fails the control of healthy")),
        ("crashing", ("error", "the client crashed (-11)"), ("error", "fails the control")),
        ("absent", ("error", "the client never connected"), ("error", "never connected")),
        ("clumsy", ("pass", "as expected"), ("pass", "as expected")),
        ("wavering", ("pass", "as expected"), ("error", "we saw accept first, reject the second")),
    ],
)
def test_a_client_is_reported_for_what_it_is(
    judged: Judged, role: str, healthy: tuple[str, str], expired: tuple[str, str]
) -> None:
    for case, (outcome, why) in (("healthy", healthy), ("expired", expired)):
        cell = judged.cells[f"{role}/{case}/imaps"]

        assert cell["outcome"] == outcome, cell["why"]
        assert why in cell["why"]


def test_what_could_not_be_judged_is_asked_once_more_and_that_is_said(judged: Judged) -> None:
    clumsy = judged.cells["clumsy/expired/imaps"]

    assert [one["outcome"] for one in clumsy["tries"]] == ["error"]
    assert not clumsy["unstable"]


def test_whoever_answers_differently_twice_is_unstable(judged: Judged) -> None:
    wavering = judged.cells["wavering/expired/imaps"]

    assert wavering["unstable"]
    assert len(wavering["tries"]) == 2


def test_a_verdict_is_not_asked_for_twice(judged: Judged) -> None:
    """A failure that goes away by asking again would never be found."""
    fickle = judged.cells["fickle/expired/imaps"]

    assert (fickle["outcome"], fickle["tries"]) == ("fail", [])


def test_a_client_that_fails_its_control_is_not_asked_elsewhere(judged: Judged) -> None:
    paranoid = judged.cells["paranoid/expired/imaps"]

    assert (paranoid["seen"], paranoid["sessions"]) == (None, [])


def test_the_run_fails(judged: Judged) -> None:
    assert judged.code == 1, judged.err
    assert "fail   blind/expired on imaps: expected reject (expired)" in judged.out


def test_what_is_known_to_fail_and_passes_is_a_failure(judged: Judged) -> None:
    cell = judged.cells["chatty/expired/imaps"]

    assert cell["outcome"] == "fail"
    assert "remove that xfail" in cell["why"]


def test_no_password_is_in_the_records(judged: Judged) -> None:
    password = (judged.folder.parent / "chatty.memory").read_text()
    said = judged.cells["chatty/healthy/imaps"]["said"]["text"]

    assert said.strip() == "logged in with ***"
    assert len(password) > 8
    for file in ("results.ndjson", "junit.xml"):
        assert password not in (judged.folder / file).read_text()


def test_each_record_is_as_its_schema_says(judged: Judged) -> None:
    rule = Draft202012Validator(DOCUMENTS["results"])

    assert [list(rule.iter_errors(record)) for record in judged.records] == [[]] * 21


def test_a_cell_says_what_was_presented(judged: Judged) -> None:
    leaf, *_ = judged.cells["blind/expired/imaps"]["chain"]

    assert leaf["names"] == ["mail.customer.test"]
    assert leaf["not_after"] < judged.head["started"]
    assert (leaf["key"], leaf["signature"]) == ("EC secp256r1", "ecdsa-with-SHA256")


def test_a_client_is_told_on_standard_error_as_soon_as_it_is_done(judged: Judged) -> None:
    assert "blind: 2 cells: 1 fail, 1 pass" in judged.err


def test_junit_holds_every_cell_once_with_its_outcome(judged: Judged) -> None:
    file = judged.folder / "junit.xml"
    checked = subprocess.run(
        [need("xmllint"), "--noout", "--relaxng", str(GRAMMAR), str(file)],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    cases = {case.get("name"): case for case in ET.parse(file).iter("testcase")}

    assert checked.returncode == 0, checked.stderr
    assert set(cases) == set(judged.cells)
    assert len(list(ET.parse(file).iter("testcase"))) == len(cases)
    kinds = {"pass": [], "warn": ["system-out"], "fail": ["failure"], "error": ["error"]}
    for name, cell in judged.cells.items():
        assert [each.tag for each in cases[name]] == kinds[cell["outcome"]], name
        assert [each.get("message") for each in cases[name]] in ([], [cell["why"]]), name
    assert "pluggy" not in file.read_text()


@pytest.mark.long
def test_only_what_could_not_be_judged_is_exit_code_3(tmp_path: Path) -> None:
    (liar,) = impostors(tmp_path, "liar")

    told = judge("--client", liar, "--only", "liar/expired/imaps", folder=tmp_path / "out")

    assert told.code == 3
    assert list(told.cells) == ["liar/expired/imaps"]  # the control was asked, and is no cell


@pytest.mark.parametrize("processes", ["0", "2"])
@pytest.mark.parametrize("ended_by", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_a_run_with_its_report_and_with_its_clients(
    tmp_path: Path, ended_by: str, processes: str
) -> None:
    if sys.platform == "win32":
        pytest.skip("no named pipes in folders")
    clients = impostors(tmp_path, "careful", "hanging")
    os.mkfifo(tmp_path / "hanging.memory")
    hanging = os.open(tmp_path / "hanging.memory", os.O_RDONLY | os.O_NONBLOCK)
    words = [word for file in clients for word in ("--client", file)]
    words += ["--only", "*/healthy/imaps", "--timeout", "60", "-n", processes]
    running = start(words, tmp_path / "out", TMPDIR=str(tmp_path))
    assert running.stderr is not None
    words_until("careful: 1 cell:", running.stderr.fileno())
    pid = words_until("", hanging)
    os.close(hanging)

    # As timeout and a terminal do it: every process of the judge hears of it.
    number = getattr(signal, ended_by)
    (os.kill if ended_by == "SIGINT" else os.killpg)(running.pid, number)
    out, err = running.communicate(timeout=30)

    assert running.returncode == 128 + number, err
    assert "Interrupted: 1 cell was not asked." in err
    assert [record["cell"] for record in Judged(0, out, err, tmp_path / "out").records[1:]] == [
        "careful/healthy/imaps"
    ]
    assert is_gone(int(pid))
    assert list(tmp_path.glob("mitmail-*")) == []
    assert len(list(ET.parse(tmp_path / "out" / "junit.xml").iter("testcase"))) >= 1


def words_until(beginning: str, stream: int) -> str:
    """What is written until a line begins like this, or at once; for at most 30 s."""
    told, deadline = "", time.monotonic() + 30
    while not told or f"\n{beginning}" not in f"\n{told}":
        ready, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, told
        piece = os.read(stream, 65536)
        assert piece, told
        told += piece.decode()
    return told
