"""The commands, as a user runs them: what they print, write, and leave with."""

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types

from mitmail.cli import cli
from mitmail.cli.report import FORMATS
from mitmail.errors import MitmailError
from mitmail.judge import result
from mitmail.judge.result import Run, Shard
from mitmail.judge.schema import DOCUMENTS
from report.runs import ACCEPTED, EXPECTED, cell, run

MIXED = run(cell("curl/expired/imap"), cell("curl/expired/imaps", "fail"))


def mitmail(*arguments: object) -> Result:
    """Run a command; what a user can fix is raised."""
    ended = CliRunner().invoke(cli, [str(x) for x in arguments])
    if isinstance(ended.exception, MitmailError):
        raise ended.exception
    return ended


def saved(what: Run, path: Path) -> Path:
    """A file of results."""
    path.write_text("".join([result.line(what.head), *map(result.line, what.results)]))
    return path


@pytest.mark.parametrize(
    ("shape", "begins"),
    [
        ("html", "<!doctype html>"),
        ("md", "# mitmail judge"),
        ("github", "::error title="),
        ("junit", "<?xml "),
        ("json", '{\n "schema": 1'),
        ("ndjson", '{"schema": 1, "record": "run"'),
        ("compatibility", "# What mail clients do"),
    ],
)
def test_a_report_is_printed_or_written_the_same(tmp_path: Path, shape: str, begins: str) -> None:
    file, out = saved(MIXED, tmp_path / "results.ndjson"), tmp_path / "out" / "report"

    printed = mitmail("report", file, "--format", shape)
    written = mitmail("report", file, "--format", shape, "-o", out)

    assert printed.stdout.startswith(begins)
    assert out.read_text() == printed.stdout
    assert (written.stdout, written.exit_code) == ("", 0)
    assert [x.name for x in out.parent.iterdir()] == ["report"]


def test_the_folder_that_holds_the_results_will_do(tmp_path: Path) -> None:
    file = saved(MIXED, tmp_path / "results.ndjson")

    assert mitmail("report", tmp_path).stdout == mitmail("report", file).stdout
    assert mitmail("diff", tmp_path, file).exit_code == 0


@pytest.mark.parametrize("shape", FORMATS)
def test_half_a_surrogate_pair_ends_no_report(tmp_path: Path, shape: str) -> None:
    """JSON can hold one, as ``\\ud800``; UTF-8 cannot."""
    said = {**ACCEPTED, "text": "a \ud800 b"}
    one = cell("curl/expired/imap", "fail", said=said, why="\ud800")
    file = saved(run(one), tmp_path / "results.ndjson")

    assert mitmail("report", file, "--format", shape).exit_code == 0


def test_what_is_rendered_as_ndjson_is_the_run_again(tmp_path: Path) -> None:
    file = saved(MIXED, tmp_path / "results.ndjson")

    again = mitmail("report", file, "--format", "ndjson").stdout

    assert result.parse(again.splitlines(), "again") == MIXED


def test_a_screenshot_is_looked_for_beside_the_results(tmp_path: Path) -> None:
    (tmp_path / "shot.png").write_bytes(b"\x89PNG\r\n\x1a\nrest")
    file = saved(run(cell("curl/expired/imap", screenshot="shot.png")), tmp_path / "results")
    out = tmp_path / "elsewhere" / "report.html"

    mitmail("report", file, "-o", out)

    assert "data:image/png;base64,iVBORw0KGgpyZXN0" in out.read_text()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot read .*results: No such file"),
        ("", "results:1: no results of mitmail judge"),
        ('{"schema": 1, "record": "ready"}\n', "results:1: no record of mitmail judge"),
        ('{"schema": 1, "rec', "results:1: no record"),
        ('{"schema": 2, "record": "run"}\n', "results:1: .*schema is another version's"),
        ("[1]\n", "results:1: no record of mitmail judge"),
        ("1\n", "results:1: no record of mitmail judge"),
    ],
)
def test_a_file_that_is_none_is_said_in_one_line(
    tmp_path: Path, text: str | None, words: str
) -> None:
    path = tmp_path / "results"
    if text is not None:
        path.write_text(text)

    for command in (["report", path], ["diff", path, path]):
        with pytest.raises(MitmailError, match=words) as caught:
            mitmail(*command)
        assert "\n" not in str(caught.value)


