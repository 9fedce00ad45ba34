"""The fields of a header with their places, for whoever changes one of them."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from mitmail.message.header import text_start

_FIELD = re.compile(rb"([^\r\n:]*):?[^\n]*(?:\n[ \t][^\n]*)*\n?")


class Field(NamedTuple):
    """One field: its name in lower case, its first octet, and the one behind its line end."""

    name: bytes
    start: int
    end: int


def placed(octets: bytes, start: int, end: int) -> Iterator[Field]:
    """The fields of the header between two offsets, without the empty line."""
    at, last = start, block_end(octets, start, end)
    while at < last:
        found = _FIELD.match(octets, at, last)
        assert found is not None
        if found.end() == at:
            return
        yield Field(found[1].strip().lower(), at, found.end())
        at = found.end()


def block_end(octets: bytes, start: int, end: int) -> int:
    """Where another field may be written: before the empty line, or at the end without one."""
    text = text_start(octets, start, end)
    if text is None:
        return end
    return text - (2 if octets.endswith(b"\r\n", start, text) else 1)
