"""What one IMAP session has been told about its selected mailbox."""

from collections.abc import Iterator

from mitmail.mailstore.imap_sequence import SequenceSet
from mitmail.mailstore.store import SYSTEM_FLAGS, Mailbox, Message


class View:
    """The numbered messages of one session, and what it knows of their flags.

    Other sessions change the mailbox at any moment; ``updates`` says what this one must hear.
    """

    def __init__(self, mailbox: Mailbox, *, read_only: bool) -> None:
        self.mailbox = mailbox
        self.read_only = read_only
        self.messages: list[Message] = []
        self._told: dict[int, frozenset[str]] = {}
        self._recent: set[int] = set()
        self._uidnext = 1
        self._keywords = len(mailbox.keywords)
        self._revision = -1
        self._take_new()

    @property
    def recent(self) -> int:
        r"""How many messages are \Recent in this session."""
        return len(self._recent)

    def flags(self, message: Message) -> frozenset[str]:
        r"""A message's flags with \Recent, which belongs to the session."""
        return message.flags | {r"\Recent"} if message.uid in self._recent else message.flags

    def is_recent(self, message: Message) -> bool:
        r"""Whether this session is the first to hear of the message."""
        return message.uid in self._recent

    def numbered(self, chosen: SequenceSet, *, by_uid: bool) -> list[tuple[int, Message]] | None:
        """The chosen messages with their numbers; None when a number is beyond the last one."""
        if not by_uid:
            ranges = chosen.resolved(len(self.messages))
            low, high = ranges.span
            if low < 1 or high > len(self.messages):
                return None
            return [
                (number, self.messages[number - 1])
                for first, last in ranges.pairs
                for number in range(first, last + 1)
            ]
        ranges = chosen.resolved(self.messages[-1].uid if self.messages else 0)
        return [
            (number, message)
            for number, message in enumerate(self.messages, 1)
            if message.uid in ranges
        ]

    def told(self, message: Message) -> None:
        """The client knows this message's flags as they are now."""
        if message.uid in self._told:
            self._told[message.uid] = message.flags

    def updates(self, *, expunges: bool) -> list[str]:
        """Untagged responses for what has changed; without ``expunges``, numbers stay."""
        if self._revision == self.mailbox.revision:
            return []
        return list(self._updates(expunges=expunges))

    def _updates(self, *, expunges: bool) -> Iterator[str]:
        complete = True
        if expunges:
            yield from self._expunged()
        else:
            complete = all(message.uid in self.mailbox.messages for message in self.messages)
        if self._take_new():
            yield f"{len(self.messages)} EXISTS"
            yield f"{len(self._recent)} RECENT"
        if len(self.mailbox.keywords) != self._keywords:
            self._keywords = len(self.mailbox.keywords)
            yield self.flags_response()
        yield from self._changed_flags()
        self._revision = self.mailbox.revision if complete else -1

    def flags_response(self) -> str:
        """The FLAGS response: every flag that the mailbox knows."""
        return f"FLAGS ({' '.join([*SYSTEM_FLAGS, *self.mailbox.keywords.values()])})"

    def fetch_flags(self, number: int, message: Message) -> str:
        """The FETCH response with a message's flags."""
        flags = " ".join(sorted(self.flags(message)))
        return f"{number} FETCH (UID {message.uid} FLAGS ({flags}))"

    def _expunged(self) -> Iterator[str]:
        for number in range(len(self.messages), 0, -1):
            uid = self.messages[number - 1].uid
            if uid not in self.mailbox.messages:
                del self.messages[number - 1], self._told[uid]
                self._recent.discard(uid)
                yield f"{number} EXPUNGE"

    def _take_new(self) -> bool:
        new = []
        for message in reversed(self.mailbox.messages.values()):
            if message.uid < self._uidnext:
                break
            new.append(message)
        for message in reversed(new):
            self.messages.append(message)
            self._told[message.uid] = message.flags
            if message.uid >= self.mailbox.recent_from:
                self._recent.add(message.uid)
        self._uidnext = self.mailbox.uidnext
        if not self.read_only:
            self.mailbox.recent_from = self._uidnext
        return bool(new)

    def _changed_flags(self) -> Iterator[str]:
        for number, message in enumerate(self.messages, 1):
            if message.flags is not self._told[message.uid]:
                changed = message.flags != self._told[message.uid]
                self._told[message.uid] = message.flags
                if changed:
                    yield self.fetch_flags(number, message)
