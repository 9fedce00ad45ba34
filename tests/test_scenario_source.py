"""The text of a file: whatever is no text is one problem with a place."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mitmail.scenario import source
from mitmail.scenario.problem import ScenarioError


def refused(file: Path) -> str:
    with pytest.raises(ScenarioError) as caught:
        source.text(file)
    return str(caught.value).removeprefix(f"{file}:")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbftitle: x\n")
    assert source.text(file) == "title: x\n"


@pytest.mark.parametrize(
    ("octets", "place"),
    [
        (b"\xff", "1:1"),
        (b"title: caf\xe9\n", "1:11"),
        (b"a: 1\n  \xc3\xa9\x80", "2:4"),
        (b"\xef\xbb\xbfa: \x80", "1:4"),
        ("title: x".encode("utf-16"), "1:1"),
    ],
)
def test_what_is_not_utf_8_is_shown_where_it_stands(
    tmp_path: Path, octets: bytes, place: str
) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(octets)
    assert refused(file) == f"{place}: not UTF-8 text: save the file as UTF-8"


def test_a_file_may_have_one_mebibyte_and_no_more(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"#" * (1 << 20))
    assert len(source.text(file)) == 1 << 20
    file.write_bytes(b"#" * ((1 << 20) + 1))
    assert refused(file) == "1:1: is larger than 1 MiB"


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "nowhere.yaml") == "1:1: cannot be read: No such file or directory"
    assert refused(tmp_path) == "1:1: is a folder, not a file"
    assert "cannot be read" in refused(tmp_path / "\0.yaml")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes are no files there")
def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    if sys.platform != "win32":  # mypy knows no os.mkfifo there
        os.mkfifo(file)
    program = "import sys, pathlib; from mitmail.scenario import source; "
    run = subprocess.run(
        [sys.executable, "-c", f"{program}source.text(pathlib.Path(sys.argv[1]))", str(file)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert run.stderr.endswith(f"ScenarioError: {file}:1:1: is no regular file\n")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="has no endless file")
def test_an_endless_file_is_refused_at_once() -> None:
    assert refused(Path("/dev/zero")) == "1:1: is no regular file"
