"""The baseline: a run fails for what is new, and no error is ever known."""

from pathlib import Path

import pytest

from mitmail.errors import MitmailError
from mitmail.judge import baseline
from report.runs import cell, run

NAME = "curl/expired/imaps"


def news(known: str, *outcomes: str, strict: bool = False) -> list[tuple[str, bool]]:
    """What is new in a run of one cell with this outcome, and whether it counts."""
    have = {NAME: baseline.Known(NAME, known)} if known else {}
    return [
        (one.kind, one.counts)
        for outcome in outcomes
        for one in baseline.apply(run(cell(NAME, outcome), strict=strict), have)
    ]


@pytest.mark.parametrize(
    ("known", "outcome", "expected"),
    [
        ("", "pass", []),
        ("", "fail", [("new", True)]),
        ("", "warn", [("new", False)]),
        ("fail", "fail", []),
        ("warn", "warn", []),
        ("warn", "fail", [("worse", True)]),
        ("fail", "warn", [("better", False)]),
        ("fail", "pass", [("stale", False)]),
        ("warn", "xfail", [("stale", False)]),
        # Not asked, so nobody knows.
        ("fail", "skip", []),
        ("", "skip", []),
        ("", "xfail", []),
    ],
)
def test_what_is_news(known: str, outcome: str, expected: list[tuple[str, bool]]) -> None:
    assert news(known, outcome) == expected


@pytest.mark.parametrize("known", ["", "warn", "fail"])
def test_an_error_is_always_news_and_always_counts(known: str) -> None:
    assert news(known, "error") == [("error", True)]


def test_a_strict_run_fails_for_a_new_warning() -> None:
    assert news("", "warn", strict=True) == [("new", True)]


def test_a_cell_that_was_not_asked_is_no_news() -> None:
    known = {"mutt/expired/imap": baseline.Known("mutt/expired/imap", "fail")}

    assert baseline.apply(run(cell(NAME)), known) == []


def test_what_is_written_is_read_again_and_makes_the_run_known(tmp_path: Path) -> None:
    path = tmp_path / "known"
    what = run(cell("z/expired/imap", "fail"), cell("a b/expired/imap", "warn"), cell(NAME))
    baseline.write(path, what)

    assert path.read_text().splitlines()[-2:] == [
        "warn  a b/expired/imap",
        "fail  z/expired/imap",
    ]
    assert baseline.apply(what, baseline.load(path)) == []


def test_writing_keeps_notes_and_cells_that_were_not_judged_and_drops_what_passes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "known"
    path.write_text(
        "# ours\n"
        "fail  curl/expired/imap  # until Debian 13 (#7)\n"
        "fail  curl/expired/imaps  # passes now\n"
        "warn  curl/expired/pop3  # cannot be judged today\n"
        "fail  mutt/expired/imap  # in another shard\n"
    )
    cells = [
        cell("curl/expired/imap", "warn"),
        cell("curl/expired/imaps"),
        cell("curl/expired/pop3", "error"),
    ]
    baseline.write(path, run(*cells))

    assert path.read_text().splitlines()[2:] == [
        "warn  curl/expired/imap  # until Debian 13 (#7)",
        "warn  curl/expired/pop3  # cannot be judged today",
        "fail  mutt/expired/imap  # in another shard",
    ]


def test_an_error_is_never_written(tmp_path: Path) -> None:
    baseline.write(tmp_path / "known", run(cell(NAME, "error")))

    assert baseline.load(tmp_path / "known") == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fail a/b/imap\n\nerror  a/c/imap\n", r"known:3: 'error' is no deviation.*never known"),
        ("pass a/b/imap", r"known:1: 'pass' is no deviation: use warn or fail"),
        ("fail", r"known:1: no known deviation: write OUTCOME CELL"),
        ("fail  # a note alone", r"known:1: no known deviation"),
        ("fail a/b/imap\nwarn a/b/imap", r"known:2: a/b/imap is here already"),
        (b"\xff\xfe", r"cannot read the baseline .*: it is not UTF-8"),
        (None, r"cannot read the baseline .*: No such file.*--update-baseline"),
    ],
)
def test_a_file_that_is_none_is_said_with_its_line(
    tmp_path: Path, text: str | bytes | None, words: str
) -> None:
    path = tmp_path / "known"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(MitmailError, match=words):
        baseline.load(path)


def test_a_broken_baseline_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "known"
    path.write_text("what is this\n")

    with pytest.raises(MitmailError):
        baseline.write(path, run(cell(NAME, "fail")))
    assert path.read_text() == "what is this\n"


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MitmailError, match=r"cannot write .*: No such file"):
        baseline.write(tmp_path / "none" / "known", run(cell(NAME, "fail")))
