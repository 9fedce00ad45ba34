"""What an edited message answers to an item of FETCH."""

from dataclasses import dataclass

from mitmail.message.envelope import envelope
from mitmail.message.part import Part, parse
from mitmail.message.section import Section
from mitmail.message.structure import structure
from mitmail.message.transfer import decoded
from mitmail.wire.imap_fetch import Item

# What gives octets of the message, and the section that an old name stands for.
OLD = {"RFC822": "", "RFC822.HEADER": "HEADER", "RFC822.TEXT": "TEXT"}
SECTIONS = ("BODY", "BODY.PEEK", "BINARY", "BINARY.PEEK", "BINARY.SIZE")
DERIVED = ("RFC822.SIZE", "ENVELOPE", "BODY", "BODYSTRUCTURE", "BINARY.SIZE")
_CONTENT = ("RFC822", "BODY", "BINARY")
SEEING = ("BODY", "BINARY", "RFC822", "RFC822.TEXT")


def is_content(item: Item) -> bool:
    """Whether an item gives octets of the message."""
    return item.name in OLD or (item.section is not None and item.name != "BINARY.SIZE")


def is_derived(item: Item) -> bool:
    """Whether an item only tells something about the message."""
    return item.name in DERIVED and not is_content(item)


def sees(item: Item) -> bool:
    r"""Whether an item sets \Seen."""
    return item.name in SEEING and is_content(item)


def is_readable(item: Item) -> bool:
    """Whether it can be answered here, or surely gives no octets of the message."""
    if item.section is None:
        # Other names of these kinds give content without brackets (RFC 1176: RFC822.TEXT.PEEK).
        return not item.name.startswith(_CONTENT) or item.name in (*OLD, *DERIVED)
    section = Section.read(item.section)
    if section is None or item.name not in SECTIONS:
        return False
    return not (item.name.startswith("BINARY") and section.text)


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is told of sizes: of the message, and before the whole of it; None: the truth."""

    message: int | None = None
    literal: int | None = None


def value(item: Item, octets: bytes, told: Sizes) -> bytes:
    """The value of one item, of what can be answered here."""
    match item.name:
        case "RFC822.SIZE":
            return b"%d" % (len(octets) if told.message is None else told.message)
        case "ENVELOPE":
            return envelope(octets)
        case "BODY" | "BODYSTRUCTURE" if item.section is None:
            return structure(octets, parse(octets), extended=item.name == "BODYSTRUCTURE")
        case name if name.startswith("BINARY"):
            return _binary(item, octets)
    section = Section.read(OLD.get(item.name, item.section or ""))
    assert section is not None
    found = section.octets(octets) or b""  # Dovecot gives a part that is not there as empty
    if item.partial is None and section == Section() and told.literal is not None:
        return b"{%d}\r\n" % told.literal + octets
    return _literal(_span(bytes(found), item))


def _binary(item: Item, octets: bytes) -> bytes:
    section = Section.read(item.section or "")
    assert section is not None
    message = parse(octets)
    part = section.part(message) if section.path else None
    found = octets if not section.path else _content(octets, part)
    if item.name == "BINARY.SIZE":
        return b"%d" % len(found or b"")
    chosen = _span(found or b"", item)
    return (b"~" if b"\0" in chosen else b"") + _literal(chosen)


def _content(octets: bytes, part: Part | None) -> bytes | None:
    return None if part is None else decoded(octets, part)


def _span(octets: bytes, item: Item) -> bytes:
    if item.partial is None:
        return octets
    start, count = item.partial
    return octets[start : None if count is None else start + count]


def _literal(octets: bytes) -> bytes:
    return b"{%d}\r\n" % len(octets) + octets
