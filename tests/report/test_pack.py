"""A packed document: another reader, written from the description alone, finds all of it."""

import json
from typing import Any

import pytest

from mitmail.judge.report.pack import pack


def unpacked(nodes: list[Any]) -> Any:
    """The document of a list of nodes."""
    built: list[Any] = []
    for node in nodes:
        match node:
            case [0, *items]:
                built.append([built[x] for x in items])
            case [1, keys, *values]:
                named = zip(built[keys], (built[x] for x in values), strict=True)
                built.append(dict(named))
            case _:
                built.append(node)
    return built[-1]


@pytest.mark.parametrize(
    "document",
    [
        None,
        "a",
        [],
        {},
        [0, 1, True, False, 1.0, "1", None, "", [[]], [{}], {"": []}],
        {"a": {"b": [1, 2, {"b": [1, 2]}]}, "b": [1, 2]},
        [["a", "b"], {"a": 1, "b": 2}, {"b": 2, "a": 1}, [0, 0], [1, 0]],
    ],
)
def test_all_of_it_comes_back_with_its_types(document: Any) -> None:
    found = unpacked(json.loads(json.dumps(pack(document))))

    assert json.dumps(found) == json.dumps(document)


def test_what_occurs_often_is_there_once() -> None:
    long = "x" * 1000
    text = json.dumps(pack([{"words": long, "list": [long, long]} for _ in range(50)]))

    assert text.count(long) == 1
