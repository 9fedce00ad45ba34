"""The grammar of IMAP commands (RFC 3501 section 9): a cursor over one command."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from mitmail.mailstore import imap_sequence
from mitmail.mailstore.imap_sequence import SequenceSet
from mitmail.mailstore.store import SYSTEM_FLAGS

FLAG_LENGTH = 255

_LITERAL = re.compile(rb"\{(\d{1,10})(\+?)\}\r\n")

_ATOM = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
_ASTRING = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\]+')
_PATTERN = re.compile(rb'[^\x00-\x20\x7f-\xff(){"\\]+')
_QUOTED = re.compile(rb'"((?:[^"\\\r\n\0]|\\["\\])*)"')
_NUMBER = re.compile(rb"\d{1,10}(?!\d)")
_SEQUENCE_SET = re.compile(rb"[\d*:,]+")
_FLAG = re.compile(rb'\\?[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
_SYSTEM_FLAGS = {flag.lower(): flag for flag in SYSTEM_FLAGS}


class BadError(Exception):
    """The command is answered with BAD and this text."""


class Arguments:
    """What follows a command's name, read from left to right; raises ``BadError``.

    ``text`` keeps each literal's ``{n}`` and line end; the octets are in ``literals``.
    """

    def __init__(self, text: bytes, literals: Iterable[bytes] = ()) -> None:
        self._text = text
        self._at = 0
        self._literals = iter(literals)

    def end(self) -> None:
        """Nothing may follow."""
        if self._at < len(self._text):
            raise BadError("Unexpected text at the end")

    def space(self) -> None:
        """One space."""
        if not self.accept(b" "):
            raise BadError("Space expected" if self._text else "Argument expected")

    def accept(self, text: bytes) -> bool:
        """Whether this text comes next, in any case; if so, it is read."""
        found = self.looks_at(text)
        self._at += len(text) * found
        return found

    def looks_at(self, text: bytes) -> bool:
        """Whether this text comes next, in any case."""
        return self._text[self._at : self._at + len(text)].upper() == text

    def more(self) -> bool:
        """Whether a space and another argument follow; the space is read."""
        return self.accept(b" ")

    def word(self) -> str:
        """An atom in upper case."""
        return self._match(_ATOM, "Word")[0].decode().upper()

    def number(self) -> int:
        """A number of at most 32 bits."""
        number = int(self._match(_NUMBER, "Number")[0])
        if number > imap_sequence.HIGHEST:
            raise BadError("The number is too large")
        return number

    def string(self) -> bytes:
        """A quoted string or a literal."""
        if self.looks_at(b'"'):
            return re.sub(rb'\\(["\\])', rb"\1", self._match(_QUOTED, "Quoted string")[1])
        return self.literal()

    def literal(self) -> bytes:
        """A literal."""
        self._match(_LITERAL, "Literal or string")
        literal = next(self._literals, None)
        if literal is None:
            raise BadError("Literal expected")
        return literal

    def astring(self) -> bytes:
        """An atom, which may hold ``]``, or a string."""
        return self._atom_or_string(_ASTRING)

    def pattern(self) -> str:
        """A mailbox name with wildcards (list-mailbox)."""
        return self._name(self._atom_or_string(_PATTERN))

    def mailbox(self) -> str:
        """A mailbox name, still in modified UTF-7."""
        return self._name(self.astring())

    def nil(self) -> bool:
        """Whether NIL comes next; if so, it is read."""
        return self.accept(b"NIL")

    def sequence_set(self) -> SequenceSet:
        """A sequence set."""
        found = imap_sequence.parse(self._match(_SEQUENCE_SET, "Sequence set")[0])
        if found is None:
            raise BadError("Not a sequence set")
        return found

    def starts_sequence_set(self) -> bool:
        """Whether a digit or ``*`` comes next."""
        return _SEQUENCE_SET.match(self._text, self._at) is not None

    def flag(self) -> str:
        r"""A keyword or a system flag but ``\Recent``, in the standard's spelling."""
        flag = self._match(_FLAG, "Flag")[0].decode()
        if flag.startswith("\\") and flag.lower() not in _SYSTEM_FLAGS:
            raise BadError("There is no such system flag for clients to set")
        if len(flag) > FLAG_LENGTH:
            raise BadError("The keyword is too long")
        return _SYSTEM_FLAGS.get(flag.lower(), flag)

    def flags(self) -> list[str]:
        """Flags in parentheses, or bare ones up to the end."""
        return self.listed(self.flag) if self.looks_at(b"(") else self.series(self.flag)

    def listed[T](self, item: Callable[[], T]) -> list[T]:
        """Items in parentheses with one space between; there may be none."""
        with self.parentheses():
            return [] if self.looks_at(b")") else self.series(item)

    def some[T](self, item: Callable[[], T]) -> list[T]:
        """One or more items in parentheses."""
        with self.parentheses():
            return self.series(item)

    def series[T](self, item: Callable[[], T]) -> list[T]:
        """One or more items with one space between."""
        items = [item()]
        while self.more():
            items.append(item())
        return items

    @contextmanager
    def parentheses(self) -> Iterator[None]:
        """Read the parentheses around what the block reads."""
        self.expect(b"(")
        yield
        self.expect(b")")

    def expect(self, text: bytes) -> None:
        """Read exactly this."""
        if not self.accept(text):
            raise BadError(f"{text.decode()} expected")

    def rest(self) -> bytes:
        """All text that is left."""
        rest, self._at = self._text[self._at :], len(self._text)
        return rest

    def _match(self, pattern: re.Pattern[bytes], name: str) -> re.Match[bytes]:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise BadError(f"{name} expected")
        self._at = found.end()
        return found

    def _atom_or_string(self, atom: re.Pattern[bytes]) -> bytes:
        if self.looks_at(b'"') or self.looks_at(b"{"):
            return self.string()
        return self._match(atom, "String")[0]

    def _name(self, octets: bytes) -> str:
        try:
            return octets.decode("ascii")
        except UnicodeDecodeError:
            raise BadError("Mailbox names are in modified UTF-7") from None
