"""The fields of a header with their places, for whoever changes one of them."""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from mitmail.message.header import OTHERS, text_start

_BLANK = rb"\v\f"
_GAP = rb"[ \t%b]*+" % _BLANK
_REST = rb"[^\n]*+(?:\n[ \t][^\n]*+)*+\n?"


class Field(NamedTuple):
    """One field: its name in lower case, its first octet, and the one behind its line end."""

    name: bytes
    start: int
    end: int


def placed(octets: bytes, start: int, end: int, names: tuple[bytes, ...]) -> Iterator[Field]:
    """The fields of these names, in the header between two offsets."""
    at, last = start, block_end(octets, start, end)
    field = _named(names)
    while found := field.match(octets, at, last):
        at = found.end()
        yield Field(found["name"].lower(), found.start(1), at)


@cache
def _named(names: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """A field of these names, behind all that are none."""
    # Names that begin alike are told from others by one comparison: a header may have millions.
    stems: dict[bytes, list[bytes]] = {}
    for each in names:
        stem, dash, rest = each.partition(b"-")
        stems.setdefault(re.escape(stem + dash), []).append(re.escape(rest))
    either = b"|".join(stem + b"(?:%b)" % b"|".join(rests) for stem, rests in stems.items())
    end = _GAP + rb"(?=[:\r\n]|\Z)"
    plain = b"(?:%b)" % either + end
    found = b"(" + _GAP + rb"(?P<name>%b)" % either + end + _REST + b")"
    return re.compile(OTHERS % (_GAP + plain, _BLANK, _BLANK, plain) + found, re.IGNORECASE)


def block_end(octets: bytes, start: int, end: int) -> int:
    """Where another field may be written: before the empty line, or at the end without one."""
    text = text_start(octets, start, end)
    if text is None:
        return end
    return text - (2 if octets.endswith(b"\r\n", start, text) else 1)
