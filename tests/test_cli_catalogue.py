"""The catalogue's page in docs/, and choosing by group."""

from pathlib import Path

import pytest

import bench
from mitmail.cli import catalogue
from mitmail.errors import MitmailError
from mitmail.shipped import SCENARIOS

DOCS = Path(__file__).parents[1] / "docs"


def test_the_page_in_docs_is_what_the_files_say() -> None:
    """Otherwise: make docs."""
    page = catalogue.page(list(bench.catalogue().values()))
    assert (DOCS / "catalogue.md").read_text(encoding="utf-8") == page


def test_every_file_has_one_row_in_its_group() -> None:
    text = (DOCS / "catalogue.md").read_text(encoding="utf-8")
    for folder in (x for x in Path(str(SCENARIOS)).iterdir() if x.is_dir()):
        part = text.split(f"\n## {folder.name} (", 1)[1].split("\n## ", 1)[0]
        rows = [line.split("`")[1] for line in part.splitlines() if line.startswith("| `")]
        assert sorted(rows) == sorted(file.stem for file in folder.glob("*.yaml"))


def test_a_group_holds_the_files_of_its_folder() -> None:
    chosen = catalogue.selected(bench.catalogue().values(), ["validity"])
    folder = Path(str(SCENARIOS)) / "validity"
    assert {one.id for one in chosen} == {file.stem for file in folder.glob("*.yaml")}


def test_a_mistyped_group_is_guessed() -> None:
    with pytest.raises(MitmailError, match=r"no group 'trsut' \(did you mean 'trust'\?\)"):
        catalogue.selected(bench.catalogue().values(), ["trsut"])
