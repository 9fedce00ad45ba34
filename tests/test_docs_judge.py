"""docs/judge.md: its matrix is valid, and its jobs do what they say."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bench import clean_environment, need
from judging import Judged, judge
from mitmail.judge import driver
from mitmail.scenario.matrix_loader import load

PAGE = (Path(__file__).parents[1] / "docs" / "judge.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n# (\S+)\n(.*?)```", PAGE, re.DOTALL)
FILES = dict(BLOCKS)
MATRIX = "ours.mitmail-matrix.yaml"
SHARDS = (1, 2)


def job(file: str) -> Any:
    return YAML(typ="safe", pure=True).load(FILES[file])


def run(lines: str, folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the lines of a job as CI does; only what is installed is ours."""
    kept = "\n".join(x for x in lines.splitlines() if not x.startswith("pip install "))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-c", kept],
        cwd=folder,
        env=clean_environment(PATH=path, **environment),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def outcomes(folder: Path) -> dict[str, str]:
    return {name: cell["outcome"] for name, cell in Judged(0, "", "", folder).cells.items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The outcomes of the page's matrix on one machine."""
    need("curl")
    folder = tmp_path_factory.mktemp("whole")
    (folder / MATRIX).write_text(FILES[MATRIX])
    told = judge(folder / MATRIX, folder=folder / "out")
    assert told.code == 0, told.out
    return outcomes(folder / "out")


def test_the_matrix_of_the_page_is_valid(tmp_path: Path) -> None:
    (tmp_path / MATRIX).write_text(FILES[MATRIX])

    assert load(tmp_path / MATRIX, driver.KNOWN).clients == ("curl", "python")


def test_there_is_a_job_for_each_of_both() -> None:
    assert set(FILES) == {MATRIX, ".github/workflows/mail.yml", ".gitlab-ci.yml"}


def lines(steps: list[dict[str, Any]]) -> Iterator[str]:
    return (step["run"] for step in steps if "run" in step)


@pytest.mark.long
def test_the_jobs_of_github_come_to_the_same_as_one_machine(
    whole: dict[str, str], tmp_path: Path
) -> None:
    jobs = job(".github/workflows/mail.yml")["jobs"]
    (tmp_path / MATRIX).write_text(FILES[MATRIX])
    assert jobs["judge"]["strategy"]["matrix"]["shard"] == list(SHARDS)
    for shard in SHARDS:
        for line in lines(jobs["judge"]["steps"]):
            told = run(line.replace("${{ matrix.shard }}", str(shard)), tmp_path)
            assert told.returncode == 0, told.stdout + told.stderr
        shutil.move(tmp_path / "results", tmp_path / "shards" / f"judge-{shard}")

    summary = tmp_path / "summary.md"
    for line in lines(jobs["merge"]["steps"]):
        told = run(line, tmp_path, GITHUB_STEP_SUMMARY=str(summary))
        assert told.returncode == 0, told.stdout + told.stderr

    assert outcomes(tmp_path) == whole
    assert "curl" in summary.read_text()


@pytest.mark.long
def test_the_jobs_of_gitlab_come_to_the_same_and_miss_a_shard_that_is_lost(
    whole: dict[str, str], tmp_path: Path
) -> None:
    jobs = job(".gitlab-ci.yml")
    (tmp_path / MATRIX).write_text(FILES[MATRIX])
    for shard in SHARDS:
        place = {"CI_NODE_INDEX": str(shard), "CI_NODE_TOTAL": str(jobs["judge"]["parallel"])}
        told = run("\n".join(jobs["judge"]["script"]), tmp_path, **place)
        assert told.returncode == 0, told.stdout + told.stderr

    for part in ("script", "after_script"):
        told = run("\n".join(jobs["merge"][part]), tmp_path)
        assert told.returncode == 0, told.stdout + told.stderr

    assert outcomes(tmp_path) == whole
    assert all((tmp_path / file).is_file() for file in jobs["merge"]["artifacts"]["paths"])
    shutil.rmtree(tmp_path / "results" / "2")
    lost = run("\n".join(jobs["merge"]["script"]), tmp_path)
    assert lost.returncode == 3
    assert "missing: shard 2 of 2: " in lost.stderr
