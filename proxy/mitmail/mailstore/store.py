"""One user's mailboxes, in memory, shared by SMTP delivery, IMAP and POP3."""

import hmac
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mitmail.errors import MitmailError

MESSAGE_OCTETS = 64 * 1024 * 1024
STORE_OCTETS = 1024 * 1024 * 1024
MAILBOX_MESSAGES = 10_000
MAILBOXES = 1_000
KEYWORDS = 100
NAME_LENGTH = 255

SYSTEM_FLAGS = (r"\Answered", r"\Flagged", r"\Deleted", r"\Seen", r"\Draft")
SPECIAL_USE = {"Sent": r"\Sent", "Drafts": r"\Drafts", "Trash": r"\Trash"}


class StoreError(MitmailError):
    """The store refuses: over quota, no such mailbox, the name is taken.

    ``code`` is the IMAP response code of RFC 5530 (``OVERQUOTA``, ``NONEXISTENT``, ...).
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(eq=False, slots=True)
class Message:
    """A stored message: ``octets`` exactly as they came, line ends included.

    Flags change only through ``Mailbox.set_flags``, which tells the sessions.
    """

    uid: int
    octets: bytes
    internal_date: datetime
    flags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Submission:
    """A mail that was sent through SMTP to someone who has no mailbox here."""

    sender: str
    recipients: tuple[str, ...]
    octets: bytes


class Quota:
    """How many octets the whole store holds."""

    def __init__(self, limit: int = STORE_OCTETS) -> None:
        self.limit = limit
        self.used = 0

    def take(self, *messages: bytes) -> None:
        """Count messages in, all or none; raises ``StoreError`` (OVERQUOTA)."""
        if any(len(message) > MESSAGE_OCTETS for message in messages):
            raise StoreError("OVERQUOTA", f"A message is larger than {MESSAGE_OCTETS} octets")
        octets = sum(map(len, messages))
        if self.used + octets > self.limit:
            raise StoreError("OVERQUOTA", f"The store is full: {self.limit} octets")
        self.used += octets

    def release(self, message: bytes) -> None:
        """Count one message out."""
        self.used -= len(message)


class Mailbox:
    """A mailbox: messages by UID in ascending order.

    ``revision`` grows with every change, and every observer is then called, in the loop's
    thread. ``keywords`` maps the lower-case form of a keyword to its first spelling.
    """

    def __init__(self, name: str, uidvalidity: int, quota: Quota, special_use: str = "") -> None:
        self.name = name
        self.uidvalidity = uidvalidity
        self.special_use = special_use
        self.uidnext = 1
        self.recent_from = 1
        self.messages: dict[int, Message] = {}
        self.keywords: dict[str, str] = {}
        self.observers: set[Callable[[], None]] = set()
        self.revision = 0
        self._quota = quota

    def add(
        self, octets: bytes, flags: Iterable[str] = (), internal_date: datetime | None = None
    ) -> Message:
        """Append one message; raises ``StoreError`` (OVERQUOTA, LIMIT)."""
        return self.add_all([Message(0, octets, internal_date or now(), frozenset(flags))])[0]

    def add_all(self, originals: Collection[Message]) -> list[Message]:
        """Append copies of messages, all or none; raises ``StoreError`` (OVERQUOTA, LIMIT)."""
        if len(self.messages) + len(originals) > MAILBOX_MESSAGES:
            raise StoreError("OVERQUOTA", f"{self.name} is full: {MAILBOX_MESSAGES} messages")
        flags = [self.spell(original.flags) for original in originals]
        self._quota.take(*(original.octets for original in originals))
        added = []
        for original, spelled in zip(originals, flags, strict=True):
            message = Message(self.uidnext, original.octets, original.internal_date, spelled)
            self.messages[message.uid] = message
            self.uidnext += 1
            added.append(message)
        self._changed()
        return added

    def remove(self, messages: Iterable[Message]) -> None:
        """Expunge messages; those that are gone already do no harm."""
        for message in messages:
            if self.messages.pop(message.uid, None) is not None:
                self._quota.release(message.octets)
        self._changed()

    def set_flags(self, message: Message, flags: frozenset[str]) -> None:
        """Replace a message's flags, which ``spell`` has spelled."""
        if flags != message.flags:
            message.flags = flags
            self._changed()

    def spell(self, flags: Iterable[str]) -> frozenset[str]:
        """Flags in the mailbox's one spelling; new keywords are kept (LIMIT: too many)."""
        flags = list(flags)
        new = {flag.lower(): flag for flag in flags if not flag.startswith("\\")}
        if not new.keys() <= self.keywords.keys():
            if len(self.keywords | new) > KEYWORDS:
                raise StoreError("LIMIT", f"{self.name} holds at most {KEYWORDS} keywords")
            self.keywords |= {key: flag for key, flag in new.items() if key not in self.keywords}
            self._changed()
        return frozenset(self.keywords.get(flag.lower(), flag) for flag in flags)

    def _changed(self) -> None:
        self.revision += 1
        for observer in tuple(self.observers):
            observer()


