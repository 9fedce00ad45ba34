"""The JSON Schemas of what mitmail prints for programs (2020-12)."""

from collections.abc import Mapping
from typing import Final, get_args

from mitmail.endpoint import ENDPOINTS
from mitmail.engine.finding import FindingWord
from mitmail.service.setting import Due, Found

type Json = dict[str, object]

_WORD: Final[Json] = {"type": "string"}
_WORD_OR_NULL: Final[Json] = {"type": ["string", "null"]}
_INTEGER_OR_NULL: Final[Json] = {"type": ["integer", "null"]}
_WORDS: Final[Json] = {"type": "array", "items": _WORD}
_ONE: Final[Json] = {"const": 1}
_CERTAINTY: Final[Json] = {"enum": ["sure", "suspected"]}
_VERDICT: Final[Json] = {"enum": ["accept", "reject", "hang", "none"]}
_ENDPOINT: Final[Json] = {"enum": list(ENDPOINTS)}


def object_of(
    properties: Mapping[str, object],
    *,
    optional: Json | None = None,
    nullable: bool = False,
    more: bool = False,
) -> Json:
    """An object that has all of ``properties``, and what is ``optional``, and no ``more``."""
    return {
        "type": ["object", "null"] if nullable else "object",
        "properties": {**properties, **(optional or {})},
        "required": list(properties),
        "additionalProperties": more,
    }


