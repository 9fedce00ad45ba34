"""Raw RFC 5322 headers: where they end, their fields, and their text for people."""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from quopri import decodestring

# Nobody's header field is longer; hostile ones must not cost time.
VALUE_OCTETS = 64 * 1024

_END = re.compile(rb"\A\r?\n|\r?\n\r?\n")
_FIELD = re.compile(rb"[^\n]+(?:\n[ \t][^\n]*)*\n?")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_WORD = re.compile(
    rb"=\?([^?\s]{1,40})\?([bBqQ])\?([^?\s]*)\?=(?:\s+(?==\?[^?\s]{1,40}\?[bBqQ]\?))?"
)


def header_end(octets: bytes) -> int:
    """The offset of the text: behind the empty line, or the end when there is none."""
    found = _END.search(octets)
    return found.end() if found else len(octets)


def fields(octets: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name in lower case and raw octets, with line ends, of each field of a message."""
    for found in _FIELD.finditer(octets, 0, header_end(octets)):
        raw = found.group()
        if raw.strip():
            yield raw.partition(b":")[0].strip().lower(), raw


def values(octets: bytes, name: bytes) -> list[bytes]:
    """The unfolded values of all fields of this name, each at most ``VALUE_OCTETS``."""
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
        return octets.decode(charset.partition(b"*")[0].decode("ascii")).encode()
    except (Base64Error, LookupError, ValueError):
        return word.group()
