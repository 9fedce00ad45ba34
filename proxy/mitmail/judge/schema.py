"""The JSON Schemas of what the judge writes for programs (2020-12)."""

from typing import Any, Final, get_args

from mitmail.endpoint import ENDPOINTS
from mitmail.judge.client import Verifies
from mitmail.judge.difference import Kind
from mitmail.judge.report import phrase
from mitmail.judge.result import SCHEMA
from mitmail.service import schema as service
from mitmail.service.schema import document, object_of

type Json = dict[str, Any]

_WORD: Final[Json] = {"type": "string"}
_WORD_OR_NULL: Final[Json] = {"type": ["string", "null"]}
_WORDS: Final[Json] = {"type": "array", "items": _WORD}
_COUNT: Final[Json] = {"type": "integer", "minimum": 0}
_NUMBER: Final[Json] = {"type": "integer", "minimum": 1}
_SECONDS: Final[Json] = {"type": "number", "minimum": 0}
_FLAG: Final[Json] = {"type": "boolean"}
_INTEGER_OR_NULL: Final[Json] = {"type": ["integer", "null"]}
_DIGEST: Final[Json] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_TIME: Final[Json] = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$",
}
_ONE: Final[Json] = {"const": SCHEMA}
_OUTCOME: Final[Json] = {"enum": list(phrase.OUTCOMES)}


def _or_null(body: Json) -> Json:
    return {"oneOf": [body, {"type": "null"}]}


_SESSIONS: Final[Json] = {
    "type": "array",
    # A verdict, and the end: a switch does not happen while a client is judged.
    "items": {"oneOf": service.DOCUMENTS["record"]["oneOf"][:2]},  # type: ignore[index] # a list
}
_SEEN: Final[Json] = object_of(
    {
        "verdict": {"enum": ["accept", "reject", "hang", "none"]},
        "certainty": {"enum": ["sure", "suspected"]},
        "reason": _WORD_OR_NULL,
        "alert": _INTEGER_OR_NULL,
        "evidence": _WORD,
    },
    more=True,
)
# Of a certificate that is broken on purpose not everything can be read.
_CERTIFICATE: Final[Json] = object_of(
    {
        "subject": _WORD_OR_NULL,
        "issuer": _WORD_OR_NULL,
        "names": _WORDS,
        "not_before": _WORD_OR_NULL,
        "not_after": _WORD_OR_NULL,
        "key": _WORD_OR_NULL,
        "signature": _WORD_OR_NULL,
        "sha256": _DIGEST,
    },
    more=True,
)
_SAID: Final[Json] = object_of(
    {
        "verdict": {"enum": ["accept", "reject", "prompt", "error"]},
        "reason": _WORD_OR_NULL,
        "exit_code": _INTEGER_OR_NULL,
        "text": _WORD,
    },
    more=True,
)
_CELL: Final[Json] = {
    "index": _COUNT,
    "cell": _WORD,
    "client": _WORD,
    "version": _WORD,
    "case": _WORD,
    "scenario": _WORD,
    "group": _WORD,
    "title": _WORD,
    "why_it_matters": _WORD,
    "antivirus": _WORD,
    "name": _WORD,
    "endpoint": {"enum": list(ENDPOINTS)},
    "expected": object_of(
        {
            "verdict": {"enum": ["accept", "reject"]},
            "reasons": _WORDS,
            "level": {"enum": ["must", "should", "may"]},
        },
        more=True,
    ),
    "said": _SAID,
    "seen": _or_null(_SEEN),
    "outcome": _OUTCOME,
    "why": _WORD,
    "reproduce": _WORD,
    "seconds": _SECONDS,
    "unstable": _FLAG,
    "tries": {"type": "array", "items": object_of({"outcome": _OUTCOME, "why": _WORD}, more=True)},
    "sessions": _SESSIONS,
    "chain": {"type": "array", "items": _CERTIFICATE},
    "screenshot": _WORD_OR_NULL,
}
_RUN: Final[Json] = {
    "plan": _DIGEST,
    "cells": _COUNT,
    "shard": object_of({"index": _NUMBER, "total": _NUMBER}),
    "started": _TIME,
    "platform": _WORD,
    "tools": {"type": "object", "additionalProperties": _WORD},
    "clients": {
        "type": "object",
        "additionalProperties": object_of(
            {"version": _WORD, "verifies": {"enum": list(get_args(Verifies.__value__))}}, more=True
        ),
    },
    "strict": _FLAG,
    "names": _WORDS,
    "sources": {"type": "object", "additionalProperties": _DIGEST},
}
_LINES: Final[list[Json]] = [
    object_of({"schema": _ONE, "record": {"const": "run"}} | _RUN, more=True),
    object_of({"schema": _ONE, "record": {"const": "cell"}} | _CELL, more=True),
]
_DOCUMENT: Final[Json] = object_of(
    {
        "schema": _ONE,
        "record": {"const": "results"},
        "run": object_of(_RUN, more=True),
        "cells": {"type": "array", "items": object_of(_CELL, more=True)},
    }
)
_SIDE: Final[Json] = _or_null(
    object_of(
        {
            "version": _WORD,
            "outcome": _OUTCOME,
            "why": _WORD,
            "said": object_of(
                {
                    "verdict": _WORD_OR_NULL,
                    "reason": _WORD_OR_NULL,
                    "exit_code": _INTEGER_OR_NULL,
                    "text": _WORD_OR_NULL,
                }
            ),
            "seen": object_of(
                {"verdict": _WORD_OR_NULL, "reason": _WORD_OR_NULL, "alert": _INTEGER_OR_NULL}
            ),
        }
    )
)
_VERSIONS: Final[Json] = {"type": "object", "additionalProperties": _WORD}
_ASPECTS: Final = ("outcome", "verdict", "reason", "alert", "exit_code", "words")
_DIFFERENCE: Final[Json] = object_of(
    {
        "schema": _ONE,
        "compared": _COUNT,
        "missing": object_of({"old": _COUNT, "new": _COUNT}),
        "worse": _COUNT,
        "versions": object_of({"old": _VERSIONS, "new": _VERSIONS}),
        "changes": {
            "type": "array",
            "items": object_of(
                {
                    "cell": _WORD,
                    "kind": {"enum": list(get_args(Kind.__value__))},
                    "changed": {"type": "array", "items": {"enum": list(_ASPECTS)}},
                    "old": _SIDE,
                    "new": _SIDE,
                }
            ),
        },
    }
)


