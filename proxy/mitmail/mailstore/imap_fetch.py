"""What FETCH can ask of a message (RFC 3501 section 6.4.5), as a table."""

from collections.abc import Buffer, Callable
from dataclasses import dataclass

from mitmail.mailstore.imap_date import format_date_time
from mitmail.mailstore.imap_parse import Arguments, BadError
from mitmail.mailstore.imap_section import binary, binary_size, body_section, literal
from mitmail.mailstore.imap_subject import Subject
from mitmail.message.envelope import envelope
from mitmail.message.section import Section
from mitmail.message.structure import structure

MOST_ITEMS = 100  # no client asks for more at a time, and each may take the whole message

MACROS = {
    "ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    "FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
    "FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
}


@dataclass(frozen=True, slots=True)
class Item:
    r"""One data item: its name in the answer, what to send, and whether it sets \Seen."""

    label: str
    render: Callable[[Subject], list[Buffer]]
    sees: bool = False


def _value(text: Callable[[Subject], str | bytes]) -> Callable[[Subject], list[Buffer]]:
    def render(subject: Subject) -> list[Buffer]:
        value = text(subject)
        return [value.encode() if isinstance(value, str) else value]

    return render


def _section(text: str) -> Callable[[Subject], list[Buffer]]:
    return lambda subject: literal(Section((), text).octets(subject.octets))


def _structure(*, extended: bool) -> Callable[[Subject], list[Buffer]]:
    return _value(lambda s: structure(s.octets, s.tree, extended=extended))


ITEMS = {
    "FLAGS": Item("FLAGS", _value(lambda s: f"({' '.join(sorted(s.flags))})")),
    "UID": Item("UID", _value(lambda s: str(s.message.uid))),
    "INTERNALDATE": Item(
        "INTERNALDATE", _value(lambda s: f'"{format_date_time(s.message.internal_date)}"')
    ),
    "RFC822.SIZE": Item("RFC822.SIZE", _value(lambda s: str(len(s.octets)))),
    "ENVELOPE": Item("ENVELOPE", _value(lambda s: envelope(s.octets))),
    "BODY": Item("BODY", _structure(extended=False)),
    "BODYSTRUCTURE": Item("BODYSTRUCTURE", _structure(extended=True)),
    "RFC822": Item("RFC822", _section(""), sees=True),
    "RFC822.HEADER": Item("RFC822.HEADER", _section("HEADER")),
    "RFC822.TEXT": Item("RFC822.TEXT", _section("TEXT"), sees=True),
}
SECTIONS = (
    (b"BODY[", "BODY", body_section, True),
    (b"BODY.PEEK[", "BODY", body_section, False),
    (b"BINARY[", "BINARY", binary, True),
    (b"BINARY.PEEK[", "BINARY", binary, False),
    (b"BINARY.SIZE[", "BINARY.SIZE", binary_size, False),
)


def parse_items(arguments: Arguments) -> list[Item]:
    """Read a macro, one item, or items in parentheses; raises ``BadError``."""
    for macro, names in MACROS.items():
        if arguments.accept(macro.encode()):
            return [ITEMS[name] for name in names]
    if arguments.looks_at(b"("):
        items = arguments.some(lambda: _item(arguments))
        if len(items) > MOST_ITEMS:
            raise BadError(f"At most {MOST_ITEMS} FETCH items")
        return items
    return [_item(arguments)]


def _item(arguments: Arguments) -> Item:
    for prefix, name, read, sees in SECTIONS:
        if arguments.accept(prefix):
            label, render = read(arguments)
            return Item(name + label, render, sees)
    name = arguments.word()
    if name not in ITEMS:
        raise BadError(f"FETCH item not supported: {name[:40]}")
    return ITEMS[name]
