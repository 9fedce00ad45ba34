"""Attempts: an error is asked once more, and who answers differently twice is unstable."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mitmail.engine.verdict import Verdict
from mitmail.judge.attempt import Attempt, attempt
from mitmail.judge.case import SERVER_ROOT, Case
from mitmail.judge.cell import Cell
from mitmail.judge.client import Said
from mitmail.judge.outcome import Outcome
from mitmail.pki.store import Store
from mitmail.plan import make
from mitmail.scenario import loader

CASE = Case(make(loader.find("expired"), None, Store(None)), SERVER_ROOT, "any")


def cell(word: Any, said: Any = "error", seen: Any = None, certainty: Any = "sure") -> Cell:
    verdict = None if seen is None else Verdict(seen, certainty, "as seen")
    told = Said(said, None, 0, "")
    return Cell(CASE, "imaps", "curl", CASE.expect("imaps"), told, verdict, Outcome(word, "so"))


def asked(*answers: Cell) -> tuple[Attempt, int]:
    """What came of a client that answers so, and how often it was asked."""
    left = list(answers)

    def ask() -> Callable[[], Awaitable[Cell]]:
        async def answer() -> Cell:
            return left.pop(0)

        return answer

    return asyncio.run(attempt(ask())), len(answers) - len(left)


@pytest.mark.parametrize("word", ["pass", "fail", "warn", "xfail"])
def test_only_an_error_is_asked_again(word: str) -> None:
    found, times = asked(cell(word), cell("pass"))

    assert (found.cell.outcome.word, found.earlier, times) == (word, (), 1)


def test_the_second_answer_counts_and_the_first_is_kept() -> None:
    found, times = asked(cell("error"), cell("pass", "reject", "reject"), cell("pass"))

    assert (found.cell.outcome.word, found.unstable, times) == ("pass", False, 2)
    assert [one.outcome.word for one in found.earlier] == ["error"]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (("reject", "accept"), ("reject", "reject"), "we saw accept first, reject the second"),
        (("accept", "reject"), ("reject", "reject"), "it said accept first, reject the second"),
        (("error", "reject"), ("accept", "accept"), "we saw reject first, accept the second"),
    ],
)
def test_two_sure_answers_that_differ_are_no_verdict(
    first: tuple[str, str], second: tuple[str, str], words: str
) -> None:
    found, _ = asked(cell("error", *first), cell("pass", *second))

    assert found.unstable
    assert found.cell.outcome.word == "error"
    assert words in found.cell.outcome.why
    assert len(found.earlier) == 2


@pytest.mark.parametrize(
    "first",
    [("error", None), ("error", "hang"), ("error", "none"), ("error", "accept", "suspected")],
)
def test_what_was_not_sure_contradicts_nothing(first: tuple[Any, ...]) -> None:
    found, _ = asked(cell("error", *first), cell("pass", "reject", "reject"))

    assert (found.cell.outcome.word, found.unstable) == ("pass", False)


@pytest.mark.parametrize(
    "answer", [("reject", "accept"), ("accept", "reject"), ("error", None), ("error", "accept")]
)
def test_who_answers_the_same_twice_is_not_unstable(answer: tuple[Any, ...]) -> None:
    found, times = asked(cell("error", *answer), cell("error", *answer))

    assert (found.cell.outcome.word, found.cell.outcome.why, found.unstable) == (
        "error", "so", False,
    )  # fmt: skip
    assert ([one.outcome.word for one in found.earlier], times) == (["error"], 2)


@pytest.mark.parametrize("seen", [("reject", "suspected"), ("accept", "suspected")])
def test_who_has_surely_accepted_is_not_believed_a_refusal_afterwards(
    seen: tuple[str, str],
) -> None:
    found, _ = asked(cell("error", "reject", "accept"), cell("pass", "reject", *seen))

    assert (found.cell.outcome.word, found.unstable) == ("error", True)
