"""``mitmail trust status``, written for a person and as a document."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from mitmail.pki.certificate import sha256
from mitmail.trust.entry import WORDS
from mitmail.trust.override import Override
from mitmail.trust.root import Root
from mitmail.trust.status import Status

_EXCEPTIONS: Final = (
    "An exception is for one host, one port and one certificate. It covers up a wrong name and "
    "does not cure it:",
    "with the server's next certificate the question is back. The cure is the host name that the "
    "certificate covers.",
)


def written(found: Sequence[Status], roots: Sequence[Root], seen: bytes | None) -> Iterator[str]:
    """The lines for a person; ``seen`` is the certificate (DER) that the server shows now."""
    if not roots:
        yield "mitmail keeps no root yet: mitmail ca export makes one."
    for root in roots:
        yield f"The root of {root.whose}: {root.title}"
    if not found:
        yield "No trust store found here. Name one: --store nss:FOLDER"
    for status in found:
        yield ""
        yield status.word if status.word == status.store else f"{status.word}, {status.store}"
        yield from (f"  {line}" for line in _store(status, roots, seen))
    if any(status.overrides for status in found):
        yield ""
        yield from _EXCEPTIONS


def _store(status: Status, roots: Sequence[Root], seen: bytes | None) -> Iterator[str]:
    if status.running:
        yield "in use by a running program: close it before anything is changed"
    for one in status.overrides:
        yield f"exception for {one.place}: {_exception(status, one, seen)}"
    if status.error:
        yield f"ERROR: {status.error}"
        return
    for root in roots:
        entry = status.entry(root)
        yield f"root of {root.whose}: {'not there' if entry is None else entry.words}"
    for change, entry in status.recorded:
        how = (
            "not there any more" if entry is None else f"{entry.words}; mitmail cleanup undoes it"
        )
        yield f"put in by mitmail: {change.title}: {how}"
    for mistake in status.mistakes:
        yield f"WRONG: {mistake.words}."
        yield f"  Do this: {mistake.fix}"


def _exception(status: Status, one: Override, seen: bytes | None) -> str:
    words = f"for the certificate {one.sha256[:16]} alone"
    if seen is None:
        return words
    if sha256(seen) == one.sha256:
        return f"{words}, the one that the server shows now"
    take_out = f"mitmail trust uninstall --store {status.store} --exception {one.place}"
    return f"{words}: STALE, the server shows {sha256(seen)[:16]} now. Take it out: {take_out}"


def as_document(
    found: Sequence[Status], roots: Sequence[Root], seen: bytes | None
) -> dict[str, Any]:
    """The same for programs; see ``DOCUMENT``."""
    return {
        "schema": 1,
        "roots": [{"root": root.word, "sha256": root.sha256} for root in roots],
        "stores": [_as_row(status, roots, seen) for status in found],
    }


def _as_row(status: Status, roots: Sequence[Root], seen: bytes | None) -> dict[str, Any]:
    rows = [(root.word, root.sha256, status.entry(root)) for root in roots]
    rows += [(change.title, change.sha256, entry) for change, entry in status.recorded]
    standings = [
        {
            "root": root,
            "sha256": fingerprint,
            "standing": "absent" if entry is None else entry.standing,
            "flags": (entry.flags if entry else "") or None,
        }
        for root, fingerprint, entry in ([] if status.error else rows)
    ]
    return {
        "name": status.word,
        "store": status.store,
        "error": status.error or None,
        "running": status.running,
        "roots": standings,
        "exceptions": [
            {
                "place": one.place,
                "sha256": one.sha256,
                "holds": None if seen is None else sha256(seen) == one.sha256,
            }
            for one in status.overrides
        ],
        "mistakes": [
            {"id": one.id, "sha256": one.sha256, "words": one.words, "fix": one.fix}
            for one in status.mistakes
        ],
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": _object(properties)}


_WORD: Final = {"type": "string"}
_WORD_OR_NULL: Final = {"type": ["string", "null"]}
_SHA256: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}

DOCUMENTS: Final[dict[str, dict[str, Any]]] = {
    "trust-status": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mitmail trust status --json",
        **_object(
            {
                "schema": {"const": 1},
                "roots": _list({"root": _WORD, "sha256": _SHA256}),
                "stores": _list(
                    {
                        "name": _WORD,
                        "store": _WORD,
                        "error": _WORD_OR_NULL,
                        "running": {"type": "boolean"},
                        "roots": _list(
                            {
                                "root": _WORD,
                                "sha256": _SHA256,
                                "standing": {"enum": [*WORDS, "absent"]},
                                "flags": _WORD_OR_NULL,
                            }
                        ),
                        "exceptions": _list(
                            {
                                "place": _WORD,
                                "sha256": _WORD,
                                "holds": {"type": ["boolean", "null"]},
                            }
                        ),
                        "mistakes": _list(
                            {"id": _WORD, "sha256": _SHA256, "words": _WORD, "fix": _WORD}
                        ),
                    }
                ),
            }
        ),
    }
}
