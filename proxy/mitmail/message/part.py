"""The MIME tree of a message (RFC 2046): which octets are which part's header and body."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from mitmail.message import header
from mitmail.message.content import Content, content

# Dovecot's limits. What is nested deeper is one opaque part; what comes after so many parts
# belongs to the last one.
DEPTH = 100
PARTS = 10_000

# RFC 2046 section 5.1.5: what a part is that does not say so.
_TEXT = Content()
DEFAULTS = {b"multipart/digest": Content(b"message", b"rfc822")}


class Span(NamedTuple):
    """The octets from ``start`` up to ``end``, offsets into the whole message."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its header with the empty line, and its body without the boundary's line end.

    ``children`` are the parts of a multipart. ``message`` is what a message/rfc822 holds: its
    header and its body together are this part's body.
    """

    header: Span
    body: Span
    content: Content
    children: tuple["Part", ...] = ()
    message: "Part | None" = None

    @property
    def inner(self) -> tuple["Part", ...]:
        """The parts one level below: the children, or the message inside."""
        return (self.message,) if self.message else self.children

    def walk(self) -> Iterator["Part"]:
        """This part and all below it, in the order of their octets."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting += reversed(part.inner)


def parse(octets: bytes) -> Part:
    """The tree of one message; it has one whatever the octets are."""
    return _Parser(octets).entity(0)


@dataclass(slots=True, eq=False)
class _Boundary:
    """The delimiter of a multipart that is open, and where it comes next."""

    delimiter: bytes
    next: int = -1
    searched: int = 0

    def find(self, octets: bytes, start: int, limit: int) -> int:
        """The first line from ``start`` up to ``limit`` that begins with it, or -1."""
        if self.next < start:
            if octets.startswith(self.delimiter, start):
                self.next = start
                return start
            since = max(start - 1, self.searched)
            found = octets.find(b"\n" + self.delimiter, since, limit + len(self.delimiter))
            self.next, self.searched = (found + 1, found + 1) if found >= 0 else (-1, limit)
        return self.next


class _Parser:
    """Reads one entity after the other; ``_at`` is the boundary line that ended the last one.

    A line that begins with the delimiter of any open multipart is a boundary (RFC 2046 section
    5.1.1). The longest one counts: some programs lengthen the outer boundary for the inner one.
    """

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._open: list[_Boundary] = []
        self._depth = 0
        self._parts = 0
        self._at = len(octets)
        self._hit: _Boundary | None = None

    def entity(self, start: int, default: Content | None = None) -> Part:
        """The part that begins here, up to a boundary that is open or the end."""
        self._parts += 1
        self._seek(start)
        text = header.text_start(self._octets, start, self._at)
        found = content(self._octets, start, self._at if text is None else text, default)
        if text is not None:
            self._depth += 1
            part = self._with_text(Span(start, text), found)
            self._depth -= 1
            if self._hit is None or self._at > text:
                return part
        return _without_text(Span(start, self._end(start)), found)

    def _with_text(self, span: Span, found: Content) -> Part:
        start, children, message = span.end, list[Part](), None
        if found.nests and self._depth >= DEPTH:
            found = replace(found, type=b"application", subtype=b"octet-stream")
        elif found.boundary is not None:
            children = self._children(start, found)
        elif found.nests:
            message = self.entity(start)
        return Part(span, Span(start, self._end(start)), found, tuple(children), message)

    def _children(self, start: int, found: Content) -> list[Part]:
        children = []
        mine = _Boundary(b"--" + (found.boundary or b""))
        self._open.append(mine)
        self._seek(start)
        while self._hit is mine and not self._octets.startswith(b"--", self._behind(mine)):
            children.append(self.entity(self._next_line(), DEFAULTS.get(found.kind, _TEXT)))
        self._open.pop()
        if self._hit is mine:
            self._seek(self._next_line())
        return children

    def _seek(self, start: int) -> None:
        self._at, self._hit = len(self._octets), None
        if self._parts > PARTS:
            return
        for boundary in self._open:
            at = boundary.find(self._octets, start, self._at)
            length = len(self._hit.delimiter) if self._hit else 0
            nearest = at < self._at or (at == self._at and len(boundary.delimiter) >= length)
            if at >= 0 and nearest:
                self._at, self._hit = at, boundary

    def _behind(self, boundary: _Boundary) -> int:
        return self._at + len(boundary.delimiter)

    def _next_line(self) -> int:
        return self._octets.find(b"\n", self._at) + 1 or len(self._octets)

    def _end(self, start: int) -> int:
        # RFC 2046 section 5.1.1: the line end before a boundary belongs to it, even when it is
        # also the empty line behind a header.
        end = self._at
        if self._hit and end > start:
            end -= 2 if self._octets.endswith(b"\r\n", start, end) else 1
        return end


def _without_text(span: Span, found: Content) -> Part:
    nothing = Span(span.end, span.end)
    message = Part(nothing, nothing, _TEXT) if found.nests and found.boundary is None else None
    return Part(span, nothing, found, (), message)
