"""The shape of the records: what whoever renders them may rely on, whatever has become of a file.

It asks for less than their schema does: a report of last year's run is to be rendered, too.
"""

from typing import Annotated, Any, Final, Literal, NotRequired, TypedDict

from pydantic import Field, TypeAdapter, ValidationError

type _Outcome = Literal["pass", "fail", "warn", "error", "skip", "xfail"]
type _Count = Annotated[int, Field(ge=0)]
type _Number = Annotated[int, Field(ge=1)]
type _Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
type _Moment = Annotated[float, Field(allow_inf_nan=False)]


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


class _Cell(TypedDict):
    index: _Count
    cell: str
    client: str
    version: str
    case: str
    scenario: str
    group: str
    title: str
    why_it_matters: str
    antivirus: str
    name: str
    endpoint: str
    expected: _Expected
    said: _Said
    seen: _Seen | None
    outcome: _Outcome
    why: str
    reproduce: str
    seconds: NotRequired[_Seconds]
    unstable: NotRequired[bool]
    tries: NotRequired[list[_Try]]
    sessions: NotRequired[list[_Session]]
    chain: NotRequired[list[_Certificate]]
    screenshot: NotRequired[str | None]


class _Shard(TypedDict):
    index: _Number
    total: _Number


class _Client(TypedDict):
    version: str
    verifies: NotRequired[str]


class _Run(TypedDict):
    plan: str
    cells: _Count
    shard: _Shard
    started: str
    platform: str
    tools: dict[str, str]
    clients: dict[str, _Client]
    strict: NotRequired[bool]
    names: NotRequired[list[str]]
    sources: NotRequired[dict[str, str]]


_SHAPES: Final[dict[str, TypeAdapter[Any]]] = {
    "run": TypeAdapter(_Run), "cell": TypeAdapter(_Cell),
}  # fmt: skip


def check(kind: str, found: dict[str, Any]) -> None:
    """Raise ValueError, with what is wrong first, for a record that is none of its kind."""
    try:
        _SHAPES[kind].validate_python(found, strict=True)
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