def damaged(folder: Path, in_head: dict[str, object], in_cell: dict[str, object]) -> Path:
    """Results of one cell, with something else in their head or in the cell."""
    file = saved(run(cell("curl/expired/imap")), folder / "results")
    head, one = map(json.loads, file.read_text().splitlines())
    file.write_text(f"{json.dumps(head | in_head)}\n{json.dumps(one | in_cell)}\n")
    return file


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"index": "a"}, "results:2: .*index: must be a valid integer, not 'a'"),
        ({"index": -1}, "results:2: .*index: must be greater than or equal to 0, not -1"),
        ({"said": 5}, "results:2: .*said: must be a valid dictionary, not 5"),
        ({"said": {"verdict": "accept"}}, "results:2: .*said.text is missing"),
        ({"seen": {}}, "results:2: .*seen.verdict is missing"),
        ({"outcome": "banana"}, "results:2: .*outcome: must be 'pass', .*, not 'banana'"),
        ({"expected": {**EXPECTED, "reasons": [1]}}, "results:2: .*expected.reasons.0: must be"),
        ({"seconds": float("nan")}, "results:2: .*seconds: must be a finite number"),
        ({"sessions": [{"facts": [{"ms": "x", "fact": "y"}]}]}, "results:2: .*facts.0.ms: must"),
        ({"chain": [{"names": 5}]}, "results:2: .*chain.0.names: must be a valid list"),
        ({"tries": ["x"]}, "results:2: .*tries.0: must be a valid dictionary"),
        ({"color": "red"}, "results:2: .*unexpected keyword argument 'color'"),
    ],
)
def test_a_damaged_record_is_said_in_one_line(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    file = damaged(tmp_path, {}, changes)

    for command in (["report", file], ["diff", file, file], ["merge", file, "-o", tmp_path / "x"]):
        with pytest.raises(MitmailError, match=words) as caught:
            mitmail(*command)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clients": {"curl": 5}}, "results:1: .*clients.curl: must be a valid dictionary"),
        ({"cells": "1"}, "results:1: .*cells: must be a valid integer"),
        ({"shard": {"index": 1}}, "results:1: .*shard.total is missing"),
        ({"names": ["curl/other/imap"]}, "results:2: curl/expired/imap is no cell of this run"),
    ],
)
def test_a_damaged_head_is_said_in_one_line(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    file = damaged(tmp_path, changes, {})

    with pytest.raises(MitmailError, match=words):
        mitmail("report", file)


def test_a_cell_is_in_a_file_once_and_so_is_a_run(tmp_path: Path) -> None:
    file = saved(MIXED, tmp_path / "results")
    head, *cells = file.read_text().splitlines(keepends=True)

    for lines, words in (
        ([head, *cells, cells[0]], "results:4: curl/expired/imap is here already"),
        ([head, cells[0], head, cells[1]], "results:3: here another run begins.* mitmail merge"),
    ):
        file.write_text("".join(lines))
        with pytest.raises(MitmailError, match=words):
            mitmail("report", file)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    file = saved(MIXED, tmp_path / "results.ndjson")

    with pytest.raises(MitmailError, match=r"cannot write .*report\.html"):
        mitmail("report", file, "-o", file / "report.html")


def test_a_diff_leaves_with_1_when_something_is_worse(tmp_path: Path) -> None:
    good = saved(run(cell("curl/expired/imap")), tmp_path / "good")
    bad = saved(run(cell("curl/expired/imap", "fail", version="8")), tmp_path / "bad")

    worse, better, same = (mitmail("diff", *x) for x in ((good, bad), (bad, good), (bad, bad)))

    assert [x.exit_code for x in (worse, better, same)] == [1, 0, 0]
    assert worse.stdout.startswith("curl 1.2 -> 8\n1 cell compared: 1 worse.\n\nworse\n")
    assert "  curl/expired/imap: pass, refuses (expired)" in worse.stdout
    assert same.stdout == "1 cell compared: no difference.\n"


def test_a_diff_as_json_fits_its_schema_and_has_no_password(tmp_path: Path) -> None:
    said = {**ACCEPTED, "text": "C: a LOGIN qa x7Kd93hQz2LmPw"}
    old = saved(run(cell("curl/expired/imap")), tmp_path / "old")
    new = saved(run(cell("curl/expired/imap", "fail", said=said)), tmp_path / "new")

    ended = mitmail("diff", old, new, "--json")
    schema = json.loads(mitmail("schema", "difference").stdout)

    Draft202012Validator(schema).validate(json.loads(ended.stdout))
    assert ended.exit_code == 1
    assert "x7Kd93hQz2LmPw" not in ended.stdout + mitmail("diff", old, new).stdout


def test_the_schema_of_results_is_printed() -> None:
    Draft202012Validator.check_schema(json.loads(mitmail("schema", "results").stdout))


KNOWN = "fail  curl/expired/imaps  # since 2024\nwarn  curl/other/imap\n"


@pytest.mark.parametrize("shape", ["md", "html", "github", "junit"])
def test_what_a_baseline_knows_is_shown_as_known(tmp_path: Path, shape: str) -> None:
    known = tmp_path / "known.txt"
    known.write_text(KNOWN)
    both = run(cell("curl/expired/imaps", "fail"), cell("curl/other/imap", "warn"), strict=True)
    file = saved(both, tmp_path / "results")

    told = mitmail("report", file, "--format", shape, "--baseline", known).stdout

    wrong = ("::error", "::warning", "<failure", "2 of 2", "1 of 2")
    assert [x for x in wrong if x in told] == []
    words = "known: fail, expected reject (expired) (since 2024)"
    assert {"md": "≈ **known** accepts", "github": ""}.get(shape, words) in told


def test_what_is_worse_than_it_was_known_is_a_failure(tmp_path: Path) -> None:
    known = tmp_path / "known.txt"
    known.write_text(KNOWN)
    file = saved(run(cell("curl/other/imap", "fail")), tmp_path / "results")

    told = mitmail("report", file, "--format", "github", "--baseline", known).stdout

    assert told.startswith("::error title=fail")


NAMES = [f"curl/expired/{x}" for x in ("imap", "imaps", "pop3", "pop3s")]
CUT_OFF = run(cell(NAMES[0]), cell(NAMES[1]), names=NAMES, cells=4)


@pytest.mark.parametrize("shape", ["md", "html", "github", "junit"])
def test_a_run_that_was_cut_off_is_no_success(tmp_path: Path, shape: str) -> None:
    file = saved(CUT_OFF, tmp_path / "results")

    told = mitmail("report", file, "--format", shape)

    assert told.exit_code == 3
    assert "he run was cut off: 2 cells were not asked" in unquote(told.stdout)
    assert told.stderr == f"{file}: the run was cut off: 2 cells were not asked.\n"
    if shape == "junit":
        root = ET.fromstring(told.stdout)
        assert [x.get("name") for x in root.iter("testcase")] == NAMES
        assert [root.get(x) for x in ("tests", "errors")] == ["4", "2"]
    if shape == "github":
        assert told.stdout.endswith("::curl/expired/pop3, curl/expired/pop3s\n")


def test_a_shard_is_whole_with_its_own_cells(tmp_path: Path) -> None:
    two = replace(cell(NAMES[1]), index=1), replace(cell(NAMES[3]), index=3)
    shard = replace(CUT_OFF.head, shard=Shard(index=2, total=2))

    whole = mitmail("report", saved(Run(shard, two), tmp_path / "whole"), "--format", "md")
    half = mitmail("report", saved(Run(shard, two[:1]), tmp_path / "half"), "--format", "md")

    assert (whole.exit_code, half.exit_code) == (0, 3)
    assert "1 cell was not asked" in half.stdout


def test_a_diff_with_a_run_that_was_cut_off_says_so(tmp_path: Path) -> None:
    whole = run(*map(cell, NAMES), names=NAMES)
    bad = run(cell(NAMES[0], "fail"), names=NAMES, cells=4)
    files = {name: saved(one, tmp_path / name) for name, one in
             (("whole", whole), ("cut", CUT_OFF), ("bad", bad))}  # fmt: skip

    new = mitmail("diff", files["whole"], files["cut"])
    old = mitmail("diff", files["cut"], files["whole"])
    worse = mitmail("diff", files["whole"], files["bad"])
    document = json.loads(mitmail("diff", files["whole"], files["cut"], "--json").stdout)

    assert [x.exit_code for x in (new, old, worse)] == [3, 3, 1]
    assert new.stdout.startswith("NEW: the run was cut off: 2 cells were not asked.\n")
    assert document["missing"] == {"old": 0, "new": 2}
    Draft202012Validator(DOCUMENTS["difference"]).validate(document)