_FACTS: Final[Json] = {
    "type": "array",
    "items": object_of({"ms": {"type": "number", "minimum": 0}, "fact": _WORD}, more=True),
}
_PORT: Final[Json] = {"type": "integer", "minimum": 1, "maximum": 65535}
_TLS: Final[Json] = {"enum": ["implicit", "starttls", "plain"]}
_SETTING: Final[Json] = object_of(
    {
        "found": {"enum": list(get_args(Found.__value__))},
        "due": {"enum": list(get_args(Due.__value__))},
        "certainty": _CERTAINTY,
        "use": object_of({"endpoint": _ENDPOINT, "port": _PORT, "tls": _TLS}, nullable=True),
    },
    nullable=True,
)
_FINDING: Final[Json] = object_of(
    {
        "finding": {"enum": list(get_args(FindingWord.__value__))},
        "certainty": _CERTAINTY,
        "evidence": _WORD,
        "trace": _WORD,
    },
    nullable=True,
)
_EARLIER: Final[Json] = object_of(
    {
        "session": {"type": "integer", "minimum": 1},
        "leaf_sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "certificate": {"enum": ["same", "changed"]},
        "same_client": {"const": "suspected"},
    },
    nullable=True,
)
_HEAD: Final[Json] = {
    "schema": _ONE,
    "session": {"type": "integer", "minimum": 1},
    "scenario": _WORD_OR_NULL,
    "endpoint": _ENDPOINT,
    "antivirus": _WORD,
}
# Where the client of a captured connection wanted to go.
_CAPTURED: Final[Json] = {"destination": object_of({"host": _WORD, "port": _PORT})}
_VERDICT_RECORD: Final[Json] = object_of(
    _HEAD
    | {
        "record": {"const": "verdict"},
        "client": object_of(
            {
                "sni": _WORD_OR_NULL,
                "offered": _WORDS,
                "fingerprint": _WORD,
                "negotiated": _WORD_OR_NULL,
            },
            nullable=True,
        ),
        "presented": object_of(
            {
                "leaf_sha256": {"type": ["string", "null"], "pattern": "^[0-9a-f]{64}$"},
                "issuer": _WORD_OR_NULL,
                "chain": {"type": "integer", "minimum": 0},
            },
            nullable=True,
        ),
        "upstream": object_of({"verified": {"type": "boolean"}, "errors": _WORDS}, nullable=True),
        "verdict": _VERDICT,
        "certainty": _CERTAINTY,
        "reason": _WORD_OR_NULL,
        "alert": _INTEGER_OR_NULL,
        "evidence": _WORD,
        "setting": _SETTING,
        "earlier": _EARLIER,
        "facts": _FACTS,
    },
    optional=_CAPTURED,
)
_END_RECORD: Final[Json] = object_of(
    _HEAD
    | {
        "record": {"const": "end"},
        "verdict": _VERDICT,
        "outcome": {"enum": ["error", None]},
        "error": _WORD_OR_NULL,
        "finding": _FINDING,
        "facts": _FACTS,
    },
    optional=_CAPTURED,
)
_ENDPOINTS: Final[Json] = {
    "type": "object",
    "propertyNames": _ENDPOINT,
    "additionalProperties": object_of(
        {
            "host": _WORD,
            "port": _PORT,
            "tls": _TLS,
        }
    ),
}
_CONTROL: Final[Json] = object_of({"host": _WORD, "port": _PORT, "file": _WORD})
_TEST_USER: Final[Json] = {"user": _WORD, "password": _WORD}
_STAND: Final[Json] = {
    "scenario": _WORD_OR_NULL,
    "antivirus": _WORD,
    "name": _WORD,
    "root_file": _WORD,
    "antivirus_root_file": _WORD_OR_NULL,
    "endpoints": _ENDPOINTS,
}
_READY: Final[Json] = object_of(
    {"schema": _ONE, "ready": {"const": True}, "control": _CONTROL} | _STAND | _TEST_USER
)
_EXPECT: Final[Json] = object_of(
    {
        "verdict": {"enum": ["accept", "reject"]},
        "reasons": _WORDS,
        "level": {"enum": ["must", "should", "may"]},
    }
)
_NUMBER: Final[Json] = {"type": "integer", "minimum": 0}
_STATE: Final[Json] = _STAND | {
    "named": object_of({"scenario": _WORD_OR_NULL, "antivirus": _WORD}),
    "switches": _WORDS,
    "closed": {"type": "array", "items": _ENDPOINT},
    "expect": {"type": "object", "propertyNames": _ENDPOINT, "additionalProperties": _EXPECT},
    "new_root": {"type": "boolean"},
    "new_antivirus_root": {"type": "boolean"},
    "showing": _NUMBER,
    "last_session": _NUMBER,
    "running": _NUMBER,
}
_SWITCH_RECORD: Final[Json] = object_of({"schema": _ONE, "record": {"const": "switch"}} | _STATE)
_READY_ALL: Final[Json] = object_of(
    {
        "schema": _ONE,
        "ready": {"const": True},
        "all": {"const": True},
        "antivirus": {"const": "none"},
        "user": _WORD,
        "password": _WORD,
        "root_file": _WORD,
        "hosts_file": _WORD_OR_NULL,
        "endpoints": _ENDPOINTS | {"required": list(ENDPOINTS)},
        "scenarios": {
            "type": "object",
            "additionalProperties": object_of(
                {"name": _WORD, "root_file": _WORD, "endpoints": _ENDPOINTS | {"minProperties": 1}}
            ),
        },
        "unsupported": {"type": "object", "additionalProperties": _WORD},
        "control": _CONTROL,
    }
)
_LINES: Final[Json] = object_of({"do": _WORDS, "undo": _WORDS})
_READY_TRANSPARENT: Final[Json] = object_of(
    {
        "schema": _ONE,
        "ready": {"const": True},
        "transparent": object_of({"host": _WORD, "port": _PORT}),
        "antivirus": _WORD,
        "antivirus_root_file": _WORD,
        "captured": {"type": "object", "additionalProperties": _ENDPOINT},
        "control": _CONTROL,
        "redirection": object_of({"nft": _LINES, "iptables": _LINES}),
    }
)
_LIST: Final[Json] = object_of(
    {
        "schema": _ONE,
        "scenarios": {
            "type": "array",
            "items": object_of(
                {
                    "id": _WORD,
                    "title": _WORD,
                    "group": _WORD,
                    "endpoints": {"type": "array", "items": _ENDPOINT},
                    "expect": _EXPECT,
                    "sees": _WORD_OR_NULL,
                    "catches": _WORDS,
                    "aka": _WORDS,
                }
            ),
        },
    }
)


