"""The JSON Schema of what ``mitmail explain --json`` prints (2020-12)."""

from typing import Final, get_args

from mitmail.scenario.cause import Mark, Window
from mitmail.scenario.verdict import Reason
from mitmail.service.schema import document, object_of

type Json = dict[str, object]

_WORD: Final[Json] = {"type": "string", "minLength": 1}
_WORDS: Final[Json] = {"type": "array", "items": _WORD}
_ID: Final[Json] = {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"}


_CASE: Final[Json] = object_of(
    {
        "command": {"type": "string", "pattern": "^mitmail serve"},
        "scenario": _ID,
        "antivirus": _ID,
        "switches": _WORDS,
        "note": {"type": ["string", "null"]},
    }
)
_SAID: Final[Json] = object_of(
    {
        "speaker": _WORD,
        "window": {"enum": [*get_args(Window.__value__), "certificate"]},
        "mark": {"enum": list(get_args(Mark.__value__))},
        "source": _WORD,
        "likeness": {"enum": ["exact", "similar"]},
        "saying": _WORD,
        "line": {"type": "integer", "minimum": 1},
    }
)
_ANSWER: Final[Json] = object_of(
    {
        "id": _ID,
        "title": _WORD,
        "words": _WORD,
        "reasons": {"type": "array", "items": {"enum": list(get_args(Reason.__value__))}},
        "said": _SAID,
        "cases": {"type": "array", "items": _CASE, "minItems": 1},
        "fix": _WORD,
        "ask": _WORDS,
    }
)
_TOPIC: Final[Json] = object_of({"id": _ID, "title": _WORD, "command": _WORD})

DOCUMENTS: Final[dict[str, Json]] = {
    "explanation": document(
        "explanation",
        "mitmail explain --json",
        object_of(
            {
                "schema": {"const": 1},
                "known": {"type": "boolean"},
                "truncated": {"type": "boolean"},
                "answers": {"type": "array", "items": _ANSWER},
                "nearest": {"type": "array", "items": _TOPIC},
                "antivirus": {"anyOf": [_ID, {"type": "null"}]},
            }
        ),
    )
}
