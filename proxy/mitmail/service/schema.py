"""The JSON Schemas of what mitmail prints for programs (2020-12)."""

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


def _object(
    properties: Json,
    *,
    optional: Json | None = None,
    nullable: bool = False,
    more: bool = False,
) -> Json:
    return {
        "type": ["object", "null"] if nullable else "object",
        "properties": properties | (optional or {}),
        "required": list(properties),
        "additionalProperties": more,
    }


_FACTS: Final[Json] = {
    "type": "array",
    "items": _object({"ms": {"type": "number", "minimum": 0}, "fact": _WORD}, more=True),
}
_PORT: Final[Json] = {"type": "integer", "minimum": 1, "maximum": 65535}
_TLS: Final[Json] = {"enum": ["implicit", "starttls", "plain"]}
_SETTING: Final[Json] = _object(
    {
        "found": {"enum": list(get_args(Found.__value__))},
        "due": {"enum": list(get_args(Due.__value__))},
        "certainty": _CERTAINTY,
        "use": _object({"endpoint": _ENDPOINT, "port": _PORT, "tls": _TLS}, nullable=True),
    },
    nullable=True,
)
_FINDING: Final[Json] = _object(
    {
        "finding": {"enum": list(get_args(FindingWord.__value__))},
        "certainty": _CERTAINTY,
        "evidence": _WORD,
        "trace": _WORD,
    },
    nullable=True,
)
_EARLIER: Final[Json] = _object(
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
_CAPTURED: Final[Json] = {"destination": _object({"host": _WORD, "port": _PORT})}
_VERDICT_RECORD: Final[Json] = _object(
    _HEAD
    | {
        "record": {"const": "verdict"},
        "client": _object(
            {
                "sni": _WORD_OR_NULL,
                "offered": _WORDS,
                "fingerprint": _WORD,
                "negotiated": _WORD_OR_NULL,
            },
            nullable=True,
        ),
        "presented": _object(
            {
                "leaf_sha256": {"type": ["string", "null"], "pattern": "^[0-9a-f]{64}$"},
                "issuer": _WORD_OR_NULL,
                "chain": {"type": "integer", "minimum": 0},
            },
            nullable=True,
        ),
        "upstream": _object({"verified": {"type": "boolean"}, "errors": _WORDS}, nullable=True),
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
_END_RECORD: Final[Json] = _object(
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
    "additionalProperties": _object(
        {
            "host": _WORD,
            "port": _PORT,
            "tls": _TLS,
        }
    ),
}
_CONTROL: Final[Json] = _object({"host": _WORD, "port": _PORT, "file": _WORD})
_TEST_USER: Final[Json] = {"user": _WORD, "password": _WORD}
_STAND: Final[Json] = {
    "scenario": _WORD_OR_NULL,
    "antivirus": _WORD,
    "name": _WORD,
    "root_file": _WORD,
    "antivirus_root_file": _WORD_OR_NULL,
    "endpoints": _ENDPOINTS,
}
_READY: Final[Json] = _object(
    {"schema": _ONE, "ready": {"const": True}, "control": _CONTROL} | _STAND | _TEST_USER
)
_EXPECT: Final[Json] = _object(
    {
        "verdict": {"enum": ["accept", "reject"]},
        "reasons": _WORDS,
        "level": {"enum": ["must", "should", "may"]},
    }
)
_NUMBER: Final[Json] = {"type": "integer", "minimum": 0}
_STATE: Final[Json] = _STAND | {
    "named": _object({"scenario": _WORD_OR_NULL, "antivirus": _WORD}),
    "switches": _WORDS,
    "closed": {"type": "array", "items": _ENDPOINT},
    "expect": {"type": "object", "propertyNames": _ENDPOINT, "additionalProperties": _EXPECT},
    "new_root": {"type": "boolean"},
    "new_antivirus_root": {"type": "boolean"},
    "showing": _NUMBER,
    "last_session": _NUMBER,
    "running": _NUMBER,
}
_SWITCH_RECORD: Final[Json] = _object({"schema": _ONE, "record": {"const": "switch"}} | _STATE)
_READY_ALL: Final[Json] = _object(
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
            "additionalProperties": _object(
                {"name": _WORD, "root_file": _WORD, "endpoints": _ENDPOINTS | {"minProperties": 1}}
            ),
        },
        "unsupported": {"type": "object", "additionalProperties": _WORD},
        "control": _CONTROL,
    }
)
_LINES: Final[Json] = _object({"do": _WORDS, "undo": _WORDS})
_READY_TRANSPARENT: Final[Json] = _object(
    {
        "schema": _ONE,
        "ready": {"const": True},
        "transparent": _object({"host": _WORD, "port": _PORT}),
        "antivirus": _WORD,
        "antivirus_root_file": _WORD,
        "captured": {"type": "object", "additionalProperties": _ENDPOINT},
        "control": _CONTROL,
        "redirection": _object({"nft": _LINES, "iptables": _LINES}),
    }
)
_LIST: Final[Json] = _object(
    {
        "schema": _ONE,
        "scenarios": {
            "type": "array",
            "items": _object(
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
    return _object(head) | {"properties": head | fields}


_SESSION: Final[Json] = _object(
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
    _object({"schema": _ONE}),
    _object({"schema": _ONE} | _STATE | _TEST_USER),
    _object(
        {
            "schema": _ONE,
            "sessions": {"type": "array", "items": _SESSION},
            "last_session": _NUMBER,
        }
    ),
    _object({"schema": _ONE, "session": {"type": "integer", "minimum": 1}, "word": _WORD}),
    _object({"schema": _ONE, "error": _WORD, "exit_code": {"enum": [2, 3]}}),
]


_HALF: Final[Json] = _object(
    {
        "antivirus": _WORD,
        "client": _object(
            {"worked": {"type": ["boolean", "null"]}, "exit_code": _INTEGER_OR_NULL}
        ),
        "seen": {
            "type": "array",
            "items": _object(
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
_COMPARISON: Final[Json] = _object(
    {
        "schema": _ONE,
        "blame": {"enum": list(_BLAME)},
        "words": _WORD,
        "advice": _WORD,
        "with": _HALF,
        "without": _HALF,
    }
)


def _document(name: str, title: str, body: Json) -> Json:
    head: Json = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:mitmail:schema:{name}-1",
        "title": title,
    }
    return head | body


DOCUMENTS: Final[dict[str, Json]] = {
    "ready": _document("ready", "The first line of mitmail serve --ready-json", _READY),
    "ready-all": _document(
        "ready-all", "The first line of mitmail serve --all --ready-json", _READY_ALL
    ),
    "ready-transparent": _document(
        "ready-transparent",
        "The first line of mitmail serve --transparent --ready-json",
        _READY_TRANSPARENT,
    ),
    "record": _document(
        "record",
        "Each further line of mitmail serve --ready-json",
        {"oneOf": [_VERDICT_RECORD, _END_RECORD, _SWITCH_RECORD]},
    ),
    "control-request": _document(
        "control-request", "What may be asked of a running mitmail serve", _REQUEST
    ),
    "control-answer": _document(
        "control-answer", "What a running mitmail serve answers", {"oneOf": _ANSWERS}
    ),
    "comparison": _document("comparison", "mitmail compare --json", _COMPARISON),
    "list": _document("list", "mitmail list --json", _LIST),
}
