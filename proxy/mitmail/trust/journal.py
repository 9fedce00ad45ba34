"""The record of every change to a trust store, by SHA-256, so that each can be undone."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from mitmail.errors import MitmailError
from mitmail.pki import file

FILE: Final = "trust-journal.json"
EXCEPTION: Final = "exception:"

_STORE: Final = re.compile(r"system|(nss|java|policies|exception):[^\0]+")
_HEX: Final = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change: in which store, to which certificate or exception, and what was there before.

    ``was`` is None where nothing was; ``details`` are the store's own. ``at`` is when, UTC.
    """

    store: str
    sha256: str
    title: str
    at: str
    was: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


class Journal:
    """The changes that are not undone yet, the oldest first, in a folder's file (0600).

    A change is on record before it is made: whatever interrupts it, it can be undone. Safe for
    several processes. Every method raises MitmailError that names the file when it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def changes(self) -> list[Change]:
        """What stands in it."""
        content = file.read(self.path)
        if content is None:
            return []
        try:
            document = json.loads(content)
            if document["schema"] != 1:
                raise ValueError(f"schema {document['schema']} is not known")
            # Half of a surrogate pair can be read, and not be shown.
            json.dumps(document, ensure_ascii=False).encode()
            changes = [Change(**each) for each in document["changes"]]
            for number, each in enumerate(changes, 1):
                if wrong := _wrong(each):
                    raise ValueError(f"change {number}: {wrong}")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            said = "nested too deeply" if isinstance(error, RecursionError) else error
            raise MitmailError(
                f"{self.path}: damaged ({said}); it lists what mitmail has put into trust "
                "stores: mend it, or look through them by mitmail trust status and move it away"
            ) from None
        return changes

    def add(self, change: Change) -> None:
        """Have a change on record; it is made thereafter."""
        self._edit(lambda changes: [*changes, change])

    def replace(self, old: Change, new: Change) -> None:
        """Say more of a change."""
        self._edit(lambda changes: [new if each == old else each for each in changes])

    def drop(self, change: Change) -> None:
        """Forget a change that is undone."""
        self._edit(lambda changes: [each for each in changes if each != change])

    def _edit(self, edit: Callable[[list[Change]], list[Change]]) -> None:
        file.make_folder(self.path.parent)
        with file.locked(self.path.with_name(f".{self.path.name}.lock")):
            changes = edit(self.changes())
            if changes:
                rows = [asdict(each) for each in changes]
                content = json.dumps({"schema": 1, "changes": rows}, indent=1)
                file.write(self.path, content.encode() + b"\n", 0o600)
            else:
                file.remove(self.path)


def _wrong(change: Change) -> str | None:
    """The member that is not what mitmail writes; undoing it would be a guess."""
    details = change.details
    words = (change.store, change.sha256, change.title, change.at)
    if not all(isinstance(one, str) for one in words) or not _STORE.fullmatch(change.store):
        return "its store, sha256, title or at is none"
    if not _HEX.fullmatch(change.sha256):
        return "its sha256 is none"
    if change.was is not None and not isinstance(change.was, str):
        return "its was is no text"
    if not isinstance(details, dict):
        return "its details are none"
    if change.store.startswith("policies:"):
        had = details.get("had", [])
        whole = isinstance(had, list) and all(isinstance(one, str) for one in had)
        whole = whole and isinstance(details.get("folder"), bool)
        whole = whole and (details.get("before", "") is None or _is_base64(details.get("before")))
    else:
        named = ("line", "before", "after") if change.store.startswith(EXCEPTION) else ()
        whole = all(_is_base64(details.get(name)) for name in named)
    return None if whole else "its details are not those of its store"


def _is_base64(found: object) -> bool:
    try:
        return isinstance(found, str) and base64.b64decode(found, validate=True) is not None
    except ValueError:
        return False
