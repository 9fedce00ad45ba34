"""Screenshots stand beside the results, by names that are theirs alone, also after a merge."""

import json
from dataclasses import replace
from pathlib import Path

from mitmail.judge import account, picture
from mitmail.judge.attempt import Attempt
from mitmail.judge.brief import Brief
from mitmail.judge.case import SERVER_ROOT, Case
from mitmail.judge.cell import Cell
from mitmail.judge.client import Said
from mitmail.judge.grid import Entry, Errand
from mitmail.judge.outcome import Outcome
from mitmail.judge.result import line
from mitmail.pki.store import Store
from mitmail.plan import make
from mitmail.scenario import loader
from report.runs import cell, run

PNG = b"\x89PNG\r\n\x1a\n and so on"


def told(folder: Path | None) -> object:
    """The result of a client that showed something."""
    case = Case(make(loader.find("expired"), None, Store(None)), SERVER_ROOT, "mail.customer.test")
    said = Said("reject", "expired", None, "no", {"dialog": "exceptionDialog"}, PNG)
    outcome = Outcome("pass", "as expected")
    asked = Cell(case, "imaps", "bird", case.expect("imaps"), said, None, outcome)
    entry = Entry(index=7, client="bird", brief=Brief(scenario="expired"), endpoint="imaps")
    errand = Errand(
        entries=(entry,), clients={}, versions={"bird": "1"}, again="mitmail judge", patience=1,
        folder=None if folder is None else str(folder),
    )  # fmt: skip
    return json.loads(line(account.result(entry, errand, Attempt(asked), "secret")))


def test_what_a_client_showed_is_kept_and_named_and_the_record_stays_text(tmp_path: Path) -> None:
    record = told(tmp_path)

    assert isinstance(record, dict)
    assert record["screenshot"] == "screenshots/0007-bird-expired-imaps.png"
    assert (tmp_path / record["screenshot"]).read_bytes() == PNG
    assert record["said"]["details"] == {"dialog": "exceptionDialog"}


def test_without_a_folder_nothing_is_kept() -> None:
    record = told(None)

    assert isinstance(record, dict)
    assert record["screenshot"] is None


def test_a_merge_takes_the_screenshots_along(tmp_path: Path) -> None:
    names = [picture.keep(PNG, x, "a/b/imap", tmp_path / f"shard-{x}") for x in range(2)]
    cells = [replace(cell(f"a/b-{x}/imap"), screenshot=names[x]) for x in range(2)]

    picture.gather(run(*cells), [tmp_path / f"shard-{x}" for x in range(2)], tmp_path / "whole")

    assert [(tmp_path / "whole" / str(x)).read_bytes() for x in names] == [PNG, PNG]


def test_a_merge_copies_nothing_from_elsewhere_and_needs_no_copy_of_its_own(
    tmp_path: Path,
) -> None:
    (tmp_path / "key.pem").write_text("secret")
    (tmp_path / "shard").mkdir()
    kept = picture.keep(PNG, 0, "a/b/imap", tmp_path / "shard")
    names = ["../key.pem", str(tmp_path / "key.pem"), kept, "gone.png"]
    cells = [replace(cell(f"a/b-{i}/imap"), screenshot=x) for i, x in enumerate(names)]

    picture.gather(run(*cells), [tmp_path / "shard"], tmp_path / "shard")
    picture.gather(run(*cells), [tmp_path / "shard"], tmp_path / "new" / "er")

    assert [x.name for x in (tmp_path / "new").rglob("*") if x.is_file()] == [Path(str(kept)).name]
