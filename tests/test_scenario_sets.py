"""Sets: a file names some scenarios, and every line that names none is pointed at."""

from pathlib import Path

import pytest

from mitmail.errors import MitmailError
from mitmail.scenario import loader, sets
from mitmail.scenario.problem import ScenarioError

SCENARIO = "title: Mine\nwhy: It is mine.\nrule: none\nexpect: {verdict: accept}\n"


def complaints(text: str, folder: Path) -> list[str]:
    file = folder / "mine.set"
    file.write_bytes(text.encode())
    with pytest.raises(ScenarioError) as raised:
        sets.load(str(file))
    return [line.removeprefix(f"{file}:") for line in str(raised.value).splitlines()]


def test_the_ids_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.set"
    file.write_text("# my favourites\n\nself-signed\n  expired   # forgotten renewal\r\nhealthy")

    assert sets.load(str(file)) == ("self-signed", "expired", "healthy")


def test_a_users_own_scenario_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(SCENARIO)
    (tmp_path / "mine.set").write_text("mine\n")

    assert sets.load(str(tmp_path / "mine.set"), [tmp_path]) == ("mine",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "healthy\n  expird\nexpired\nselfsigned\n",
            [
                "2:3: no scenario 'expird' (did you mean 'expired'?)",
                "4:1: no scenario 'selfsigned' (did you mean 'self-signed'?)",
            ],
        ),
        ("xyzzy # none\n", ["1:1: no scenario 'xyzzy'"]),
        ("expired\nhealthy\nexpired\n", ["3:1: expired was named in line 1 already"]),
        ("expired healthy\n", ["1:1: no scenario 'expired healthy' (did you mean"]),
        ("# nothing\n\n", ["1:1: names no scenario: one id a line"]),
        ("", ["1:1: names no scenario: one id a line"]),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, said: list[str], tmp_path: Path) -> None:
    found = complaints(text, tmp_path)

    assert len(found) == len(said)
    assert all(line.startswith(words) for line, words in zip(found, said, strict=True))


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "odd.set"
    file.write_bytes(b"expired\n\xff\n")

    with pytest.raises(ScenarioError, match=r"odd\.set:2:1: not UTF-8"):
        sets.load(str(file))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "quik",
            r"no set 'quik' \(did you mean 'quick'\?\): use .*starttls or a file of your own",
        ),
        ("gone.set", r"gone\.set:1:1: cannot be read: No such file"),
        ("folder/gone", r"gone:1:1: cannot be read: No such file"),
    ],
)
def test_a_set_that_is_not_there_is_one_line(name: str, words: str) -> None:
    with pytest.raises(MitmailError, match=words) as raised:
        sets.load(name)

    assert "\n" not in str(raised.value)


def test_the_quick_set_names_shipped_scenarios_of_one_connection_each() -> None:
    ids = sets.load("quick")

    assert {"expired", "self-signed", "hosting-wildcard", "missing-intermediate"} <= {*ids}
    assert 20 <= len(ids) <= 30
    assert {*ids} <= {*loader.shipped()}
