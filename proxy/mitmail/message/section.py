"""The sections of a message (RFC 3501 section 6.4.5): the octets that BODY[...] names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mitmail.message import header
from mitmail.message.part import Part, Span, parse

FIELDS = ("HEADER.FIELDS", "HEADER.FIELDS.NOT")
TEXTS = ("", "HEADER", "TEXT", "MIME", *FIELDS)

_SECTION = re.compile(
    r"(?P<path>[1-9]\d{0,9}(?:\.[1-9]\d{0,9})*)?(?P<dot>\.)?(?P<text>[A-Z.]+)?"
    r"(?: \((?P<names>[^()]+)\))?"
)
_NAMES = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s"]+)')


@dataclass(frozen=True, slots=True)
class Section:
    """A part, by numbers from the whole message down, and which of its octets are meant.

    ``text`` is one of ``TEXTS``; ``names`` are those of HEADER.FIELDS. ``str`` gives what
    stands between the brackets.
    """

    path: tuple[int, ...] = ()
    text: str = ""
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        named = f" ({' '.join(self.names)})" if self.names else ""
        return ".".join([*map(str, self.path), *([self.text] if self.text else [])]) + named

    @classmethod
    def read(cls, text: str) -> "Section | None":
        """Read what stands between the brackets; None when it is no section."""
        found = _SECTION.fullmatch(text.upper())
        if found is None:
            return None
        path = tuple(int(number) for number in (found["path"] or "").split(".") if number)
        names = _NAMES.findall(text[slice(*found.span("names"))]) if found["names"] else []
        section = cls(path, found["text"] or "", tuple(quoted or bare for quoted, bare in names))
        right = bool(found["path"] and found["text"]) == bool(found["dot"])
        return section if right and section.valid else None

    @property
    def valid(self) -> bool:
        """Whether the grammar allows it: MIME needs a part, HEADER.FIELDS names."""
        numbered = bool(self.path) or self.text != "MIME"
        return self.text in TEXTS and numbered and bool(self.names) == (self.text in FIELDS)

    def part(self, message: Part) -> Part | None:
        """The part whose octets these are, in the tree of a message, if there is one.

        HEADER and TEXT behind a number belong to the message inside of that part.
        """
        found: Part | None = message
        for position, number in enumerate(self.path):
            found = _step(found, number, first=position == 0) if found else None
        inside = self.path and self.text not in ("", "MIME")
        return found.message if found and inside else found

    def octets(self, octets: bytes, message: Part | None = None) -> memoryview | None:
        """The octets of this section of a message; None when there is no such part.

        ``message`` is the message's tree, for whoever has it already.
        """
        if self.path:
            found = self.part(message or parse(octets))
            if found is None:
                return None
            head, body = found.header, found.body
        else:
            text = header.header_end(octets)
            head, body = Span(0, text), Span(text, len(octets))
        if self.text in FIELDS:
            complete = header.text_start(octets, *head) is not None
            return memoryview(b"".join([*self._fields(octets, head), b"\r\n" * complete]))
        whole = body if self.path else Span(0, len(octets))
        span = {"": whole, "TEXT": body}.get(self.text, head)
        return memoryview(octets)[span.start : span.end]

    def _fields(self, octets: bytes, head: Span) -> Iterator[bytes]:
        wanted = {name.lower().encode() for name in self.names}
        only = tuple(sorted(wanted)) if self.text == "HEADER.FIELDS" else (b"",)
        for name, raw in header.fields(octets, *head, only):
            if (name in wanted) == (self.text == "HEADER.FIELDS"):
                yield raw


def _step(part: Part, number: int, *, first: bool) -> Part | None:
    holder = part if first else part.message or part
    if holder.content.is_multipart:
        return holder.children[number - 1] if number <= len(holder.children) else None
    # The one part of a message that is no multipart is number 1.
    return holder if number == 1 and (first or part.message) else None
