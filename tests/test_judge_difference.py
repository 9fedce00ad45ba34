"""What became different between two runs, and whether that is for the worse."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types

from mitmail.errors import MitmailError
from mitmail.judge import difference, schema
from mitmail.judge.difference import Difference
from mitmail.judge.result import Result
from report.runs import ACCEPTED, REFUSED, SAW_REFUSAL, cell, run

NAME = "curl/expired/imaps"


def compare(old: Result | None, new: Result | None) -> Difference:
    """Two runs of one cell, or of none."""
    return difference.compare(*(run(*([] if x is None else [x])) for x in (old, new)))


def kind(old: str, new: str) -> str:
    """How a change of outcome counts; nothing for none."""
    return "".join(x.kind for x in compare(cell(NAME, old), cell(NAME, new)).changes)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("pass", "pass", ""),
        ("pass", "fail", "worse"),
        ("pass", "warn", "worse"),
        ("pass", "xfail", "worse"),
        ("warn", "fail", "worse"),
        ("fail", "pass", "better"),
        ("fail", "warn", "better"),
        ("xfail", "pass", "better"),
        # What is not known any more has not become better.
        ("pass", "error", "worse"),
        ("fail", "error", "worse"),
        ("fail", "skip", "worse"),
        ("error", "skip", "other"),
        ("error", "pass", "better"),
        ("error", "fail", "worse"),
        ("skip", "warn", "worse"),
    ],
)
def test_how_a_change_counts(old: str, new: str, expected: str) -> None:
    found = compare(cell(NAME, old), cell(NAME, new))

    assert kind(old, new) == expected
    assert found.exit_code == (1 if expected == "worse" else 0)


@pytest.mark.parametrize(
    ("changes", "changed", "counts_as"),
    [
        ({"said": {**REFUSED, "reason": "unknown-issuer"}}, ("reason",), "other"),
        ({"said": ACCEPTED}, ("verdict", "reason", "exit_code", "words"), "other"),
        ({"seen": {**SAW_REFUSAL, "alert": 42}}, ("alert",), "other"),
        ({"said": {**REFUSED, "exit_code": 35}}, ("exit_code",), "other"),
        ({"said": {**REFUSED, "text": "has run out"}}, ("words",), "words"),
        ({"why": "else"}, (), None),
        ({"seconds": 9.0}, (), None),
    ],
)
def test_what_changed_is_named_also_where_the_outcome_did_not(
    changes: dict[str, Any], changed: tuple[str, ...], counts_as: str | None
) -> None:
    found = compare(cell(NAME), cell(NAME, **changes))

    assert [(x.changed, x.kind) for x in found.changes] == (
        [(changed, counts_as)] if counts_as else []
    )
    assert found.exit_code == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Connecting to '127.0.0.1:41651'...", "Connecting to '127.0.0.1:33001'..."),
        ("account from /tmp/mitmail-dgln/rc", "account from /tmp/mitmail-qxyz/rc"),
        ("notAfter=Nov 28 18:37:01 2026 GMT", "notAfter=Dec  1 08:00:59 2026 GMT"),
        ("800BD7A8FE7E0000:error:0A000086:SSL", "80CB846CA67F0000:error:0A000086:SSL"),
        ("SHA1 Fingerprint: 733B 4BC4 FFFF", "SHA1 Fingerprint: 5C98 ABCD 1D6D"),
    ],
)
def test_what_a_program_prints_anew_each_time_is_no_change(old: str, new: str) -> None:
    """Real texts, of gnutls-cli, msmtp, openssl and neomutt."""
    before, after = (cell(NAME, said={**REFUSED, "text": x}) for x in (old, new))

    assert compare(before, after).changes == ()


def test_a_new_cell_counts_by_its_outcome_and_one_that_is_gone_is_named() -> None:
    born_well, born_bad = compare(None, cell(NAME)), compare(None, cell(NAME, "fail"))
    gone = compare(cell(NAME, "fail"), None)

    assert [x.changes[0].kind for x in (born_well, born_bad, gone)] == ["new", "new", "gone"]
    assert [x.exit_code for x in (born_well, born_bad, gone)] == [0, 1, 0]
    assert compare(None, cell(NAME, "error")).exit_code == 1


def test_versions_that_differ_are_named() -> None:
    old, new = run(cell(NAME)), run(cell(NAME, version="8.11"), tools={"mitmail": "0.7"})

    assert difference.compare(old, new).versions == [
        "mitmail 0.6 -> 0.7",
        "OpenSSL 4.0.1 -> not there",
        "curl 1.2 -> 8.11",
    ]


def test_alike_changes_are_one_line_with_their_endpoints() -> None:
    names = [f"curl/expired/{x}" for x in ("imap", "imaps", "pop3")]
    old, new = run(*map(cell, names)), run(*(cell(x, "fail") for x in names))

    ((one, endpoints),) = difference.alike(difference.compare(old, new).changes)

    assert endpoints == ["imap", "imaps", "pop3"]
    assert one.words.startswith("pass, refuses (expired)")
    assert one.words.endswith("fail, accepts, alert none, exit code 0: expected reject (expired)")


def test_of_long_words_the_first_line_that_differs_is_shown() -> None:
    before, after = (
        cell(NAME, said={**REFUSED, "text": f"connecting to 127.0.0.1:{port}\n{words}\nbye"})
        for port, words in ((4001, "certificate has expired"), (4002, "the date has passed"))
    )

    (change,) = compare(before, after).changes

    assert change.words == "'certificate has expired' -> 'the date has passed'"


def test_a_cell_that_is_there_twice_is_an_error() -> None:
    twice = run(cell(NAME), cell(NAME, "fail"))

    with pytest.raises(MitmailError, match=r"curl/expired/imaps .* twice.* mitmail merge"):
        difference.compare(twice, run(cell(NAME)))


def test_the_document_fits_its_schema() -> None:
    old = run(cell(NAME), cell("curl/expired/imap"), cell("curl/gone/imap", "error"))
    new = run(cell(NAME, "fail"), cell("curl/expired/imap", seen=None), cell("curl/new/imap"))
    document = json.loads(json.dumps(difference.compare(old, new).record()))

    Draft202012Validator(schema.DOCUMENTS["difference"]).validate(document)
    assert [(x["cell"], x["kind"]) for x in document["changes"]] == [
        (NAME, "worse"),
        ("curl/expired/imap", "other"),
        ("curl/new/imap", "new"),
        ("curl/gone/imap", "gone"),
    ]
    assert (document["compared"], document["worse"]) == (2, 1)
