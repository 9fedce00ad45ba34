"""A message of which nothing is left but who wrote to whom, when, and about what."""

import re
from collections.abc import Iterator
from email.utils import format_datetime, parsedate_to_datetime

from mitmail.message import header

# What no scanner finds anything in: words, and addresses of plain letters.
_ADDRESS = re.compile(
    r"(?<![A-Za-z0-9._+-])[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,190}(?![A-Za-z0-9@.-])"
)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_IDENTIFIER = re.compile(rb"<[A-Za-z0-9._+@-]{1,250}>")
_NO_WORD = re.compile(r"[^A-Za-z0-9 ,.:?-]+")
_HEADER = 256 * 1024  # octets of the header that are read; hostile ones must not cost time
_ADDRESSES = 50  # of each field
_SUBJECT = 200  # letters
_WANTED = (b"from", b"to", b"date", b"message-id", b"subject")


def bare(octets: bytes) -> bytes:
    """The header of a message with no more than From, To, Date, Message-ID and Subject.

    Of each field only what is plain is kept: bare addresses, and the subject's ASCII words.
    """
    return b"".join(line + b"\r\n" for line in _lines(octets)) + b"\r\n"


def _lines(octets: bytes) -> Iterator[bytes]:
    found: dict[bytes, bytes] = {}
    for name, raw in header.fields(octets, 0, min(header.header_end(octets), _HEADER), _WANTED):
        if name in _WANTED:
            found.setdefault(name, header.unfold(raw))
    for label in ("From", "To"):
        if addresses := _addresses(found.get(label.lower().encode(), b"")):
            yield f"{label}: {',\r\n '.join(addresses)}".encode()
    if date := _date(found.get(b"date", b"")):
        yield b"Date: " + date
    if identifier := _IDENTIFIER.fullmatch(found.get(b"message-id", b"")):
        yield b"Message-ID: " + identifier[0]
    if subject := found.get(b"subject"):
        words = " ".join(_NO_WORD.sub(" ", header.readable(subject)).split())
        yield f"Subject: {words[:_SUBJECT]}".encode()


def _addresses(value: bytes) -> list[str]:
    return _ADDRESS.findall(_QUOTED.sub("", header.readable(value)))[:_ADDRESSES]


def _date(value: bytes) -> bytes:
    try:
        return format_datetime(parsedate_to_datetime(value.decode("ascii"))).encode()
    except (ValueError, TypeError, OverflowError, IndexError):
        return b""
