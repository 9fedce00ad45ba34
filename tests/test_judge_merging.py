"""Merging: shards become the run, and whatever does not fit is named."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mitmail.errors import CannotJudgeError, MitmailError
from mitmail.judge import result
from mitmail.judge.grid import digest
from mitmail.judge.merging import merge, write
from mitmail.judge.result import Result, Run, Shard
from report.runs import cell, run

NAMES = [f"curl/case-{number}/imaps" for number in range(7)]
WHOLE = run(*map(cell, NAMES), names=NAMES, plan=digest(NAMES), cells=len(NAMES))


def shard(index: int, total: int, whole: Run = WHOLE) -> Run:
    """A part of a run, as another machine would write it."""
    head = replace(whole.head, shard=Shard(index=index, total=total))
    return Run(head, whole.results[index - 1 :: total])


def stored(folder: Path, *runs: Run) -> list[Path]:
    files = []
    for number, one in enumerate(runs):
        files.append(folder / f"{number}" / "results.ndjson")
        write(one, files[-1])
    return files


def changed(one: Run, change: Callable[[list[Result]], object]) -> Run:
    results = list(one.results)
    change(results)
    return Run(one.head, tuple(results))


def test_two_shards_are_the_run(tmp_path: Path) -> None:
    stored(tmp_path, shard(2, 2), shard(1, 2))

    assert merge([tmp_path]) == WHOLE


def test_what_was_merged_is_read_as_a_run(tmp_path: Path) -> None:
    write(merge(stored(tmp_path, shard(1, 2), shard(2, 2))), tmp_path / "all.ndjson")

    assert result.read(tmp_path / "all.ndjson") == WHOLE


def test_a_lost_shard_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotJudgeError, match=r"missing: shard 2 of 3: curl/case-1/imaps, curl"):
        merge(stored(tmp_path, shard(1, 3), shard(3, 3)))


def test_a_lost_cell_is_named(tmp_path: Path) -> None:
    less = changed(shard(1, 2), lambda results: results.pop(1))

    with pytest.raises(CannotJudgeError, match=r"missing: curl/case-2/imaps$"):
        merge(stored(tmp_path, less, shard(2, 2)))


def test_a_shard_twice_is_named(tmp_path: Path) -> None:
    files = stored(tmp_path, shard(1, 2), shard(2, 2), shard(2, 2))

    with pytest.raises(MitmailError, match=r"doubled: curl/case-1/imaps, .*1/res.* and .*2/res"):
        merge(files)


def test_the_same_file_twice_is_one_file(tmp_path: Path) -> None:
    files = stored(tmp_path, shard(1, 2), shard(2, 2))

    assert merge([*files, tmp_path]) == WHOLE


def test_a_cell_of_another_shard_is_named(tmp_path: Path) -> None:
    """Both machines asked the same part: the run would look whole."""
    more = changed(shard(1, 2), lambda results: results.append(WHOLE.results[1]))

    with pytest.raises(MitmailError, match=r"curl/case-1/imaps is no cell of shard 1/2"):
        merge(stored(tmp_path, more, shard(2, 2)))


def test_a_foreign_cell_is_named(tmp_path: Path) -> None:
    stranger = replace(WHOLE.results[0], cell="curl/other/imaps")
    more = changed(shard(1, 2), lambda results: results.__setitem__(0, stranger))

    with pytest.raises(MitmailError, match=r"curl/other/imaps is no cell of this run"):
        merge(stored(tmp_path, more, shard(2, 2)))


@pytest.mark.parametrize(
    ("names", "total", "strict", "what"),
    [
        ([*NAMES[:-1], "curl/other/imaps"], 2, False, r"another plan \(such as curl/"),
        (NAMES, 3, False, "another number of shards"),
        (NAMES, 2, True, "another --strict"),
    ],
)
def test_a_shard_of_another_run_is_refused(
    tmp_path: Path, names: list[str], total: int, strict: bool, what: str
) -> None:
    other = run(*map(cell, names), names=names, plan=digest(names), cells=7, strict=strict)

    with pytest.raises(MitmailError, match=what):
        merge(stored(tmp_path, shard(1, 2), shard(2, total, other)))


def test_shards_that_asked_different_releases_are_no_run(tmp_path: Path) -> None:
    newer = {"curl": {"version": "9", "verifies": "full"}}
    other = Run(replace(WHOLE.head, clients=newer), WHOLE.results)

    with pytest.raises(MitmailError, match=r"curl is 9 in .*, but 1\.2 in "):
        merge(stored(tmp_path, shard(1, 2), shard(2, 2, other)))


def test_a_plan_that_is_not_of_its_cells_is_refused(tmp_path: Path) -> None:
    forged = Run(replace(WHOLE.head, plan="0" * 64), WHOLE.results)

    with pytest.raises(MitmailError, match="its plan is not that of its cells"):
        merge(stored(tmp_path, forged))


def test_each_shard_answers_for_its_own_plan(tmp_path: Path) -> None:
    renamed = [*NAMES[:-1], "curl/other/imaps"]
    forged = replace(shard(2, 2), head=replace(shard(2, 2).head, names=renamed))

    with pytest.raises(MitmailError, match=r"1/results\.ndjson:1: its plan is not that of its"):
        merge(stored(tmp_path, shard(1, 2), forged))


@pytest.mark.parametrize("theirs", [{"scenario case-1": "b" * 64}, {}])
def test_shards_of_other_files_by_the_same_names_are_no_run(
    tmp_path: Path, theirs: dict[str, str]
) -> None:
    ours = {"scenario case-1": "a" * 64}
    one, other = (
        Run(replace(WHOLE.head, sources=said, plan=digest(NAMES, said)), WHOLE.results)
        for said in (ours, theirs)
    )

    with pytest.raises(MitmailError, match=r"another plan \(not the same scenario case-1\)"):
        merge(stored(tmp_path, shard(1, 2, one), shard(2, 2, other)))


def test_a_folder_without_results_is_a_slip(tmp_path: Path) -> None:
    with pytest.raises(MitmailError, match=r"holds no results\.ndjson"):
        merge([tmp_path])
