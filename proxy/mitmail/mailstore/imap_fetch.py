"""What FETCH can ask of a message (RFC 3501 section 6.4.5), as a table and a section grammar."""

from collections.abc import Buffer, Callable, Iterator
from dataclasses import dataclass

from mitmail.mailstore.imap_date import format_date_time
from mitmail.mailstore.imap_parse import Arguments, BadError
from mitmail.mailstore.imap_view import View
from mitmail.mailstore.store import Message
from mitmail.message import header
from mitmail.message.envelope import envelope

MACROS = {
    "ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    "FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
}
STRUCTURES = ("BODY", "BODYSTRUCTURE", "FULL")

type Render = Callable[[View, Message], Iterator[Buffer]]


@dataclass(frozen=True, slots=True)
class Item:
    r"""One data item: its name in the answer, what to send, and whether it sets \Seen."""

    label: str
    render: Render
    sees: bool = False


def _value(text: Callable[[View, Message], str | bytes]) -> Render:
    def render(view: View, message: Message) -> Iterator[Buffer]:
        value = text(view, message)
        yield value.encode() if isinstance(value, str) else value

    return render


def _literal(octets: Callable[[Message], Buffer]) -> Render:
    def render(view: View, message: Message) -> Iterator[Buffer]:
        value = octets(message)
        yield b"{%d}\r\n" % len(memoryview(value))
        yield value

    return render


def _whole(message: Message) -> memoryview:
    return memoryview(message.octets)


def _header(message: Message) -> memoryview:
    return _whole(message)[: header.header_end(message.octets)]


def _text(message: Message) -> memoryview:
    return _whole(message)[header.header_end(message.octets) :]


ITEMS = {
    "FLAGS": Item("FLAGS", _value(lambda view, m: f"({' '.join(sorted(view.flags(m)))})")),
    "UID": Item("UID", _value(lambda view, m: str(m.uid))),
    "INTERNALDATE": Item(
        "INTERNALDATE", _value(lambda view, m: f'"{format_date_time(m.internal_date)}"')
    ),
    "RFC822.SIZE": Item("RFC822.SIZE", _value(lambda view, m: str(len(m.octets)))),
    "ENVELOPE": Item("ENVELOPE", _value(lambda view, m: envelope(m.octets))),
    "RFC822": Item("RFC822", _literal(_whole), sees=True),
    "RFC822.HEADER": Item("RFC822.HEADER", _literal(_header)),
    "RFC822.TEXT": Item("RFC822.TEXT", _literal(_text), sees=True),
}
SECTIONS: dict[str, Callable[[Message], memoryview]] = {
    "": _whole,
    "HEADER": _header,
    "TEXT": _text,
}


def parse_items(arguments: Arguments) -> list[Item]:
    """Read a macro, one item, or items in parentheses; raises ``BadError``."""
    for macro, names in MACROS.items():
        if arguments.accept(macro.encode()):
            return [ITEMS[name] for name in names]
    if arguments.looks_at(b"("):
        return arguments.some(lambda: _item(arguments))
    return [_item(arguments)]


def _item(arguments: Arguments) -> Item:
    for prefix, sees in ((b"BODY[", True), (b"BODY.PEEK[", False)):
        if arguments.accept(prefix):
            return _section(arguments, sees=sees)
    name = arguments.word()
    if name in STRUCTURES:
        raise BadError(f"{name} is not supported: this server does not describe MIME structure")
    if name not in ITEMS:
        raise BadError(f"FETCH item not supported: {name[:40]}")
    return ITEMS[name]


def _section(arguments: Arguments, *, sees: bool) -> Item:
    name = "" if arguments.looks_at(b"]") else arguments.word()
    if name in ("HEADER.FIELDS", "HEADER.FIELDS.NOT"):
        arguments.space()
        names = arguments.some(lambda: _field_name(arguments))
        octets, label = _fields(name, names), f"{name} ({' '.join(names)})"
    elif name in SECTIONS:
        octets, label = SECTIONS[name], name
    else:
        raise BadError("MIME parts are not supported: ask for BODY[], HEADER or TEXT")
    arguments.expect(b"]")
    origin, octets = _partial(arguments, octets)
    return Item(f"BODY[{label}]{origin}", _literal(octets), sees)


def _field_name(arguments: Arguments) -> str:
    name = arguments.astring().decode("latin-1")
    if not name or not name.isascii() or not name.isprintable() or set(name) & set(' :"\\(){%*]'):
        raise BadError("Not a header field's name")
    return name


def _fields(section: str, names: list[str]) -> Callable[[Message], memoryview]:
    wanted = {name.lower().encode() for name in names}
    inverse = section.endswith(".NOT")

    def octets(message: Message) -> memoryview:
        chosen = (
            raw for name, raw in header.fields(message.octets) if (name in wanted) != inverse
        )
        return memoryview(b"".join([*chosen, b"\r\n"]))

    return octets


def _partial(
    arguments: Arguments, octets: Callable[[Message], memoryview]
) -> tuple[str, Callable[[Message], memoryview]]:
    if not arguments.accept(b"<"):
        return "", octets
    start = arguments.number()
    arguments.expect(b".")
    count = arguments.number()
    arguments.expect(b">")
    if not count:
        raise BadError("A partial has at least one octet")
    return f"<{start}>", lambda message: octets(message)[start : start + count]
