"""``mitmail new``: a file of one's own, which can be linted and shown at once."""

import json
from pathlib import Path

import pytest

from mitmail.shipped import SCENARIOS
from serve.program import mitmail


def test_a_new_file_is_a_copy_that_lints_and_shows(tmp_path: Path) -> None:
    made = mitmail("new", "my-server", "--from", "expired", home=tmp_path, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "mitmail serve ./my-server.yaml" in made.stdout

    linted = mitmail("lint", "my-server.yaml", home=tmp_path, cwd=tmp_path)
    shown = mitmail("show", "./my-server.yaml", home=tmp_path, cwd=tmp_path)

    assert linted.stdout == "Nothing to mend.\n"
    assert shown.stdout.startswith("my-server: The certificate expired yesterday")


def test_the_editor_finds_the_schema_that_the_first_line_names(tmp_path: Path) -> None:
    mitmail("new", "my-server", home=tmp_path, cwd=tmp_path)

    first = (tmp_path / "my-server.yaml").read_text().splitlines()[0]
    schema = json.loads((tmp_path / first.partition("$schema=")[2]).read_text())

    assert first.startswith("# yaml-language-server: ")
    assert schema["properties"]["expect"]


def test_the_copy_holds_all_that_the_shipped_file_says(tmp_path: Path) -> None:
    mitmail("new", "mine", "--from", "wrong-host", home=tmp_path, cwd=tmp_path)

    shipped = Path(str(SCENARIOS)) / "name" / "wrong-host.yaml"
    assert (tmp_path / "mine.yaml").read_text().endswith(shipped.read_text())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["My_Server"], "lower-case words joined by hyphens"),
        (["expired"], "ships with mitmail"),
        (["there"], "already there"),
        (["mine", "--from", "expird"], "did you mean 'expired'?"),
        (["../mine"], "lower-case words joined by hyphens"),
    ],
)
def test_what_cannot_be_made_is_said_in_a_line(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "there.yaml").write_text("kept")

    ended = mitmail("new", *arguments, home=tmp_path, cwd=tmp_path)

    assert ended.returncode == 2
    assert ended.stderr.startswith("ERROR: ")
    assert words in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert (tmp_path / "there.yaml").read_text() == "kept"
    assert [x.name for x in tmp_path.iterdir() if x.is_file()] == ["there.yaml"]
