"""The built-in rule: the EICAR test file, wherever a message carries it."""

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from mitmail.message.part import Part, parse
from mitmail.message.transfer import decoded

# In two pieces: as a whole it would have this file taken away by the reader's own scanner.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
NAME = "EICAR-Test-File"

DEPTH = 4  # messages in parts and archives in archives
FILES = 200  # of all archives of a message
UNPACKED = 32 * 1024 * 1024  # octets of all files of all archives of a message
_ARCHIVE = b"PK\x03\x04"
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)
# Of the others zipfile unpacks all that it has read at once, however much that becomes.
_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_TEXT = (b"7bit", b"8bit", b"binary")


@dataclass(frozen=True, slots=True)
class Threat:
    """What was found, and the parts of the message that hold it; none: it is outside of them."""

    name: str
    parts: tuple[Part, ...]


def find(octets: bytes, message: Part) -> Threat | None:
    """Look for the test file in a message, whose tree this is; all parts that have it.

    Archives are read up to ``UNPACKED`` octets, ``FILES`` files and ``DEPTH`` levels; of their
    files, those that are stored or deflated.
    """
    search = _Search()
    parts = list[Part]()
    for part in message.walk():
        inside = parts and part.body.end <= parts[-1].body.end
        if not inside and search.in_part(octets, part, 0):
            parts.append(part)
    if EICAR in b"\n".join(_around(octets, parts)):
        return Threat(NAME, ())
    return Threat(NAME, tuple(parts)) if parts else None


def _around(octets: bytes, parts: list[Part]) -> Iterator[bytes]:
    at = 0
    for part in parts:
        yield octets[at : part.body.start]
        at = part.body.end
    yield octets[at:]


class _Search:
    def __init__(self) -> None:
        self._octets = UNPACKED
        self._files = FILES

    def in_part(self, octets: bytes, part: Part, depth: int) -> bool:
        encoding = (part.content.encoding or b"7bit").lower()
        if part.inner and encoding in _TEXT:
            return False  # what is inside comes by itself
        content = decoded(octets, part)
        if content is None:
            return False
        if part.content.kind == b"message/rfc822" and depth < DEPTH:
            inner = parse(content)
            return any(self.in_part(content, each, depth + 1) for each in inner.walk())
        return self._in_content(content, depth)

    def _in_content(self, content: bytes, depth: int) -> bool:
        if EICAR in content:
            return True
        return depth < DEPTH and _ARCHIVE in content and self._in_archive(content, depth + 1)

    def _in_archive(self, content: bytes, depth: int) -> bool:
        try:
            with zipfile.ZipFile(BytesIO(content)) as archive:
                return any(self._in_file(archive, each, depth) for each in archive.infolist())
        except _BROKEN:
            return False

    def _in_file(self, archive: zipfile.ZipFile, file: zipfile.ZipInfo, depth: int) -> bool:
        if self._files <= 0 or self._octets <= 0:
            return False
        self._files -= 1
        if file.compress_type not in _BOUNDED:
            return False
        try:
            with archive.open(file) as stream:
                content = stream.read(self._octets)
        except (*_BROKEN, NotImplementedError):
            return False
        self._octets -= len(content)
        return self._in_content(content, depth)
