"""A footer below the text of a message, in each form that the text has."""

import re
from binascii import b2a_base64, b2a_qp
from collections.abc import Iterator
from html import escape
from typing import NamedTuple

from mitmail.message.header import text_start
from mitmail.message.part import Part
from mitmail.message.transfer import decoded

LINE = 76
_ENDS_OF_HTML = [
    re.compile(rb".*(</%b\s*+>)" % name, re.IGNORECASE | re.DOTALL) for name in (b"body", b"html")
]
_FAR = 1000  # lines to look back for a place between two whole groups of base64
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\r\n]*")
_PGP = b"-----BEGIN PGP "
_IDENTITY = (b"7bit", b"8bit", b"binary")


class Splice(NamedTuple):
    """Octets that take the place of those between two offsets."""

    start: int
    end: int
    octets: bytes


def footers(octets: bytes, message: Part, footer: str, *, spare_signed: bool) -> Iterator[Splice]:
    """The splices that put ``footer`` below the text of a message, plain and HTML.

    A text whose encoding or character set cannot be written to stays without, and so does a
    header without text.
    """
    for part in _texts(message, spare_signed=spare_signed):
        if spare_signed and _PGP in octets[slice(*part.body)]:
            continue
        if part.body.start == part.body.end and text_start(octets, *part.header) is None:
            continue  # where no empty line ends the header, text would be a field of it
        written = _footed(octets, part, footer, last=part.body.end == len(octets))
        if written is not None:
            yield written


def _texts(part: Part, *, spare_signed: bool) -> Iterator[Part]:
    """The parts that a reader sees as the text of the message."""
    kind = part.content.kind
    disposition = part.content.disposition
    if disposition is not None and disposition[0].lower() == b"attachment":
        return
    if kind in (b"text/plain", b"text/html"):
        yield part
    elif kind == b"multipart/alternative":
        for child in part.children:
            yield from _texts(child, spare_signed=spare_signed)
    elif kind == b"multipart/signed" and spare_signed:
        return
    elif part.children and kind not in (b"multipart/encrypted", b"multipart/digest"):
        yield from _texts(part.children[0], spare_signed=spare_signed)


def _footed(octets: bytes, part: Part, footer: str, *, last: bool) -> Splice | None:
    encoding = (part.content.encoding or b"7bit").lower()
    is_html = part.content.kind == b"text/html"
    text = _html(footer) if is_html else footer
    lines = _encoded(text, part, ascii_only=encoding == b"7bit")
    if lines is None:
        return None
    if encoding == b"base64":
        return _in_base64(octets, part, lines, is_html=is_html)
    if encoding == b"quoted-printable":
        lines = b"\r\n".join(_quoted(line) for line in lines.split(b"\r\n"))
    elif encoding not in _IDENTITY:
        return None
    start, end = part.body
    at = _place(octets[start:end], is_html=is_html) + start
    before = octets[start:at]
    if before.endswith((b"=", b"=\r\n", b"=\n")) and encoding == b"quoted-printable":
        lines = b"\r\n" + lines  # it would have joined the lines
    if before and not before.endswith(b"\n"):
        lines = b"\r\n" + lines
    return Splice(at, at, lines + (b"\r\n" if last or at < end else b""))


def _html(footer: str) -> str:
    return "<hr>\n<p>" + "<br>\n".join(map(escape, footer.split("\n"))) + "</p>"


def _encoded(text: str, part: Part, *, ascii_only: bool) -> bytes | None:
    charset = (part.content.parameter(b"charset") or b"us-ascii").decode("latin-1")
    lines = text.replace("\n", "\r\n")
    try:
        if "a\r\n".encode(charset) != b"a\r\n":
            return None
        return lines.encode("ascii" if ascii_only else charset, "replace")
    except (LookupError, ValueError, UnicodeError):
        return lines.encode("ascii", "replace")


def _place(text: bytes, *, is_html: bool) -> int:
    if not is_html:
        return len(text)
    # </body> and then </html>, or only one of them.
    return next((at for end in _ENDS_OF_HTML if (at := _last(end, text)) >= 0), len(text))


def _last(end: re.Pattern[bytes], text: bytes) -> int:
    found = end.match(text)
    return found.start(1) if found else -1


def _quoted(line: bytes) -> bytes:
    return b2a_qp(line, istext=False).replace(b"=\n", b"=\r\n")


def _in_base64(octets: bytes, part: Part, lines: bytes, *, is_html: bool) -> Splice | None:
    start, end = part.body
    body = octets[start:end]
    text = decoded(octets, part)
    if text is None or not _BASE64.fullmatch(body) or len(body.translate(None, b"\r\n")) % 4:
        return None  # damaged: written again, it would be another one
    at = _place(text, is_html=is_html)
    before = text[:at]
    if before and not before.endswith(b"\n"):
        lines = b"\r\n" + lines
    # What comes before the footer stays as its lines are, as far as they are whole.
    kept = _whole_lines(body, at)
    done = len(body[:kept].replace(b"\r\n", b"")) * 3 // 4
    rest = before[done:] + lines + b"\r\n" + text[at:]
    tail = b"\r\n" * body.endswith(b"\n")
    return Splice(start + kept, end, _base64(rest) + tail)


def _whole_lines(body: bytes, limit: int) -> int:
    """How many octets of base64, whole lines, hold whole groups before the text's ``limit``.

    None are found where the lines are too odd: then all of it is written again.
    """
    padding = body.find(b"=")
    at, signs = _reach(body[:padding] if padding >= 0 else body, limit * 4 // 3 + 1)
    for _ in range(_FAR):
        start = body.rfind(b"\n", 0, at) + 1
        signs -= len(body[start:at].translate(None, b"\r\n"))
        at = start
        if not at or (signs % 4 == 0 and body.endswith(b"\r\n", 0, at)):
            return at
        at -= 1
    return 0


def _reach(body: bytes, limit: int) -> tuple[int, int]:
    """An offset before which at most so many signs stand, and how many those are."""
    at, signs, step = 0, 0, len(body)
    while step:
        more = len(body[at : at + step].translate(None, b"\r\n"))
        if signs + more <= limit:
            at, signs = min(at + step, len(body)), signs + more
        step //= 2
    return at, signs


def _base64(octets: bytes) -> bytes:
    size = LINE // 4 * 3
    groups = (octets[at : at + size] for at in range(0, len(octets), size))
    return b"\r\n".join(b2a_base64(group, newline=False) for group in groups)
