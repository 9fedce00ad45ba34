"""A message with what an antivirus writes into it; every other octet stays as it is."""

from binascii import b2a_qp
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import Header

from mitmail.message.field import block_end, placed
from mitmail.message.footer import Splice, footers
from mitmail.message.part import Part

LINE = 998  # RFC 5322 section 2.1.1
_REPLACED = (
    b"content-type", b"content-transfer-encoding", b"content-disposition", b"content-description",
    b"content-md5",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What is written into a message.

    ``headers`` are lines for the end of the header block; ``subject`` goes before the subject;
    ``footer`` comes below the text. ``notice`` takes the place of each part of ``instead_of``,
    and of the content of those parts only.
    """

    headers: tuple[str, ...] = ()
    subject: str = ""
    footer: str = ""
    spare_signed: bool = False
    instead_of: tuple[Part, ...] = ()
    notice: str = ""


def edited(octets: bytes, message: Part, edit: Edit) -> bytes:
    """Carry the edit out on a message, whose tree this is."""
    splices = list(_splices(octets, message, edit))
    return _joined(octets, splices) if splices else octets


def _splices(octets: bytes, message: Part, edit: Edit) -> Iterator[Splice]:
    lines = [line.encode("ascii", "replace") + b"\r\n" for line in edit.headers]
    if edit.subject:
        found = next(placed(octets, *message.header, (b"subject",)), None)
        if found is None:
            lines.insert(0, b"Subject: " + _words(edit.subject) + b"\r\n")
        else:
            yield _prefixed(octets, found.start, found.end, _words(edit.subject))
    gone = edit.instead_of
    if message in gone:
        yield from _replaced(octets, message, edit.notice, lines)
        return
    for part in gone:
        yield from _replaced(octets, part, edit.notice, [])
    if lines:
        yield _added(octets, message, lines)
    if edit.footer:
        for each in footers(octets, message, edit.footer, spare_signed=edit.spare_signed):
            if not any(part.body.start <= each.start <= part.body.end for part in gone):
                yield each


def _words(text: str) -> bytes:
    return text.encode() if text.isascii() else Header(text, "utf-8").encode().encode()


def _prefixed(octets: bytes, start: int, end: int, prefix: bytes) -> Splice:
    colon = octets.index(b":", start, end) + 1
    follows = octets[colon : colon + 1]
    first = octets.find(b"\n", colon, end)
    long = (first if first >= 0 else end) - start + len(prefix) > LINE
    gap = b"\r\n" if long and follows in (b" ", b"\t") else b""
    gap = gap or (b"" if follows in (b" ", b"\t", b"\r", b"\n", b"") else b" ")
    return Splice(colon, colon, b" " + prefix + gap)


def _added(octets: bytes, part: Part, lines: list[bytes]) -> Splice:
    at = block_end(octets, *part.header)
    torn = at > part.header.start and octets[at - 1 : at] != b"\n"
    return Splice(at, at, b"\r\n" * torn + b"".join(lines))


def _replaced(octets: bytes, part: Part, notice: str, lines: list[bytes]) -> Iterator[Splice]:
    fields = list(placed(octets, *part.header, (*_REPLACED, b"mime-version")))
    for each in fields:
        if each.name in _REPLACED:
            yield Splice(each.start, each.end, b"")
    if lines and all(each.name != b"mime-version" for each in fields):
        lines = [b"MIME-Version: 1.0\r\n", *lines]
    text = notice.replace("\n", "\r\n").encode()
    encoding = b"7bit" if notice.isascii() else b"quoted-printable"
    if not notice.isascii():
        text = b2a_qp(text).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    about = [
        b'Content-Type: text/plain; charset="utf-8"\r\n',
        b"Content-Transfer-Encoding: " + encoding + b"\r\n",
    ]
    yield _added(octets, part, [*about, *lines])
    whole = part.body.end == len(octets)
    empty_line = b"" if block_end(octets, *part.header) < part.header.end else b"\r\n"
    yield Splice(*part.body, empty_line + text + b"\r\n" * whole)


def _joined(octets: bytes, splices: list[Splice]) -> bytes:
    result, at = [], 0
    for start, end, text in sorted(splices, key=lambda each: each[:2]):
        result += [octets[at:start], text]
        at = max(at, end)
    return b"".join([*result, octets[at:]])
