"""What the trust stores of a machine hold of mitmail's roots, read and never assumed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from mitmail.errors import MitmailError
from mitmail.trust import lock, override
from mitmail.trust.entry import Entry
from mitmail.trust.journal import Change
from mitmail.trust.mistake import Mistake, mistakes, relevant
from mitmail.trust.nss import Database
from mitmail.trust.override import Override
from mitmail.trust.root import Root
from mitmail.trust.store import TrustStore


@dataclass(frozen=True, slots=True)
class Status:
    """One store: how our roots stand in it, the stored exceptions, the mistakes.

    ``word`` is what a person calls it, ``store`` its exact name. ``entries`` are all that have to
    do with our roots. ``recorded`` are the other roots that mitmail has put into it, of a file or
    not kept any more, and how they stand; None is one that is not there any more. ``error`` says
    why it could not be read.
    """

    word: str
    store: str
    entries: Sequence[Entry] = ()
    overrides: Sequence[Override] = ()
    mistakes: Sequence[Mistake] = ()
    recorded: Sequence[tuple[Change, Entry | None]] = ()
    running: bool = False
    error: str = ""
    is_nss: bool = field(default=False, compare=False)

    def entry(self, root: Root) -> Entry | None:
        """How a root stands in it; None where it is not in."""
        return next((one for one in self.entries if one.sha256 == root.sha256), None)

    def trusts(self, root: Root) -> bool:
        """Whether it trusts a root."""
        found = self.entry(root)
        return found is not None and found.standing == "trusted"


def look(
    word: str, store: TrustStore, roots: Sequence[Root], changes: Sequence[Change] = ()
) -> Status:
    """Look into one store; what cannot be read is said, not raised. ``changes`` are on record."""
    status = Status(word, store.word, is_nss=isinstance(store, Database))
    try:
        if isinstance(store, Database):
            # What needs no certutil is shown without it, too.
            status = replace(
                status,
                overrides=override.overrides(store.folder),
                running=lock.is_open(store.folder),
            )
        entries = list(store.entries(relevant(store.certificates(), roots)))
        found = list(mistakes(store, entries, roots))
        recorded = list(_recorded(store, roots, changes))
    except MitmailError as error:
        return replace(status, error=str(error))
    return replace(status, entries=entries, mistakes=found, recorded=recorded)


def _recorded(
    store: TrustStore, roots: Sequence[Root], changes: Sequence[Change]
) -> Iterator[tuple[Change, Entry | None]]:
    shown = {root.sha256 for root in roots}
    ours = {x.sha256: x for x in changes if x.store == store.word and x.sha256 not in shown}
    entries = {one.sha256: one for one in store.entries(list(ours))} if ours else {}
    for fingerprint, change in ours.items():
        yield change, entries.get(fingerprint)


def across(found: Sequence[Status], roots: Iterable[Root], platform: str) -> list[Status]:
    """Add what only shows in all of them together: a root in the store that nobody asks."""
    system = next((one for one in found if one.store == "system" and not one.error), None)
    if system is None or platform in ("win32", "darwin"):
        return list(found)
    wrong = [root for root in roots if system.trusts(root)]
    return [
        replace(one, mistakes=[*one.mistakes, *(_wrong_store(one, root) for root in wrong)])
        if one.is_nss and not one.error and not all(one.trusts(root) for root in wrong)
        else one
        for one in found
    ]


def _wrong_store(one: Status, root: Root) -> Mistake:
    return Mistake(
        "wrong-store", root.sha256,
        f"the root of {root.whose} is in the system's store, which Thunderbird and Firefox on "
        "Linux do not read",
        f"mitmail trust install {root.word} --store {one.store}",
    )  # fmt: skip
