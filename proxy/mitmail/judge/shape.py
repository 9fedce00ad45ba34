"""The shape of the records: what whoever renders them may rely on, whatever has become of a file.

It asks for less than their schema does: a report of last year's run is to be rendered, too.
"""

from dataclasses import MISSING, Field, fields
from typing import Annotated, Any, Final, Literal, NotRequired, TypedDict, get_type_hints

from pydantic import AllowInfNan, BaseModel, ValidationError, create_model
from pydantic import Field as _field  # dataclasses have one, too

from mitmail.judge.result import Head, Result

type _Outcome = Literal["pass", "fail", "warn", "error", "skip", "xfail"]
type _Count = Annotated[int, _field(ge=0)]
type _Number = Annotated[int, _field(ge=1)]
type _Seconds = Annotated[float, _field(ge=0), AllowInfNan(False)]
type _Moment = Annotated[float, AllowInfNan(False)]


class _Expected(TypedDict):
    verdict: Literal["accept", "reject"]
    reasons: list[str]
    level: Literal["must", "should", "may"]


class _Said(TypedDict):
    verdict: Literal["accept", "reject", "prompt", "error"]
    reason: NotRequired[str | None]
    exit_code: NotRequired[int | None]
    text: str
    details: NotRequired[dict[str, Any] | None]


class _Seen(TypedDict):
    verdict: Literal["accept", "reject", "hang", "none"]
    certainty: Literal["sure", "suspected"]
    reason: NotRequired[str | None]
    alert: NotRequired[int | None]
    evidence: str
    finding: NotRequired[dict[str, Any] | None]


class _Try(TypedDict):
    outcome: _Outcome
    why: str


class _Fact(TypedDict):
    ms: _Moment
    fact: str


class _Hello(TypedDict):
    sni: NotRequired[str | None]
    offered: NotRequired[list[str] | None]


class _Upstream(TypedDict):
    errors: NotRequired[list[str] | None]


class _Session(TypedDict):
    session: NotRequired[int]
    client: NotRequired[_Hello | None]
    upstream: NotRequired[_Upstream | None]
    finding: NotRequired[dict[str, Any] | None]
    facts: NotRequired[list[_Fact]]


class _Certificate(TypedDict):
    names: NotRequired[list[str]]


class _Shard(TypedDict):
    index: _Number
    total: _Number


class _Client(TypedDict):
    version: str
    verifies: NotRequired[str]


# What stands inside a field, or more than its type says.
_INSIDE: Final[dict[str, Any]] = {
    "index": _Count, "expected": _Expected, "said": _Said, "seen": _Seen | None,
    "outcome": _Outcome, "seconds": _Seconds, "tries": list[_Try], "sessions": list[_Session],
    "chain": list[_Certificate], "cells": _Count, "shard": _Shard, "clients": dict[str, _Client],
}  # fmt: skip


def _model(record: type[Head | Result]) -> type[BaseModel]:
    types: dict[str, Any] = get_type_hints(record) | _INSIDE
    said: dict[str, Any] = {
        one.name: (types[one.name], ... if _is_needed(one) else None) for one in fields(record)
    }
    return create_model(record.__name__, **said)


def _is_needed(one: Field[Any]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


_MODELS: Final = {"run": _model(Head), "cell": _model(Result)}


def check(kind: str, found: dict[str, Any]) -> None:
    """Raise ValueError, with what is wrong first, for a record that is none of its kind."""
    try:
        _MODELS[kind].model_validate(found, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        if first["type"] == "missing":
            raise ValueError(f"{place} is missing") from None
        words = first["msg"].replace("Input should be", "must be")
        raise ValueError(f"{place}: {words}, not {_shown(first['input'])}") from None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
