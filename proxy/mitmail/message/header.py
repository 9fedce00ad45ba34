"""Raw RFC 5322 headers: where they end, their fields, and their text for people."""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from functools import cache
from quopri import decodestring

from mitmail.message.charset import decode

# Nobody's header field is longer; hostile ones must not cost time.
VALUE_OCTETS = 64 * 1024

_EMPTY_LINE = re.compile(rb"\r?\n")
_END = re.compile(rb"\n\r?\n")
FIELD = rb"[^\n]++(?:\n[ \t][^\n]*+)*+\n?"
# Lines up to one that begins with a name: with blanks before it, only the first does.
OTHERS = (
    rb"(?:(?!%b)(?:[^\n]*+\n|[^\n]++\Z)"
    rb"(?:(?!(?:[%b][ \t%b]*+)?+%b)(?:[^\n]*+\n|[^\n]++\Z))*+)?+"
)
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_WORD = re.compile(
    rb"=\?([^?\s]{1,40})\?([bBqQ])\?([^?\s]*)\?=(?:\s+(?==\?[^?\s]{1,40}\?[bBqQ]\?))?"
)


def header_end(octets: bytes, start: int = 0, end: int | None = None) -> int:
    """The offset of the text: behind the empty line, or the end when there is none."""
    last = len(octets) if end is None else end
    found = text_start(octets, start, last)
    return last if found is None else found


def text_start(octets: bytes, start: int, end: int) -> int | None:
    """The offset behind the empty line that ends the header between two offsets, if any."""
    found = _EMPTY_LINE.match(octets, start, end) or _END.search(octets, start, end)
    return found.end() if found else None


def fields(
    octets: bytes, start: int = 0, end: int | None = None, names: tuple[bytes, ...] = (b"",)
) -> Iterator[tuple[bytes, bytes]]:
    """Name in lower case and raw octets, with line ends, of each field of a header.

    ``end`` is where the text begins; without it the header is that of a message at ``start``.
    Only fields are given whose names begin with one of ``names``, in lower case: of a hostile
    header with millions of others nothing is made.
    """
    last = header_end(octets, start) if end is None else end
    field = _beginning(names)
    at = start
    while found := field.match(octets, at, last):
        raw, at = found[1], found.end()
        if raw.strip():
            yield raw.partition(b":")[0].strip().lower(), raw


@cache
def _beginning(names: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """A field of these names, behind all that are none."""
    plain = b"(?:%b)" % b"|".join(map(re.escape, names))
    blank = rb"\r\v\f"
    name = rb"[ \t%b]*+" % blank + plain
    return re.compile(
        OTHERS % (name, blank, blank, plain) + rb"(?=%b)(%b)" % (name, FIELD), re.IGNORECASE
    )


def values(octets: bytes, name: bytes) -> list[bytes]:
    """The unfolded values of a message's fields of this name, each at most ``VALUE_OCTETS``."""
    return [unfold(raw) for found, raw in fields(octets) if found == name.lower()]


def unfold(raw: bytes) -> bytes:
    """A raw field's value without folds and surrounding blanks (RFC 5322 section 2.2.3)."""
    return _FOLD.sub(b"", raw.partition(b":")[2][:VALUE_OCTETS]).strip()


def readable(value: bytes) -> str:
    """A value with its encoded words decoded (RFC 2047); what cannot be decoded stays."""
    return _WORD.sub(_decoded, value).decode("utf-8", "replace")


def _decoded(word: re.Match[bytes]) -> bytes:
    charset, encoding, text = word.groups()
    try:
        if encoding in b"bB":
            octets = b64decode(text + b"=" * (-len(text) % 4))
        else:
            octets = decodestring(text, header=True)
        decoded = decode(octets, charset.partition(b"*")[0])
    except (Base64Error, ValueError):
        return word.group()
    return word.group() if decoded is None else decoded.encode()
