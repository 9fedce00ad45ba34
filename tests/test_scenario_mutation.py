"""Spoilt files: each loads or is answered with file, line and column, never with a traceback."""

import random
import re
from collections.abc import Callable
from importlib.resources.abc import Traversable
from pathlib import Path

import pytest

from mitmail.scenario import loader
from mitmail.scenario.problem import ScenarioError

type Spoil = Callable[[random.Random, list[str]], list[str]]


def every_key() -> list[Traversable]:
    """A few files that together say every key that any shipped file says."""
    keys = {
        file: set(re.findall(r"([a-z_]+):(?: |$)", file.read_text(encoding="utf-8"), re.MULTILINE))
        for file in loader.files().values()
    }
    chosen: list[Traversable] = []
    unsaid = set[str]().union(*keys.values())
    while unsaid:
        chosen.append(max(keys, key=lambda file: len(keys[file] & unsaid)))
        unsaid -= keys[chosen[-1]]
    return chosen


SHIPPED = [
    *((file.name, file.read_bytes()) for file in every_key()),
    *((f"vendors/{file.name}", file.read_bytes()) for file in loader.vendor_files().values()),
]
KEY = re.compile(r"( *)([a-z_.-]+):( |$)")
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 4))]


def says_all(octets: bytes) -> bool:
    """Whether a file needs each of its keys: what is like another one has them from there."""
    return b"\nlike:" not in b"\n" + octets


def _key_line(random_: random.Random, lines: list[str], wanted: str = r".*") -> int:
    """The number of a line that begins with a key, as a person with a pencil would see it."""
    found = [i for i, line in enumerate(lines) if KEY.match(line) and re.match(wanted, line)]
    return random_.choice(found)


def delete_needed_key(random_: random.Random, lines: list[str]) -> list[str]:
    at = _key_line(random_, lines, r"(title|rule|brand|expect|order|chain):")
    return lines[:at] + lines[at + 1 :]


def misspell_key(random_: random.Random, lines: list[str]) -> list[str]:
    # A known exception may be called anything.
    at = _key_line(random_, lines, r"(?! *(python|aiosmtplib)-strict:)")
    return [*lines[:at], KEY.sub(r"\1x\2:\3", lines[at], count=1), *lines[at + 1 :]]


def give_wrong_type(random_: random.Random, lines: list[str]) -> list[str]:
    at = _key_line(random_, lines)
    return [*lines[:at], KEY.sub(r"\1\2: [[7]] #", lines[at], count=1), *lines[at + 1 :]]


def repeat_key(random_: random.Random, lines: list[str]) -> list[str]:
    at = _key_line(random_, lines, r"(title|rule|brand|expect|order|chain):")
    return [*lines[: at + 1], lines[at], *lines[at + 1 :]]


def indent_with_tab(random_: random.Random, lines: list[str]) -> list[str]:
    at = _key_line(random_, lines)
    return [*lines[:at], "\t" + lines[at].lstrip(), *lines[at + 1 :]]


def indent_one_key(random_: random.Random, lines: list[str]) -> list[str]:
    at = _key_line(random_, lines, r"[a-z]")
    return [*lines[:at], " " + lines[at], *lines[at + 1 :]]


def put_no_utf_8(random_: random.Random, lines: list[str]) -> list[str]:
    at = random_.randrange(len(lines))
    return [*lines[:at], lines[at] + "\udcff", *lines[at + 1 :]]


def open_a_bracket(random_: random.Random, lines: list[str]) -> list[str]:
    return [*lines, "more: ["]


def add_a_document(random_: random.Random, lines: list[str]) -> list[str]:
    return [*lines, "---", *lines]


def add_an_anchor(random_: random.Random, lines: list[str]) -> list[str]:
    at = _key_line(random_, lines, r"(title|rule|brand|order|chain): ")
    return [*lines[:at], lines[at].replace(": ", ": &x ", 1), *lines[at + 1 :]]


def truncate(random_: random.Random, lines: list[str]) -> list[str]:
    text = "\n".join(lines)
    return text[: random_.randrange(len(text))].split("\n")


def scatter_octets(random_: random.Random, lines: list[str]) -> list[str]:
    octets = bytearray("\n".join(lines).encode())
    for _ in range(random_.randint(1, 8)):
        octets[random_.randrange(len(octets))] = random_.randrange(256)
    return octets.decode("utf-8", "surrogateescape").split("\n")


def scatter_syntax(random_: random.Random, lines: list[str]) -> list[str]:
    text = "\n".join(lines)
    for _ in range(random_.randint(1, 5)):
        at = random_.randrange(len(text))
        text = text[:at] + random_.choice("{}[]:,-#&*!|>'\"%@?\t\n\\~<=") + text[at:]
    return text.split("\n")


def shuffle_lines(random_: random.Random, lines: list[str]) -> list[str]:
    at, to = random_.randrange(len(lines)), random_.randrange(len(lines))
    lines[at], lines[to] = lines[to], lines[at]
    return lines


ALWAYS_WRONG: list[Spoil] = [
    delete_needed_key,
    misspell_key,
    give_wrong_type,
    repeat_key,
    indent_with_tab,
    indent_one_key,
    put_no_utf_8,
    open_a_bracket,
    add_a_document,
    add_an_anchor,
]
PERHAPS_WRONG: list[Spoil] = [truncate, scatter_octets, scatter_syntax, shuffle_lines]


def load(file: Path) -> None:
    (loader.load_vendor if file.parent.name == "vendors" else loader.load)(file)


@pytest.fixture
def spoilt(tmp_path: Path, name: str, octets: bytes, spoil: Spoil, seed: int) -> Path:
    lines = spoil(random.Random(f"{name} {seed}"), octets.decode().rstrip("\n").split("\n"))
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape") + b"\n")
    return file


def assert_answered(file: Path, error: ScenarioError) -> None:
    lines = file.read_bytes().decode("utf-8", "replace").split("\n")
    assert error.errors
    for problem in error.errors:
        assert re.match(rf"{re.escape(str(file))}:[0-9]+:[0-9]+: .", str(problem))
        assert str(problem).isprintable()
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.col <= len(lines[problem.line - 1]) + 1


def test_hundreds_of_spoilt_files_are_tried() -> None:
    assert len(SHIPPED) * len(ALWAYS_WRONG) >= 200


MUST_BE_REFUSED = [
    pytest.param(name, octets, spoil, id=f"{name}-{spoil.__name__}")
    for name, octets in SHIPPED
    for spoil in ALWAYS_WRONG
    if spoil is not delete_needed_key or says_all(octets)
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("name", "octets", "spoil"), MUST_BE_REFUSED)
def test_a_file_that_must_be_refused_is_refused_with_its_places(spoilt: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(spoilt)
    assert_answered(spoilt, caught.value)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("spoil", PERHAPS_WRONG, ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize(("name", "octets"), SHIPPED, ids=[name for name, _ in SHIPPED])
def test_a_file_that_may_be_wrong_loads_or_is_answered(spoilt: Path) -> None:
    try:
        load(spoilt)
    except ScenarioError as error:
        assert_answered(spoilt, error)
