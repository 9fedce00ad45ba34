"""Changes to trust stores, each on record before it is made, and each of them undone again."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from mitmail.errors import CannotJudgeError, MitmailError
from mitmail.trust import override
from mitmail.trust.address import Machine
from mitmail.trust.journal import EXCEPTION, Change, Journal
from mitmail.trust.nss import Database
from mitmail.trust.override import Override, Removal
from mitmail.trust.policy import Policies
from mitmail.trust.root import Root, admit
from mitmail.trust.store import ChangedError, TrustStore

_FILE: Final = ("before", "folder")
# How a program copies the root of a policy into its profile (measured with Thunderbird 153).
_COPY: Final = "CT,C,"

type Result = Literal["done", "changed", "gone", "failed"]


@dataclass(frozen=True, slots=True)
class Undone:
    """What became of undoing one change: a sentence, and whether it is off the record now."""

    change: Change
    words: str
    result: Result


class Keeper:
    """Who changes trust stores, and keeps the journal of it in the data folder."""

    def __init__(self, folder: Path, machine: Machine) -> None:
        self.journal = Journal(folder)
        self._machine = machine

    def install(self, root: Root, store: TrustStore) -> bool:
        """Have a root trusted: False where it is already.

        Raises MitmailError for a root that may not go there, CannotJudgeError.
        """
        admit(root, store.reach, store.word)
        was = store.state(root.sha256)
        if store.trusts(was):
            return False
        change = Change(
            store=store.word,
            sha256=root.sha256,
            title=root.title,
            at=_now(),
            was=was,
            details=self._details(root, store),
        )
        self.journal.add(change)
        try:
            store.install(root)
        except MitmailError:
            if store.state(root.sha256) == was:
                self.journal.drop(change)
            raise
        if not store.trusts(store.state(root.sha256)):
            raise CannotJudgeError(f"{store.word}: read back, the root is not trusted")
        return True

    def uninstall(self, fingerprint: str, store: TrustStore) -> str:
        """Take a certificate out of a store, or make of it what it was before; in a few words.

        One that is not on record has been put there by somebody else, and is taken out for good.
        """
        ours = self._on_record(store.word, fingerprint)
        if not ours:
            store.remove(fingerprint)
            return "taken out"
        said = [self._undo(change, store) for change in reversed(ours)]
        return said[-1]

    def remove_exception(self, profile: Path, place: str, *, for_good: bool) -> Override:
        """Take out the stored exception for ``HOST:PORT``; on record unless it is for good."""
        removal = override.removal(profile, place)
        change = Change(
            store=f"{EXCEPTION}{profile.resolve()}",
            sha256=removal.override.sha256,
            title=f"the exception for {removal.override.place}",
            at=_now(),
            was=removal.override.place,
            details={
                name: base64.b64encode(octets).decode()
                for name, octets in (
                    ("line", removal.override.line),
                    ("before", removal.before),
                    ("after", removal.after),
                )
            },
        )
        if not for_good:
            self.journal.add(change)
        try:
            override.take_out(profile, removal)
        except MitmailError:
            self.journal.drop(change)
            raise
        return removal.override

    def cleanup(self) -> Iterator[Undone]:
        """Undo every change on record, the last one first; what cannot be undone holds up none."""
        for change in reversed(self.journal.changes()):
            yield self._tried(change)

    def _tried(self, change: Change) -> Undone:
        place = change.store.partition(":")[2]
        if place and not Path(place).exists() and not change.store.startswith("policies:"):
            return Undone(change, f"{place} is gone", "gone")
        try:
            if change.store.startswith(EXCEPTION):
                return Undone(change, self._put_back(change, Path(place)), "done")
            return Undone(change, self._undo(change, self._machine.store(change.store)), "done")
        except ChangedError as error:
            # It is somebody else's by now.
            self.journal.drop(change)
            return Undone(change, str(error), "changed")
        except MitmailError as error:
            return Undone(change, str(error), "failed")

    def _undo(self, change: Change, store: TrustStore) -> str:
        changes = self.journal.changes()
        later = [x for x in changes[changes.index(change) + 1 :] if x.store == change.store]
        copied, others = self._copied(change)
        for database in copied:
            database.remove(change.sha256)
        words = store.undo(change, later)
        if copied:
            words += f"; so are the copies that the program had made in {_listed(copied)}"
        if others:
            words += f"; left, for no program copies it with these trust bits: {_listed(others)}"
        if later:
            # What the file was before this one is what it was before the next, now; which profiles
            # had the root is of each root's own.
            file = {name: change.details[name] for name in _FILE if name in change.details}
            self.journal.replace(later[0], replace(later[0], details=later[0].details | file))
        self.journal.drop(change)
        return words

    def _details(self, root: Root, store: TrustStore) -> dict[str, Any]:
        details = dict(store.details())
        if isinstance(store, Policies):
            details["had"] = [one.word for one in self._holders(root.sha256)]
        return details

    def _copied(self, change: Change) -> tuple[list[Database], list[Database]]:
        """The profiles into which a program has copied the root of a policy, and those into which
        somebody else has put it since.

        A program copies it at its start, and keeps it when the policy is gone.
        """
        if "had" not in change.details:
            return [], []
        elsewhere = {one.store for one in self.journal.changes() if one.sha256 == change.sha256}
        had = elsewhere | set(change.details["had"])
        new = [one for one in self._holders(change.sha256) if one.word not in had]
        copies = [one for one in new if one.state(change.sha256) == _COPY]
        return copies, [one for one in new if one not in copies]

    def _holders(self, fingerprint: str) -> list[Database]:
        """The known profiles that hold a certificate."""
        folders = [one.folder for one in self._machine.profiles()]
        found = [Database(folder) for folder in folders if (folder / "cert9.db").is_file()]
        return [one for one in found if one.state(fingerprint) is not None]

    def _put_back(self, change: Change, profile: Path) -> str:
        line, before, after = (
            base64.b64decode(change.details[name]) for name in ("line", "before", "after")
        )
        one = Override(change.was or "", change.sha256, line)
        done = override.put_back(profile, Removal(one, before, after))
        self.journal.drop(change)
        if done:
            return "put back"
        return "left as it is: there is another one for the same host and port"

    def _on_record(self, store: str, fingerprint: str) -> Sequence[Change]:
        changes = self.journal.changes()
        return [x for x in changes if (x.store, x.sha256) == (store, fingerprint)]


def _listed(stores: Sequence[TrustStore]) -> str:
    return ", ".join(store.word for store in stores)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
