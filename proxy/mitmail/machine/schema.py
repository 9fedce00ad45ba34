"""The JSON Schema of what ``mitmail doctor --json`` prints (2020-12)."""

from typing import Final

from mitmail.machine.check import STATUSES
from mitmail.service.schema import Json, object_of

_WORD: Final[Json] = {"type": "string"}
_CHECK: Final[Json] = object_of(
    {
        "id": _WORD,
        "status": {"enum": list(STATUSES)},
        "words": _WORD,
        "fix": {"type": ["string", "null"]},
        "serves": {"type": "boolean"},
    }
)
_GROUP: Final[Json] = object_of(
    {"id": _WORD, "title": _WORD, "checks": {"type": "array", "items": _CHECK}}
)
DOCUMENTS: Final[dict[str, Json]] = {
    "doctor": object_of(
        {
            "schema": {"const": 1},
            "record": {"const": "doctor"},
            "version": _WORD,
            "system": _WORD,
            "serves": {"type": "boolean"},
            "groups": {"type": "array", "items": _GROUP},
        }
    )
}
