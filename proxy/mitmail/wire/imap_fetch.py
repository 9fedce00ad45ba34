"""FETCH (RFC 9051 section 6.4.5, 7.5.2; BINARY 3516): the command, and the response to it."""

import re
from dataclasses import dataclass, replace

_COMMAND = re.compile(
    rb"(?P<tag>[^\s]+) +(?P<uid>UID +)?FETCH +(?P<set>[0-9*:,$]+) +(?P<items>.+?) *\r?\n\Z",
    re.IGNORECASE | re.DOTALL,
)
_RESPONSE = re.compile(rb"\* +(\d{1,10}) +FETCH +\(", re.IGNORECASE)
_LITERAL = re.compile(rb"~?\{(\d{1,15})\+?\}\r?\n")
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ATOM = re.compile(rb"[^\s()\[\]{}\"<>]+")
_BARE = re.compile(rb"[^\s()\"]+")
_PARTIAL = re.compile(rb"<(\d{1,19})(?:\.(\d{1,19}))?>")
_BLANK = re.compile(rb"[ \t\r\n]*")
_UNESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_MACROS = {
    "ALL": b"FLAGS INTERNALDATE RFC822.SIZE ENVELOPE",
    "FAST": b"FLAGS INTERNALDATE RFC822.SIZE",
    "FULL": b"FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY",
}


class NotFetch(ValueError):
    """These octets are no FETCH that can be read."""


@dataclass(frozen=True, slots=True)
class Item:
    """One data item: its name in upper case, what stands in brackets, and the partial.

    ``section`` has its strings quoted or bare, no literals. ``raw`` is the whole of it.
    """

    name: str
    section: str | None = None
    partial: tuple[int, int | None] | None = None

    @property
    def raw(self) -> bytes:
        """As it is asked for."""
        count = self.partial[1] if self.partial else None
        span = f"<{self.partial[0]}.{count}>" if self.partial else ""
        return f"{self.name}{self._bracketed}{span}".encode("latin-1")

    @property
    def label(self) -> bytes:
        """As it stands in the response."""
        name = self.name.replace(".PEEK", "")
        origin = f"<{self.partial[0]}>" if self.partial and name != "BINARY.SIZE" else ""
        return f"{name}{self._bracketed}{origin}".encode("latin-1")

    @property
    def _bracketed(self) -> str:
        return "" if self.section is None else f"[{self.section}]"


@dataclass(frozen=True, slots=True)
class Fetch:
    """A FETCH command: ``modifiers`` are what stands in parentheses behind the items."""

    tag: bytes
    uid: bool
    numbers: bytes
    items: tuple[Item, ...]
    modifiers: bytes = b""

    @property
    def verb(self) -> bytes:
        """FETCH or UID FETCH."""
        return b"UID FETCH" if self.uid else b"FETCH"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A FETCH response: the message's number, and each label with its value in the raw."""

    number: int
    items: tuple[tuple[Item, bytes], ...]

    def value(self, name: str) -> bytes | None:
        """The value of the first item of this name."""
        return next((value for item, value in self.items if item.name == name), None)


def read(command: bytes) -> Fetch:
    """Read a whole FETCH command, its literals included; raises NotFetch."""
    found = _COMMAND.fullmatch(command)
    if found is None:
        raise NotFetch
    octets = found["items"]
    macro = _MACROS.get(octets.decode("latin-1").upper())
    cursor = _Cursor(macro or octets)
    if macro is not None:
        items = cursor.series()
    elif cursor.accept(b"("):
        items = cursor.series()
        cursor.expect(b")")
    else:
        items = [cursor.item()]
    rest = cursor.rest()
    if rest and not (rest.startswith(b"(") and rest.endswith(b")")):
        raise NotFetch
    return Fetch(found["tag"], found["uid"] is not None, found["set"], tuple(items), rest)


def is_response(line: bytes) -> bool:
    """Whether a FETCH response begins here."""
    return _RESPONSE.match(line) is not None


def response(octets: bytes) -> Fetched:
    """Read a whole FETCH response; raises NotFetch."""
    found = _RESPONSE.match(octets)
    if found is None:
        raise NotFetch
    cursor = _Cursor(octets, found.end())
    items = []
    while not cursor.accept(b")"):
        item = cursor.item()
        cursor.blank()
        items.append((item, cursor.value()))
        cursor.blank()
    return Fetched(int(found[1]), tuple(items))


def string(value: bytes) -> bytes | None:
    """The octets of a literal or quoted string; None of NIL."""
    if literal := _LITERAL.match(value):
        return value[literal.end() :]
    if quoted := _QUOTED.fullmatch(value):
        return _UNESCAPED.sub(rb"\1", quoted[1])
    return None


class _Cursor:
    def __init__(self, octets: bytes, at: int = 0) -> None:
        self._octets = octets
        self._at = at

    def accept(self, sign: bytes) -> bool:
        found = self._octets.startswith(sign, self._at)
        self._at += len(sign) * found
        return found

    def expect(self, sign: bytes) -> None:
        if not self.accept(sign):
            raise NotFetch

    def blank(self) -> None:
        self._match(_BLANK)

    def rest(self) -> bytes:
        return self._octets[self._at :].strip()

    def series(self) -> list[Item]:
        items = []
        self.blank()
        while self._at < len(self._octets) and self._octets[self._at : self._at + 1] != b")":
            items.append(self._with_arguments(self.item()))
            self.blank()
        if not items:
            raise NotFetch
        return items

    def _with_arguments(self, item: Item) -> Item:
        # RFC 8970: PREVIEW (LAZY).
        self.blank()
        if not self._octets.startswith(b"(", self._at):
            return item
        return replace(item, name=f"{item.name} {self.value().decode('latin-1')}")

    def item(self) -> Item:
        name = self._match(_ATOM)[0].decode("latin-1").upper()
        section = self._section() if self.accept(b"[") else None
        partial = _PARTIAL.match(self._octets, self._at)
        if partial is None:
            return Item(name, section)
        self._at = partial.end()
        return Item(name, section, (int(partial[1]), int(partial[2]) if partial[2] else None))

    def _section(self) -> str:
        written = []
        while not self.accept(b"]"):
            if literal := _LITERAL.match(self._octets, self._at):
                end = literal.end() + int(literal[1])
                text = self._octets[literal.end() : end].replace(b"\\", b"\\\\")
                written.append(b'"' + text.replace(b'"', b'\\"') + b'"')
                self._at = end
            elif quoted := _QUOTED.match(self._octets, self._at):
                written.append(quoted[0])
                self._at = quoted.end()
            else:
                written.append(self._one())
        return b"".join(written).decode("latin-1")

    def _one(self) -> bytes:
        if self._at >= len(self._octets) or self._octets[self._at : self._at + 1] == b'"':
            raise NotFetch
        self._at += 1
        return self._octets[self._at - 1 : self._at]

    def value(self) -> bytes:
        start, depth = self._at, 0
        while True:
            if self.accept(b"("):
                depth += 1
            elif depth and self.accept(b")"):
                depth -= 1
            elif literal := _LITERAL.match(self._octets, self._at):
                self._at = literal.end() + int(literal[1])
                if self._at > len(self._octets):
                    raise NotFetch
            elif quoted := _QUOTED.match(self._octets, self._at):
                self._at = quoted.end()
            else:
                self._match(_BARE)
            if not depth:
                return self._octets[start : self._at]
            self.blank()

    def _match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        found = pattern.match(self._octets, self._at)
        if found is None:
            raise NotFetch
        self._at = found.end()
        return found
