"""DER, written and read: the Distinguished Encoding Rules of ITU-T X.690.

The writer checks nothing that a faulty certificate may want to break: whatever it makes is plain
``bytes``, so raw octets fit wherever an element does. The reader is strict.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

BOOLEAN = 0x01
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OBJECT_IDENTIFIER = 0x06
UTF8_STRING = 0x0C
SEQUENCE = 0x30
SET = 0x31
PRINTABLE_STRING = 0x13
IA5_STRING = 0x16
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18

_LARGEST_ARC = 1 << 128  # X.667 arcs are UUIDs; anything longer only costs time to print


class DerError(ValueError):
    """Octets that are not DER, or not the DER that was expected."""


def tlv(tag: int, *content: bytes) -> bytes:
    """One element: identifier octet, length, content (X.690 8.1)."""
    value = b"".join(content)
    if len(value) < 0x80:
        return bytes((tag, len(value))) + value
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + value


def sequence(*elements: bytes) -> bytes:
    """SEQUENCE and SEQUENCE OF."""
    return tlv(SEQUENCE, *elements)


def set_of(*elements: bytes) -> bytes:
    """SET OF, in the ascending order that X.690 11.6 asks for."""
    return tlv(SET, *sorted(elements))


def integer(value: int) -> bytes:
    """INTEGER in the fewest octets, two's complement (X.690 8.3)."""
    magnitude = value if value >= 0 else ~value
    return tlv(INTEGER, value.to_bytes(magnitude.bit_length() // 8 + 1, signed=True))


def boolean(value: bool) -> bytes:
    """BOOLEAN; true is FF (X.690 11.1)."""
    return tlv(BOOLEAN, b"\xff" if value else b"\x00")


def null() -> bytes:
    """NULL."""
    return tlv(NULL)


def oid(dotted: str) -> bytes:
    """OBJECT IDENTIFIER from dotted text, such as ``2.5.4.3``; raises DerError on other text."""
    arcs = dotted.split(".")
    if len(arcs) < 2 or not all(arc.isascii() and arc.isdigit() for arc in arcs):
        raise DerError(f"not an object identifier: {dotted!r}")
    first, second, *rest = map(int, arcs)
    if first > 2 or (first < 2 and second > 39):
        raise DerError(f"not an object identifier: {dotted!r}")
    return tlv(OBJECT_IDENTIFIER, *map(_base128, (first * 40 + second, *rest)))


def _base128(arc: int) -> bytes:
    octets = [arc & 0x7F]
    while arc := arc >> 7:
        octets.append(0x80 | arc & 0x7F)
    return bytes(reversed(octets))


def utf8(text: str) -> bytes:
    """UTF8String."""
    return tlv(UTF8_STRING, text.encode())


def printable(text: str) -> bytes:
    """PrintableString; any ASCII passes, so that the faulty ``@`` can be written too."""
    return tlv(PRINTABLE_STRING, text.encode("ascii"))


def ia5(text: str) -> bytes:
    """IA5String."""
    return tlv(IA5_STRING, text.encode("ascii"))


def octet_string(content: bytes) -> bytes:
    """OCTET STRING."""
    return tlv(OCTET_STRING, content)


def bit_string(content: bytes, unused: int = 0) -> bytes:
    """BIT STRING whose last octet has ``unused`` bits that do not count."""
    return tlv(BIT_STRING, bytes((unused,)), content)


def named_bits(*positions: int) -> bytes:
    """BIT STRING with these bits set, without trailing zero bits (X.690 11.2.2)."""
    if not positions:
        return bit_string(b"")
    count = max(positions) + 1
    unused = -count % 8
    value = sum(1 << (count - 1 - position) for position in set(positions))
    return bit_string((value << unused).to_bytes((count + unused) // 8), unused)


def time(moment: datetime) -> bytes:
    """UTCTime from 1950 through 2049, else GeneralizedTime (RFC 5280 4.1.2.5).

    ``moment`` knows its time zone; fractions of a second are cut off.
    """
    if moment.tzinfo is None:
        raise ValueError(f"a time without a time zone: {moment}")
    moment = moment.astimezone(UTC)
    rest = f"{moment:%m%d%H%M%S}Z".encode()
    if 1950 <= moment.year <= 2049:
        return tlv(UTC_TIME, b"%02d" % (moment.year % 100), rest)
    return tlv(GENERALIZED_TIME, b"%04d" % moment.year, rest)


def context(number: int, content: bytes, constructed: bool = True) -> bytes:
    """A context-specific tag, 0 to 30: EXPLICIT when constructed, else IMPLICIT of a primitive."""
    return tlv((0xA0 if constructed else 0x80) | number, content)


@dataclass(frozen=True, slots=True)
class Tlv:
    """One element as it was read; ``raw`` is all of it, ``end`` the offset behind it."""

    tag: int
    header_length: int
    content: bytes
    raw: bytes
    end: int


def read(data: bytes, offset: int = 0) -> Tlv:
    """The element at ``offset``; what follows it is left alone.

    Raises DerError on an indefinite or non-minimal length, on a tag above 30 (X.509 has none) and
    when the data ends too early.
    """
    tag, length, start = _header(data, offset)
    end = start + length
    if end > len(data):
        raise DerError(f"the element at octet {offset} is cut off")
    return Tlv(tag, start - offset, data[start:end], data[offset:end], end)


def _header(data: bytes, offset: int) -> tuple[int, int, int]:
    if offset + 2 > len(data):
        raise DerError(f"no element at octet {offset}")
    tag, first, start = data[offset], data[offset + 1], offset + 2
    if tag & 0x1F == 0x1F:
        raise DerError(f"a tag of several octets at octet {offset}")
    if first < 0x80:
        return tag, first, start
    octets = data[start : start + (first & 0x7F)]
    length = int.from_bytes(octets)
    if not 0x80 < first < 0xFF or len(octets) != first & 0x7F:
        raise DerError(f"a bad length at octet {offset}")
    if octets[0] == 0 or length < 0x80:
        raise DerError(f"a length that is not minimal at octet {offset}")
    return tag, length, start + len(octets)


def children(content: bytes) -> list[Tlv]:
    """Every element of a constructed element's content, to its last octet; raises DerError."""
    found, offset = [], 0
    while offset < len(content):
        found.append(read(content, offset))
        offset = found[-1].end
    return found


def expect(element: Tlv, tag: int) -> Tlv:
    """``element`` itself when it carries ``tag``; raises DerError otherwise."""
    if element.tag != tag:
        raise DerError(f"tag {element.tag:#04x} where {tag:#04x} is due")
    return element


def to_oid(element: Tlv) -> str:
    """The dotted text of an OBJECT IDENTIFIER; raises DerError, also on arcs above 128 bits."""
    content = expect(element, OBJECT_IDENTIFIER).content
    arcs, arc = [], 0
    for octet in content:
        if octet == 0x80 and arc == 0:
            raise DerError("an object identifier that is not minimal")
        arc = arc << 7 | octet & 0x7F
        if arc >= _LARGEST_ARC:
            raise DerError("an object identifier beyond 128 bits")
        if octet < 0x80:
            arcs.append(arc)
            arc = 0
    if not content or content[-1] >= 0x80:
        raise DerError("an object identifier that is cut off")
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - first * 40, *arcs[1:])))


def to_datetime(element: Tlv) -> datetime:
    """The moment of a UTCTime or GeneralizedTime in the forms of RFC 5280 4.1.2.5, as UTC.

    Raises DerError on every other form: no seconds, fractions, an offset.
    """
    digits = element.content[:-1]
    wanted = {UTC_TIME: 12, GENERALIZED_TIME: 14}.get(element.tag)
    if len(digits) != wanted or not digits.isdigit() or element.content[-1:] != b"Z":
        raise DerError(f"not a time of RFC 5280: {element.content[:32]!r}")
    text = digits.decode()
    if element.tag == UTC_TIME:
        text = ("19" if text >= "50" else "20") + text
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise DerError(f"not a time: {text!r}: {error}") from error
