"""YAML 1.2 as plain data with places; every position in these tables was counted by hand."""

import time
from pathlib import Path

import pytest

from mitmail.scenario.document import Document, path_text, read, shown
from mitmail.scenario.problem import ScenarioError


def document(tmp_path: Path, text: str) -> Document:
    file = tmp_path / "a.yaml"
    file.write_bytes(text.encode())
    return read(file)


def test_words_stay_what_people_mean(tmp_path: Path) -> None:
    """YAML 1.1 would read no as false, 012 as ten, 12:30 as 750 and a date as an object."""
    text = "[no, on, yes, 012, 12:30, 2010-01-01, 1e3, '5', ~, True, +90, -1d, 0x1F, <<]"
    assert document(tmp_path, text).data == [
        "no", "on", "yes", 12, "12:30", "2010-01-01", 1000.0, "5", None, True, 90, "-1d", "0x1F",
        "<<",
    ]  # fmt: skip


def test_a_number_of_many_digits_stays_text(tmp_path: Path) -> None:
    assert document(tmp_path, "a: " + "9" * 5000).data == {"a": "9" * 5000}


def test_every_key_and_value_has_its_place(tmp_path: Path) -> None:
    read_back = document(tmp_path, "# first\na: 1\nbc:\n  - no\n  - {d: 'é', e: x}\nf:\n")
    assert read_back.data == {"a": 1, "bc": ["no", {"d": "é", "e": "x"}], "f": None}
    assert read_back.value_place(("a",)) == (2, 4)
    assert read_back.key_place(("bc",)) == (3, 1)
    assert read_back.value_place(("bc", 0)) == (4, 5)
    assert read_back.key_place(("bc", 1, "e")) == (5, 14)
    assert read_back.value_place(("bc", 1, "e")) == (5, 17)
    assert read_back.value_place(("f",)) == (6, 1), "an empty value stands at its key"
    assert read_back.value_place(("bc", 1, "missing")) == (5, 5), "else the value around it"


def test_lines_may_end_as_on_windows(tmp_path: Path) -> None:
    assert document(tmp_path, "a: 1\r\nb: [x]\r\n").key_place(("b",)) == (2, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: the file is empty"),
        ("# nothing\n", "1:1: the file is empty"),
        ("---\n", "1:1: the file is empty"),
        ("a: b: c\n", "1:5: ':' is not expected here: put the text in quotes, or check"),
        ("a: 1\n  b: 2\n", "2:4: ':' is not expected here"),
        ("a: 1\n\tb: 2\n", "2:1: a tab: YAML wants spaces here"),
        ("a:\n\tb: 2\n", "2:1: a tab: YAML wants spaces here"),
        ("a: 1\nb: 'x\nc: 2\n", "2:4: this quote is never closed"),
        ("a: [1, 2\nb: 3\n", "2:2: a ',' or the closing ']' is missing"),
        ("a: {b: 1, c\n", "2:1: a ',' or the closing '}' is missing"),
        ("a: [1,\n", "2:1: the file ends within a value"),
        ("a: ]\n", "1:4: a value is missing here"),
        ("a: 1\nb\nc: 2\n", "2:1: this line is no 'key: value'"),
        ("a:\n  b: 1\n c: 2\n", "3:2: the indentation does not fit the lines above"),
        ("  a: 1\nb: 2\n", "2:1: the indentation does not fit the lines above"),
        ("a: x\0\n", "1:5: the character U+0000 is not allowed in YAML"),
        ("é: 1\nb: \x07\n", "2:4: the character U+0007 is not allowed in YAML"),
        ('a: 1\nb: "\\U00110000"\n', "not valid YAML: chr() arg not in range"),
        ('a: "\\q"\n', "1:6: not valid YAML: found unknown escape character 'q'"),
        ("a: 1\n--- \nb: 2\n", "2:1: a second document"),
        ("%YAML 1.1\n---\na: no\n", "2:1: YAML directives are not used here"),
        ("%TAG ! x\n---\na: no\n", "2:1: YAML directives are not used here"),
        ("a: 1\nb: &x [1]\n", "2:4: anchors (&) and aliases (*) are not used here"),
        ("a: *x\n", "1:4: anchors (&) and aliases (*) are not used here"),
        ("a: !!str 1\n", "1:4: tags (!) are not used here"),
        ("a: !!python/object:os.system x\n", "1:4: tags (!) are not used here"),
        ("a: " + "[" * 30 + "]" * 30, "1:24: nested too deeply"),
    ],
)
def test_what_is_no_such_document_is_refused_where_it_goes_wrong(
    tmp_path: Path, text: str, expected: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        document(tmp_path, text)
    assert len(caught.value.errors) == 1
    assert expected in str(caught.value)


def test_duplicate_and_odd_keys_do_not_hide_the_rest(tmp_path: Path) -> None:
    text = "a: 1\nb:\n  c: 1\n  d: 2\n  c: {x: 3}\na: [2]\n7: x\n[k]: y\n"
    read_back = document(tmp_path, text)
    assert read_back.data == {"a": 1, "b": {"c": 1, "d": 2}}
    assert [str(each).removeprefix(f"{read_back.file}:") for each in read_back.problems] == [
        "5:3: b: duplicate key 'c', first given in line 3",
        "6:1: duplicate key 'a', first given in line 1",
        "7:1: a key must be text: put it in quotes",
        "8:1: a key must be text: put it in quotes",
    ]
    assert read_back.value_place(("a",)) == (1, 4)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x]\n" + "".join(f"b{i}: &b{i} [*a, *a]\n" for i in range(99)),
        "[" * 1_000_000,
        "- " * 500_000,
        "? " * 500_000,
        "[" + "a, " * 340_000 + "]",
        "".join(f"k{i}: 1\n" for i in range(80_000)),
    ],
    ids=["aliases", "brackets", "dashes", "question marks", "items", "keys"],
)
def test_a_bomb_is_refused_within_seconds(tmp_path: Path, text: str) -> None:
    started = time.monotonic()
    with pytest.raises(ScenarioError):
        document(tmp_path, text)
    assert time.monotonic() - started < 10


def test_a_path_is_written_as_people_do() -> None:
    assert path_text(("server", "leaf", "names", 0)) == "server.leaf.names[0]"
    assert path_text(("evidence", "a.b\n")) == r"evidence.'a.b\n'"


def test_a_value_is_shown_in_one_short_line() -> None:
    assert shown("a\n\x1b") == r"'a\n\x1b'"
    assert len(shown("x" * 100)) == 40
