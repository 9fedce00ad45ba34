"""Reports of a real run: of three clients in three cases, bare and behind norton."""

import base64
import json
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from mitmail.judge import schema, secret
from mitmail.judge.report import compatibility, markdown
from mitmail.judge.result import Result, Run, line, record
from report.chromium import MARKS, Browser, shown
from report.runs import run
from report.test_compatibility import row
from report.test_junit import read

pytestmark = pytest.mark.long  # a real run, and a browser


def test_the_page_opens_without_a_complaint_and_fetches_nothing(
    chromium: Browser, real: Run, tmp_path: Path
) -> None:
    tab = shown(chromium, tmp_path, real)

    # 3 cases, bare and behind norton, 3 clients; the endpoints are alike.
    assert tab.js(f"{MARKS}.length") == 18
    assert tab.text("#shown") == "30 cells"
    for one in real.results:
        tab.js(f"location.hash = '#' + new URLSearchParams({{cell: {json.dumps(one.cell)}}})")
        assert one.client in tab.text("dialog h2")
        assert all(x["subject"] in tab.text(".chain") for x in one.chain)
    assert tab.complaints == []
    assert [x for x in tab.fetched if not x.startswith(("file:", "data:"))] == []


def test_an_opened_cell_shows_both_witnesses_and_all_facts(
    chromium: Browser, real: Run, tmp_path: Path
) -> None:
    one = next(x for x in real.results if x.cell == "curl/expired/imaps")
    tab = shown(chromium, tmp_path, real, "#cell=curl/expired/imaps")

    said = tab.text("dialog")
    assert one.said["text"].splitlines()[0] in said
    assert str((one.seen or {})["evidence"]) in said
    assert "must refuse (expired)" in said
    # OpenSSL's client sends 45, which RFC 8446 6 calls so.
    assert "45 certificate_expired" in said
    assert "ended 1 day before this run" in tab.text(".chain .certificate:first-child")
    # A refusal: nothing in it happens twice.
    facts = len(one.sessions[-1]["facts"])
    assert tab.js("document.querySelectorAll('.facts tbody tr').length") == facts
    assert one.reproduce in said


def many(real: Run, count: int) -> Run:
    """A large run, made of a real one: each cell with times, digests and words of its own."""
    dice = random.Random(1)

    def another(one: Result, number: int) -> Result:
        case = f"case-{number // 12:03}"
        text = " ".join(f"{dice.getrandbits(48):x}" for _ in range(40))
        sessions = json.loads(json.dumps(one.sessions))
        for each in sessions:
            for fact in each["facts"]:
                fact["ms"] = round(dice.uniform(0, 500), 1)
        chain: list[Any] = [{**x, "sha256": f"{dice.getrandbits(256):064x}"} for x in one.chain]
        name = f"client-{number % 2}/{case}/{one.endpoint}-{number % 12 // 2}"
        return replace(
            one, cell=name, client=f"client-{number % 2}", case=case, scenario=case,
            said={**one.said, "text": text}, sessions=sessions, chain=chain,
            endpoint=name.rpartition("/")[2],
        )  # fmt: skip

    return run(*(another(real.results[x % len(real.results)], x) for x in range(count)))


def test_two_thousand_cells_are_five_megabytes_at_most_and_work(
    chromium: Browser, real: Run, tmp_path: Path
) -> None:
    large = many(real, 2000)
    tab = shown(chromium, tmp_path, large)

    assert (tmp_path / "report.html").stat().st_size <= 5_000_000
    assert tab.text("#shown") == "2000 cells"
    last = large.results[-1]
    tab.js(f"location.hash = '#cell={last.cell}'")
    assert last.said["text"] in tab.text("dialog")
    assert tab.complaints == []


def test_the_records_have_no_password_though_swaks_prints_it(real: Run) -> None:
    """It prints the whole dialogue; RFC 4616 says what the response of PLAIN is."""
    text = "".join(map(line, real.results))

    assert "AUTH PLAIN ***" in text
    assert not [x for x in re.findall(r"[A-Za-z0-9+/]{8,}={0,2}", text) if b"\0qa@" in decoded(x)]
    assert secret.masked(real) == real


def decoded(word: str) -> bytes:
    """What a word is in Base64, if it is."""
    try:
        return base64.b64decode(word)
    except ValueError:
        return b""


def test_junit_has_every_cell(real: Run) -> None:
    cases = read(real).iter("testcase")

    assert sorted(x.get("name") or "" for x in cases) == sorted(one.cell for one in real.results)


def test_the_summary_is_whole(real: Run) -> None:
    text = markdown.render(real)

    assert "cut off" not in text
    assert all(f"`{one.scenario}`" in text for one in real.results)


def test_the_table_says_what_they_did(real: Run) -> None:
    assert row("`expired`", real)[1:] == ["refuses"] * 3
    assert row("`healthy`", real)[1:] == ["accepts"] * 3
    assert row("`cn-only`", real)[1:] == ["**accepts** [1]", "**accepts** [1]", "accepts [2]"]
    assert "`expired`, behind norton" in compatibility.render(real)


def test_every_line_and_the_whole_document_fit_the_schema(real: Run) -> None:
    fits = Draft202012Validator(schema.DOCUMENTS["results"])

    for text in (line(real.head), *map(line, real.results)):
        fits.validate(json.loads(text))
    fits.validate(record(real))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("outcome", "fine"),
        ("endpoint", "http"),
        ("index", -1),
        ("seconds", "1"),
        ("seen", {"verdict": "accept"}),
        ("sessions", [{"record": "switch"}]),
        ("chain", [{"subject": "CN=a"}]),
        ("said", None),
    ],
)
def test_what_is_no_record_does_not_fit(real: Run, field: str, value: object) -> None:
    fits = Draft202012Validator(schema.DOCUMENTS["results"])
    cell = json.loads(line(real.results[0]))

    assert fits.is_valid(cell)
    assert not fits.is_valid(cell | {field: value})
    assert not fits.is_valid({key: x for key, x in cell.items() if key != field})
