"""The account of a cell: what a client showed and told is kept, and what is known is said."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from mitmail.judge.account import result, unasked
from mitmail.judge.attempt import Attempt
from mitmail.judge.brief import Brief
from mitmail.judge.case import Case, Casebook
from mitmail.judge.cell import Cell
from mitmail.judge.client import Said
from mitmail.judge.grid import Entry, Errand
from mitmail.judge.outcome import Outcome, OutcomeWord
from mitmail.judge.result import Result

BRIEF = Brief(scenario="expired")
CASE: Case = Casebook().case(BRIEF)
ENTRY = Entry(index=4, client="curl", brief=BRIEF, endpoint="imaps")
ERRAND = Errand(
    entries=(ENTRY,), clients={"curl": "curl"}, versions={"curl": "8.1"}, patience=1.0,
    again="mitmail judge --set 'my set'",
)  # fmt: skip
PICTURE = b"\x89PNG\r\n"


def told(
    word: OutcomeWord, said: Said | None = None, *, xfail: str | None = None,
    folder: Path | None = None,
) -> Result:  # fmt: skip
    """The result of a cell that came out like this."""
    words = said or Said("accept", None, 0, "")
    cell = Cell(CASE, "imaps", "curl", CASE.expect("imaps"), words, None, Outcome(word, "so"))
    errand = replace(ERRAND, folder=None if folder is None else str(folder))
    return result(replace(ENTRY, xfail=xfail), errand, Attempt(cell), "s3cret")


def test_a_result_says_what_was_asked_and_how_to_ask_again() -> None:
    found = told("fail")

    assert (found.index, found.cell, found.version) == (4, "curl/expired/imaps", "8.1")
    assert found.expected == {"verdict": "reject", "reasons": ["expired"], "level": "must"}
    assert found.reproduce == "mitmail judge --set 'my set' --only curl/expired/imaps"


def test_a_picture_is_put_beside_the_results(tmp_path: Path) -> None:
    found = told("pass", Said("reject", None, 1, "", {}, PICTURE), folder=tmp_path)

    assert found.screenshot is not None
    assert (tmp_path / found.screenshot).read_bytes() == PICTURE
    json.dumps(asdict(found))


def test_without_a_folder_there_is_no_picture() -> None:
    assert told("pass", Said("reject", None, 1, "", {}, PICTURE)).screenshot is None


def test_a_password_is_masked_in_words_and_in_whatever_else_it_told() -> None:
    said = told("pass", Said("accept", None, 0, "sent s3cret", {"line": ["s3cret"]})).said

    assert (said["text"], said["details"]) == ("sent ***", {"line": ["***"]})


@pytest.mark.parametrize(
    ("word", "outcome"),
    [("fail", "xfail"), ("warn", "xfail"), ("error", "error"), ("pass", "fail")],
)
def test_a_known_failure_is_known_as_long_as_it_fails(word: OutcomeWord, outcome: str) -> None:
    found = told(word, xfail="an old release")

    assert found.outcome == outcome
    assert word == "error" or "an old release" in found.why


def test_what_was_never_asked_is_an_error_that_says_why() -> None:
    found = unasked(ENTRY, ERRAND, CASE, "our side failed")

    assert (found.outcome, found.why, found.seen) == ("error", "our side failed", None)
    assert found.said["text"] == "not asked"