class Store:
    """One user's mail: INBOX, Sent, Drafts, Trash and what the user makes.

    Lives in one event loop and is called only from its thread. ``messages`` are put into
    INBOX; ``sent`` holds what was addressed to somebody else. Without ``keeps`` mail that is
    submitted is accepted and forgotten. Raises ``StoreError``.
    """

    def __init__(
        self, user: str, password: str, *, messages: Iterable[bytes] = (), keeps: bool = True
    ) -> None:
        self.user = user
        self._password = password
        self._quota = Quota()
        self._uidvalidity = int(time.time())
        self.mailboxes: dict[str, Mailbox] = {}
        self.subscribed: set[str] = set()
        self.sent: list[Submission] = []
        self._keeps = keeps
        for name in ("INBOX", *SPECIAL_USE):
            self.create(name).special_use = SPECIAL_USE.get(name, "")
            self.subscribe(name)
        for message in messages:
            self.deliver(message)

    @property
    def inbox(self) -> Mailbox:
        """The mailbox that delivery fills and POP3 shows."""
        return self.mailboxes["INBOX"]

    def authenticate(self, user: bytes, password: bytes) -> bool:
        """Whether these are the user's name and password, octet for octet."""
        known = hmac.compare_digest(user, self.user.encode())
        return hmac.compare_digest(password, self._password.encode()) and known

    def deliver(self, message: bytes) -> Message:
        """Put a message into INBOX; raises ``StoreError`` (OVERQUOTA)."""
        return self.inbox.add(message)

    def submit(self, sender: str, recipients: Sequence[str], octets: bytes) -> None:
        """Deliver to the user's own addresses; keep the rest in ``sent``."""
        if not self._keeps:
            return
        others = tuple(address for address in recipients if not self.is_local(address))
        if len(others) < len(recipients):
            self.deliver(octets)
        if others:
            if len(self.sent) >= MAILBOX_MESSAGES:
                raise StoreError("OVERQUOTA", f"{MAILBOX_MESSAGES} mails were sent already")
            self._quota.take(octets)
            self.sent.append(Submission(sender, others, octets))

    def is_local(self, address: str) -> bool:
        """Whether mail for this address belongs into INBOX: any name at the user's domain."""
        at, domain = self.user.rpartition("@")[1:]
        same_domain = bool(at) and address.lower().endswith(at + domain.lower())
        return same_domain or address.lower() == self.user.lower()

    def mailbox(self, name: str) -> Mailbox:
        """The mailbox of this name, INBOX in any case (NONEXISTENT: there is none)."""
        found = self.mailboxes.get(_canonical(name))
        if found is None:
            raise StoreError("NONEXISTENT", "There is no such mailbox")
        return found

    def create(self, name: str) -> Mailbox:
        """Make a mailbox and the superiors it lacks (ALREADYEXISTS, CANNOT, LIMIT)."""
        name = _checked(name)
        if name in self.mailboxes:
            raise StoreError("ALREADYEXISTS", "The mailbox exists already")
        parts = name.split("/")
        paths = ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
        missing = [path for path in map(_canonical, paths) if path not in self.mailboxes]
        if len(self.mailboxes) + len(missing) > MAILBOXES:
            raise StoreError("LIMIT", f"At most {MAILBOXES} mailboxes")
        for path in missing:
            self._uidvalidity += 1
            self.mailboxes[path] = Mailbox(path, self._uidvalidity, self._quota)
        return self.mailboxes[name]

    def delete(self, name: str) -> None:
        """Delete a mailbox and its messages (CANNOT: INBOX; HASCHILDREN: RFC 9051)."""
        mailbox = self.mailbox(name)
        if mailbox is self.inbox:
            raise StoreError("CANNOT", "INBOX stays")
        if self.children(mailbox.name):
            raise StoreError("HASCHILDREN", "Delete the mailboxes below it first")
        mailbox.remove(list(mailbox.messages.values()))
        del self.mailboxes[mailbox.name]

    def rename(self, old: str, new: str) -> None:
        """Rename a mailbox and those below it; INBOX is emptied into the new one instead."""
        source, target = self.mailbox(old), _checked(new)
        if source is self.inbox:
            messages = list(source.messages.values())
            self.create(target).add_all(messages)
            source.remove(messages)
            return
        if target.startswith(source.name + "/"):
            raise StoreError("CANNOT", "A mailbox cannot move below itself")
        top = source.name
        names = {name: target + name.removeprefix(top) for name in (top, *self.children(top))}
        for name in names.values():
            _checked(name)
        self.create(target)
        for old_name, new_name in names.items():
            self.mailboxes[new_name] = self.mailboxes.pop(old_name)
            self.mailboxes[new_name].name = new_name

    def children(self, name: str) -> list[str]:
        """The names of all mailboxes below this one."""
        return [other for other in self.mailboxes if other.startswith(name + "/")]

    def subscribe(self, name: str) -> None:
        """Add an existing mailbox to the subscriptions (NONEXISTENT, LIMIT)."""
        if len(self.subscribed) >= MAILBOXES:
            raise StoreError("LIMIT", f"At most {MAILBOXES} subscriptions")
        self.subscribed.add(self.mailbox(name).name)

    def unsubscribe(self, name: str) -> None:
        """Drop a subscription, whether or not the mailbox still exists."""
        self.subscribed.discard(_canonical(name))


def now() -> datetime:
    """The moment as INTERNALDATE can tell it."""
    return datetime.now(UTC).replace(microsecond=0)


def _canonical(name: str) -> str:
    return "INBOX" if name.upper() == "INBOX" else name


def _checked(name: str) -> str:
    name = _canonical(name.removesuffix("/"))
    if not name.isascii() or not name.isprintable() or set("*%") & set(name):
        raise StoreError("CANNOT", "A name is printable ASCII (modified UTF-7) without * and %")
    if len(name) > NAME_LENGTH or "" in name.split("/"):
        raise StoreError("CANNOT", f"A name has 1 to {NAME_LENGTH} characters, levels by /")
    return name