def _asking(verb: str, fields: Json) -> Json:
    """A request, whose own fields may be left out."""
    head: Json = {"schema": _ONE, "token": _WORD, "verb": {"const": verb}}
    return object_of(head) | {"properties": head | fields}


_SESSION: Final[Json] = object_of(
    {key: value for key, value in _HEAD.items() if key != "schema"}
    | {
        "showing": _NUMBER,
        "over": {"type": "boolean"},
        "verdict": {"oneOf": [_VERDICT_RECORD, {"type": "null"}]},
        "end": {"oneOf": [_END_RECORD, {"type": "null"}]},
    }
)
_REQUEST: Final[Json] = {
    "oneOf": [
        _asking("ping", {}),
        _asking("served", {}),
        _asking(
            "switch",
            {
                "scenario": _WORD_OR_NULL,
                "antivirus": _WORD_OR_NULL,
                "switches": {"type": ["array", "null"], "items": _WORD},
                "reinstall": {"type": ["boolean", "null"]},
                "folders": {"type": ["array", "null"], "items": _WORD},
            },
        ),
        _asking(
            "sessions",
            {
                "after": _NUMBER,
                "until": {"enum": ["verdict", "over"]},
                "seconds": {"type": "number", "minimum": 0},
            },
        ),
        _asking("answer", {"session": {"type": "integer", "minimum": 1}, "word": _WORD}),
    ]
}
_ANSWERS: Final[list[Json]] = [
    object_of({"schema": _ONE}),
    object_of({"schema": _ONE} | _STATE | _TEST_USER),
    object_of(
        {
            "schema": _ONE,
            "sessions": {"type": "array", "items": _SESSION},
            "last_session": _NUMBER,
        }
    ),
    object_of({"schema": _ONE, "session": {"type": "integer", "minimum": 1}, "word": _WORD}),
    object_of({"schema": _ONE, "error": _WORD, "exit_code": {"enum": [2, 3]}}),
]


_HALF: Final[Json] = object_of(
    {
        "antivirus": _WORD,
        "client": object_of(
            {"worked": {"type": ["boolean", "null"]}, "exit_code": _INTEGER_OR_NULL}
        ),
        "seen": {
            "type": "array",
            "items": object_of(
                {
                    "endpoint": _ENDPOINT,
                    "verdict": _VERDICT,
                    "reason": _WORD_OR_NULL,
                    "evidence": _WORD,
                }
            ),
        },
        "fate": {"enum": ["works", "fails", "undecided"]},
        "why": _WORD,
    }
)
_BLAME: Final = ("antivirus", "provider", "account", "nobody", "only-without", "undecided")
_COMPARISON: Final[Json] = object_of(
    {
        "schema": _ONE,
        "blame": {"enum": list(_BLAME)},
        "words": _WORD,
        "advice": _WORD,
        "with": _HALF,
        "without": _HALF,
    }
)


def document(name: str, title: str, body: Json) -> Json:
    """A schema that stands by itself: the ``$id`` is a name, and no address."""
    head: Json = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:mitmail:schema:{name}-1",
        "title": title,
    }
    return head | body


DOCUMENTS: Final[dict[str, Json]] = {
    "ready": document("ready", "The first line of mitmail serve --ready-json", _READY),
    "ready-all": document(
        "ready-all", "The first line of mitmail serve --all --ready-json", _READY_ALL
    ),
    "ready-transparent": document(
        "ready-transparent",
        "The first line of mitmail serve --transparent --ready-json",
        _READY_TRANSPARENT,
    ),
    "record": document(
        "record",
        "Each further line of mitmail serve --ready-json",
        {"oneOf": [_VERDICT_RECORD, _END_RECORD, _SWITCH_RECORD]},
    ),
    "control-request": document(
        "control-request", "What may be asked of a running mitmail serve", _REQUEST
    ),
    "control-answer": document(
        "control-answer", "What a running mitmail serve answers", {"oneOf": _ANSWERS}
    ),
    "comparison": document("comparison", "mitmail compare --json", _COMPARISON),
    "list": document("list", "mitmail list --json", _LIST),
}
