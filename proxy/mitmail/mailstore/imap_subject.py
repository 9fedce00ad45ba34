"""The message that a command asks about, described when it is asked."""

from functools import cached_property

from mitmail.mailstore.imap_view import View
from mitmail.mailstore.store import Message
from mitmail.message import text
from mitmail.message.part import Part, parse


class Subject:
    """One message in the eyes of one session; what it holds is read once, and only if needed."""

    def __init__(self, view: View, number: int, message: Message) -> None:
        self.view = view
        self.number = number
        self.message = message

    @property
    def octets(self) -> bytes:
        """The message as it came."""
        return self.message.octets

    @property
    def flags(self) -> frozenset[str]:
        r"""The flags, with \Recent."""
        return self.view.flags(self.message)

    @property
    def recent(self) -> bool:
        """Whether this session is the first to hear of the message."""
        return self.view.is_recent(self.message)

    @cached_property
    def tree(self) -> Part:
        """The MIME tree."""
        return parse(self.octets)

    @cached_property
    def bodies(self) -> list[str]:
        """The text of the bodies, of any case alike."""
        return [text.casemap(found) for found in text.bodies(self.octets, self.tree)]

    @cached_property
    def headers(self) -> list[str]:
        """The text of all headers, of any case alike."""
        return [text.casemap(found) for found in text.headers(self.octets, self.tree)]
