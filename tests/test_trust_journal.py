"""The journal of changes: whatever is in it that mitmail does not write is named, and kept."""

import json
from pathlib import Path
from typing import Final

import pytest

from mitmail.errors import MitmailError
from mitmail.trust.journal import FILE, Journal

ROW: Final[dict[str, object]] = {
    "store": "nss:/profile", "sha256": "ab" * 32, "title": "one", "at": "2026-01-01T00:00:00",
    "was": None, "details": {},
}  # fmt: skip
POLICY: Final = ROW | {
    "store": "policies:/p.json",
    "details": {"before": None, "folder": True, "had": ["nss:/profile"]},
}
EXCEPTION: Final = ROW | {
    "store": "exception:/profile",
    "details": {"line": "YQ==", "before": "YQ==", "after": ""},
}


def written(folder: Path, *rows: object) -> Journal:
    (folder / FILE).write_text(json.dumps({"schema": 1, "changes": rows}))
    return Journal(folder)


def test_what_mitmail_writes_is_read(tmp_path: Path) -> None:
    kinds = ("system", "java:/cacerts", "nss:/profile")
    rows = [*(ROW | {"store": kind} for kind in kinds), POLICY, EXCEPTION]

    assert len(written(tmp_path, *rows).changes()) == len(rows)


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        (ROW, {"store": 5}), (ROW, {"store": "windows"}), (ROW, {"store": "nss:/a\0b"}),
        (ROW, {"store": "nss:"}), (ROW, {"store": "policies:/p.json"}),
        (ROW, {"store": "exception:/profile"}), (ROW, {"sha256": None}), (ROW, {"sha256": "x"}),
        (ROW, {"title": "\ud800"}), (ROW, {"title": []}), (ROW, {"at": 1}), (ROW, {"was": 7}),
        (ROW, {"details": None}), (ROW, {"details": []}), (ROW, {"more": 1}),
        (POLICY, {"details": {"before": "?", "folder": True}}),
        (POLICY, {"details": {"before": 1, "folder": True}}),
        (POLICY, {"details": {"before": None, "folder": None}}),
        (POLICY, {"details": {"before": None, "folder": True, "had": [[]]}}),
        (EXCEPTION, {"details": {"line": "", "before": ""}}),
        (EXCEPTION, {"details": {"line": "", "before": "", "after": "ä"}}),
    ],
    ids=str,
)  # fmt: skip
def test_a_row_of_wrong_types_is_named_and_kept(
    tmp_path: Path, row: dict[str, object], wrong: dict[str, object]
) -> None:
    journal = written(tmp_path, POLICY, row | wrong)
    before = journal.path.read_bytes()

    with pytest.raises(MitmailError) as said:
        journal.changes()

    assert str(said.value).startswith(f"{journal.path}: damaged (")
    assert "mend it, or look through them by mitmail trust status and move it away" in str(
        said.value
    )
    assert "\n" not in str(said.value)
    assert journal.path.read_bytes() == before
