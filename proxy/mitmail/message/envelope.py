"""ENVELOPE (RFC 3501 section 7.4.2): a message's header in the raw, as a list."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mitmail.message import header
from mitmail.message.nstring import nstring

TEXTS = (b"date", b"subject", b"in-reply-to", b"message-id")
ADDRESSES = (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc")

_TOKEN = re.compile(
    rb'"(?P<quoted>(?:[^"\\]|\\.)*)"?'
    rb"|(?P<comment>\()"
    rb"|(?P<special>[<>,;:])"
    rb"|(?P<text>(?:\[[^\]]*\]?|[^\s\"(<>,;:\[])+)"
    rb"|\s+",
    re.DOTALL,
)


def envelope(octets: bytes, start: int = 0, end: int | None = None) -> bytes:
    """The ENVELOPE of a message; header text stays as it is, encoded words and all.

    ``start`` and ``end`` are those of the header when the message lies inside another one.
    """
    values: dict[bytes, list[bytes]] = {}
    for name, raw in header.fields(octets, start, end, (*TEXTS, *ADDRESSES)):
        if name in ADDRESSES or (name in TEXTS and name not in values):
            values.setdefault(name, []).append(header.unfold(raw))
    found = {name: b",".join(texts)[: header.VALUE_OCTETS] for name, texts in values.items()}
    sender = found.get(b"from")
    parts = [
        nstring(found.get(b"date")),
        nstring(found.get(b"subject")),
        _addresses(sender),
        _addresses(found.get(b"sender") or sender),
        _addresses(found.get(b"reply-to") or sender),
        *(_addresses(found.get(name)) for name in (b"to", b"cc", b"bcc")),
        nstring(found.get(b"in-reply-to")),
        nstring(found.get(b"message-id")),
    ]
    return b"(" + b" ".join(parts) + b")"


@dataclass(slots=True)
class _Address:
    """An address while it is read: words outside of angles, inside of them, comments."""

    words: list[bytes] = field(default_factory=list)
    angle: list[bytes] | None = None
    comment: bytes | None = None
    inside: bool = False

    def add(self, text: bytes) -> None:
        if self.inside and text == b">":
            self.inside = False
        elif self.inside and self.angle is not None:
            self.angle.append(text)
        elif self.angle is None:
            self.words.append(text)

    def written(self) -> bytes:
        if self.angle is None and not self.words:
            return b""
        spec = b"".join(self.words if self.angle is None else self.angle)
        name = self.comment if self.angle is None else b" ".join(self.words) or self.comment
        route = None
        if spec.startswith(b"@") and b":" in spec:
            route, _, spec = spec.partition(b":")
        mailbox, at, host = spec.rpartition(b"@")
        parts = (name, route, mailbox if at else spec, host if at else b"")
        return b"(" + b" ".join(map(nstring, parts)) + b")"


def _addresses(value: bytes | None) -> bytes:
    written = b"".join(_written(value or b""))
    return b"(" + written + b")" if written else b"NIL"


def _written(value: bytes) -> Iterator[bytes]:
    address, in_group = _Address(), False
    for kind, text in _tokens(value):
        if kind == "comment":
            address.comment = text
        elif address.inside or kind != "special":
            address.add(text)
        elif text == b"<":
            address.angle, address.inside = [], True
        elif text == b":":
            in_group = True
            yield b"(NIL NIL " + nstring(b" ".join(address.words)) + b" NIL)"
            address = _Address()
        elif text in b",;":
            yield address.written()
            address = _Address()
            if text == b";" and in_group:
                in_group = False
                yield b"(NIL NIL NIL NIL)"
    yield address.written()
    if in_group:
        yield b"(NIL NIL NIL NIL)"


def _tokens(value: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at < len(value):
        found = _TOKEN.match(value, at)
        assert found is not None
        at = found.end()
        if found.lastgroup == "comment":
            text, at = _comment(value, at)
            yield "comment", text
        elif found.lastgroup == "quoted":
            yield "quoted", re.sub(rb"\\(.)", rb"\1", found["quoted"], flags=re.DOTALL)
        elif found.lastgroup:
            yield found.lastgroup, found.group()


def _comment(value: bytes, start: int) -> tuple[bytes, int]:
    depth, at = 1, start
    while at < len(value) and depth:
        depth += {b"(": 1, b")": -1}.get(value[at : at + 1], 0)
        at += 2 if value[at : at + 1] == b"\\" else 1
    return value[start : at if depth else at - 1].strip(), at
