"""What pydantic found wrong, as sentences with a place in the file."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mitmail.scenario.document import Document, path_text, shown
from mitmail.scenario.problem import Problem
from mitmail.scenario.schema import Name, part, schema
from mitmail.scenario.word import did_you_mean

_WANTED: Final = {
    "string_type": "text",
    "tuple_type": "a list such as [a, b]",
    "dict_type": "a mapping (lines of key: value)",
    "model_type": "a mapping (lines of key: value)",
    "model_attributes_type": "a mapping (lines of key: value)",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
}

MANY: Final = 7
"""More choices than this are not listed when the nearest one is named."""


def complaints(error: ValidationError, document: Document, name: Name) -> list[Problem]:
    """Return one problem per error of pydantic, each at its key or value in the file."""
    described = schema(name)
    return [_problem(details, document, described) for details in error.errors()]


def _problem(details: ErrorDetails, document: Document, described: dict[str, Any]) -> Problem:
    kind, path = details["type"], tuple(details["loc"])
    if kind == "missing":
        place = document.key_place(path[:-1])
        about = part(described, path).get("description", "").partition(". ")[0].rstrip(".")
        message = f"missing: {about}" if about else "missing"
    elif kind == "literal_error" and path[-1] == "[key]":
        path = path[:-1]
        place = document.key_place(path)
        message = _unknown(path[-1], part(described, (*path[:-1], "[key]")).get("enum", ()))
    elif kind == "extra_forbidden":
        place = document.key_place(path)
        message = _unknown(path[-1], part(described, path[:-1]).get("properties", ()))
    elif path[-1:] == ("[key]",):
        path = path[:-1]
        place = document.key_place(path)
        message = _wrong(details, {})
    else:
        place = document.value_place(path)
        message = _wrong(details, part(described, path))
    return Problem(document.file, *place, path_text(path), message)


def _unknown(key: str | int, known: Iterable[str]) -> str:
    return f"unknown key{did_you_mean(str(key), known)}"


def _wrong(details: ErrorDetails, described: dict[str, Any]) -> str:
    kind, value = details["type"], details["input"]
    if kind in _WANTED:
        return _wrong_type(_WANTED[kind], value)
    if kind == "literal_error":
        return _wrong_choice(described.get("enum") or [described.get("const")], value)
    if kind in ("string_too_short", "too_short"):
        return "must not be empty"
    if kind == "too_long":
        return f"must have {details['ctx']['max_length']} items, not more"
    return details["msg"].removeprefix("Value error, ")


def _wrong_choice(choices: Sequence[object], value: object) -> str:
    hint = did_you_mean(value, map(str, choices)) if isinstance(value, str) else ""
    listed = f"must be one of {', '.join(map(str, choices))}"
    if value is None:
        return f"is empty: {listed}"
    found = shown(value) if isinstance(value, str) else _kind(value)
    return (
        f"unknown: {found}{hint}"
        if hint and len(choices) > MANY
        else f"{listed}, not {found}{hint}"
    )


def _wrong_type(wanted: str, value: object) -> str:
    if value is None:
        return f"is empty: must be {wanted}"
    if wanted == "text" and not isinstance(value, (dict, list, tuple)):
        return f"must be text, not {_kind(value)}: put it in quotes"
    return f"must be {wanted}, not {_kind(value)}"


def _kind(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {shown(value)}"
        case dict():
            return "a mapping"
        case _:
            return "a list"