_DEPTH: Final[Json] = {"enum": list(get_args(Verifies.__value__))}
_EXEC: Final[Json] = object_of(
    {
        "schema": _ONE,
        "record": {"const": "exec"},
        "scenario": _WORD,
        "antivirus": _WORD,
        "client": object_of({"name": _WORD, "version": _WORD, "verifies": _DEPTH}),
        "answers": {
            "type": "array",
            "items": object_of(
                {
                    "asked": _WORD,
                    **{
                        key: _CELL[key]
                        for key in ("endpoint", "expected", "said", "seen", "outcome", "why")
                    },
                }
            ),
        },
    }
)
_CLIENTS: Final[Json] = object_of(
    {
        "schema": _ONE,
        "clients": {
            "type": "array",
            "items": object_of(
                {
                    "name": _WORD,
                    "title": _WORD,
                    "version": _WORD_OR_NULL,
                    "verifies": {
                        "type": "object",
                        "propertyNames": {"enum": list(ENDPOINTS)},
                        "additionalProperties": _DEPTH,
                    },
                    "install": _WORD_OR_NULL,
                }
            ),
        },
    }
)
DOCUMENTS: Final[dict[str, Json]] = {
    "exec": document("exec", "mitmail exec --json", _EXEC),
    "list-clients": document("list-clients", "mitmail list --clients --json", _CLIENTS),
    "results": document(
        "results",
        "Each line of results.ndjson (a run, then its cells), and mitmail report --format json",
        {"oneOf": [*_LINES, _DOCUMENT]},
    ),
    "difference": document("difference", "mitmail diff --json", _DIFFERENCE),
}
