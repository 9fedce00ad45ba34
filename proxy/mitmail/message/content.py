"""What the Content- fields of a part say (RFC 2045, 2183, 2231), read as far as they can be."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mitmail.message import header

# RFC 2045 section 5.1, token; 8-bit octets are let through as mail programs write them.
_TOKEN = rb"[^\x00-\x20\x7f()<>@,;:\\\"/\[\]?=]+"
_TYPE = re.compile(rb"\s*(%b)\s*(?:/\s*(%b)\s*(;|\Z)?)?" % (_TOKEN, _TOKEN))
_WORD = re.compile(rb"\s*(%b)\s*" % _TOKEN)
# The value may also be a bare encoded word, which is wrong (RFC 2047 section 5) and common.
_PARAMETER = re.compile(
    rb';\s*(?P<name>%b)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"?'
    rb"|(?P<bare>=[^;\s]*|(?:%b)?))" % (_TOKEN, _TOKEN),
    re.DOTALL,
)
_QUOTED_OR_COMMENT = re.compile(rb'"(?:[^"\\]|\\.)*"?|\\.|[()]', re.DOTALL)
_PIECE = re.compile(rb"([^*]+)\*(?:(\d{1,9})(\*?))?\Z")

_NAMES = (
    b"content-type", b"content-transfer-encoding", b"content-id", b"content-description",
    b"content-md5", b"content-disposition", b"content-language", b"content-location",
    b"mime-version",
)  # fmt: skip
BOUNDARY_OCTETS = 80  # RFC 2046 allows 70; Dovecot reads 80

type Parameters = tuple[tuple[bytes, bytes], ...]


class _Piece(NamedTuple):
    """One of the pieces of a continued parameter."""

    number: int
    name: bytes
    star: bool
    text: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """The Content- fields of one part, as written; None where there is no readable one.

    ``type`` and ``subtype`` are what to take the part for, in the header's own case. Each field
    counts where it comes first. ``mime`` is false for a message with neither MIME-Version nor
    Content-Type: it is no MIME (RFC 2045 section 4), but programs decode it all the same.
    """

    type: bytes = b"text"
    subtype: bytes = b"plain"
    parameters: Parameters = ()
    encoding: bytes | None = None
    id: bytes | None = None
    description: bytes | None = None
    md5: bytes | None = None
    disposition: tuple[bytes, Parameters] | None = None
    language: tuple[bytes, ...] = ()
    location: bytes | None = None
    mime: bool = True

    @property
    def kind(self) -> bytes:
        """Type and subtype in lower case: ``b"text/html"``."""
        return self.type.lower() + b"/" + self.subtype.lower()

    @property
    def is_text(self) -> bool:
        """Whether the type is ``text``."""
        return self.type.lower() == b"text"

    @property
    def is_multipart(self) -> bool:
        """Whether the type is ``multipart``; without a boundary it has no parts all the same."""
        return self.type.lower() == b"multipart"

    @property
    def boundary(self) -> bytes | None:
        """What separates the parts of a multipart; None when there are none."""
        found = self.parameter(b"boundary") if self.is_multipart else None
        return None if found is None else found[:BOUNDARY_OCTETS]

    @property
    def nests(self) -> bool:
        """Whether there are parts inside: a multipart with a boundary, or a message."""
        return self.boundary is not None or self.kind == b"message/rfc822"

    def parameter(self, name: bytes) -> bytes | None:
        """The first parameter of this name, in any case."""
        return next((value for key, value in self.parameters if key.lower() == name), None)


def content(octets: bytes, start: int, end: int, default: Content | None = None) -> Content:
    """Read the Content- fields of the header between two offsets.

    ``default`` is what a part of a multipart is without Content-Type (RFC 2046 section 5.1.5).
    Without it the header is a message's own.
    """
    found: dict[bytes, bytes] = {}
    for name, raw in header.fields(octets, start, end, (b"content-", b"mime-version")):
        if name in _NAMES and name not in found:
            found[name] = header.unfold(raw)
    mime = default is not None or bool(found.keys() & {b"mime-version", b"content-type"})
    default = default or Content()
    stated = found.get(b"content-type")
    kind, subtype, parameters = default.type, default.subtype, default.parameters
    if stated is not None:
        kind, subtype, parameters = _type(stated)
    return Content(
        kind,
        subtype,
        parameters,
        _token(found.get(b"content-transfer-encoding")),
        found.get(b"content-id"),
        found.get(b"content-description"),
        found.get(b"content-md5"),
        _disposition(found.get(b"content-disposition")),
        tuple(_languages(found.get(b"content-language"))),
        found.get(b"content-location"),
        mime,
    )


def _type(value: bytes) -> tuple[bytes, bytes, Parameters]:
    value = _without_comments(value)
    found = _TYPE.match(value)
    if found is None:
        return b"", b"", ()
    complete = found[2] is not None and found[3] is not None
    return found[1], found[2] or b"", _parameters(value) if complete else ()


def _disposition(value: bytes | None) -> tuple[bytes, Parameters] | None:
    value = _without_comments(value or b"")
    found = _WORD.match(value)
    return (found[1], _parameters(value)) if found else None


def _token(value: bytes | None) -> bytes | None:
    found = _WORD.fullmatch(_without_comments(value or b""))
    return found[1] if found else None


def _languages(value: bytes | None) -> Iterator[bytes]:
    for word in _without_comments(value or b"").split(b","):
        found = _WORD.match(word)
        if found is None:
            return
        yield found[1]
        if found.end() < len(word):
            return


def _parameters(value: bytes) -> Parameters:
    plain: list[tuple[bytes, bytes]] = []
    pieces: dict[bytes, list[_Piece]] = {}
    for name, text in _written(value):
        found = _PIECE.match(name)
        if found:
            star = found[2] is None or bool(found[3])
            piece = _Piece(int(found[2] or 0), found[1], star, text)
            pieces.setdefault(found[1].lower(), []).append(piece)
        else:
            plain.append((name, text))
    return (*plain, *_joined(pieces))


def _written(value: bytes) -> Iterator[tuple[bytes, bytes]]:
    for found in _PARAMETER.finditer(value):
        if found["quoted"] is not None:
            yield found["name"], re.sub(rb"\\(.)", rb"\1", found["quoted"], flags=re.DOTALL)
        else:
            yield found["name"], found["bare"]


def _joined(pieces: dict[bytes, list[_Piece]]) -> Iterator[tuple[bytes, bytes]]:
    """Continued parameters in one piece (RFC 2231 section 3); a character set keeps its star."""
    for _, parts in sorted(pieces.items()):
        parts.sort(key=lambda piece: piece.number)
        if [piece.number for piece in parts] != list(range(len(parts))):
            yield from ((b"%b*%d%b" % (p.name, p.number, b"*" * p.star), p.text) for p in parts)
            continue
        starred = any(piece.star for piece in parts)
        texts = (p.text.replace(b"%", b"%25") if starred and not p.star else p.text for p in parts)
        yield parts[0].name + b"*" * starred, b"".join(texts)


def _without_comments(value: bytes) -> bytes:
    if b"(" not in value:
        return value
    kept, depth, at = bytearray(), 0, 0
    for found in _QUOTED_OR_COMMENT.finditer(value):
        sign = found.group()
        if depth and sign.startswith(b'"'):
            continue
        if not depth:
            kept += value[at : found.start()]
        at = found.end()
        if sign == b"(":
            depth += 1
        elif sign == b")" and depth:
            depth -= 1
        elif not depth:
            kept += sign
    return bytes(kept) + (b"" if depth else value[at:])
