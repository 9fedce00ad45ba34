"""The text of a message as people read it and search it: decoded, and of any case alike."""

import unicodedata
from collections.abc import Iterator
from datetime import date
from email.utils import parsedate

from mitmail.message import charset, header
from mitmail.message.part import Part
from mitmail.message.transfer import decoded

_TEXTUAL = (b"text", b"message")


class _Casemap(dict[int, str]):
    """Titlecase, then decomposed, of every letter that was ever asked for."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        title = letter.title()
        self[code] = unicodedata.normalize("NFKD", title if len(title) == 1 else letter)
        return self[code]


_CASEMAP = _Casemap()


def casemap(text: str) -> str:
    """Text of which equal letters are equal, as i;unicode-casemap has it (RFC 5051)."""
    return text.upper() if text.isascii() else text.translate(_CASEMAP)


def field(value: bytes) -> str:
    """A field's unfolded value, its encoded words decoded and its blanks single."""
    return " ".join(header.readable(value).split())


def day(value: bytes) -> date | None:
    """The day that a Date field names, whatever its time zone; None when it names none."""
    try:
        found = parsedate(value.decode("ascii", "replace"))
        return date(*found[:3]) if found else None
    except (ValueError, IndexError, TypeError, OverflowError):
        return None


def bodies(octets: bytes, tree: Part) -> Iterator[str]:
    """The text of each part that is text, or a message and no more than text."""
    for part in tree.walk():
        if part.content.type.lower() in _TEXTUAL and not part.inner:
            yield _body(octets, part)


def headers(octets: bytes, tree: Part) -> Iterator[str]:
    """The text of each field of every header."""
    for part in tree.walk():
        for name, raw in header.fields(octets, *part.header):
            yield f"{name.decode('latin-1')}: {field(header.unfold(raw))}"


def _body(octets: bytes, part: Part) -> str:
    body = decoded(octets, part) or b""
    name = part.content.parameter(b"charset") or b"utf-8"
    text = charset.decode(body, name, "replace")
    return body.decode("utf-8", "replace") if text is None else text
