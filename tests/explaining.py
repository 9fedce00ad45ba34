"""The vocabulary of the tests of explain: texts that are kept as data, and what they lead to."""

from pathlib import Path
from typing import Any

from mitmail.diagnose.explanation import Explainer, Explanation
from mitmail.scenario.document import read

FOLDER = Path(__file__).parent / "explain"


def explainer() -> Explainer:
    """What ships with mitmail."""
    return Explainer.shipped()


def explained(text: str) -> Explanation:
    return explainer().explain(text)


def causes(text: str) -> list[str]:
    """The ids of the causes that a text leads to, likeliest first; [] when it is not known."""
    return [answer.cause.id for answer in explained(text).answers]


def kept(name: str) -> list[dict[str, Any]]:
    """The texts of one of the files in ``explain/``."""
    data = read(FOLDER / f"{name}.yaml").data
    assert isinstance(data, dict)
    rows: list[Any] = data["texts"]
    texts = (row if isinstance(row, dict) else {"text": row} for row in rows)
    return [{"place": place, **row} for place, row in enumerate(texts, 1)]


def label(row: dict[str, Any]) -> str:
    """A name for a text in a test's id."""
    return f"{row['place']}: {row['text'][:40]}"
