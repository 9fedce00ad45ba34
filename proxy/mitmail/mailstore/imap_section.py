"""FETCH of sections: BODY[...] (RFC 3501 section 6.4.5) and BINARY[...] (RFC 3516)."""

from collections.abc import Buffer, Callable

from mitmail.mailstore.imap_parse import Arguments, BadError
from mitmail.mailstore.imap_session import NoError
from mitmail.mailstore.imap_subject import Subject
from mitmail.message.section import FIELDS, Section
from mitmail.message.transfer import decoded

type Asked = tuple[str, Callable[[Subject], list[Buffer]]]


def literal(octets: Buffer | None) -> list[Buffer]:
    """Octets as a literal; what does not exist is as empty as with Dovecot."""
    octets = memoryview(octets or b"")
    return [b"{%d}\r\n" % len(octets), octets]


def body_section(arguments: Arguments) -> Asked:
    """Read a section and partial behind ``BODY[``: their text in the answer, and the answer."""
    section = _section(arguments)
    origin, chosen = _partial(arguments)

    def render(subject: Subject) -> list[Buffer]:
        tree = subject.tree if section.path else None
        octets = section.octets(subject.octets, tree)
        return literal(None if octets is None else octets[chosen])

    return f"[{section}]{origin}", render


def binary(arguments: Arguments) -> Asked:
    """Read what follows ``BINARY[``; the partial counts decoded octets."""
    section = _leaf(arguments)
    origin, chosen = _partial(arguments)

    def render(subject: Subject) -> list[Buffer]:
        octets = _decoded(section, subject)[chosen]
        # RFC 3516 section 4.3: only a literal8 may hold NUL.
        return [b"~" * (b"\0" in octets) + b"{%d}\r\n" % len(octets), octets]

    return f"[{section}]{origin}", render


def binary_size(arguments: Arguments) -> Asked:
    """Read what follows ``BINARY.SIZE[``."""
    section = _leaf(arguments)
    return f"[{section}]", lambda subject: [b"%d" % len(_decoded(section, subject))]


def _section(arguments: Arguments) -> Section:
    text = "" if arguments.looks_at(b"]") else arguments.word()
    if text.endswith(FIELDS):
        arguments.space()
        names = arguments.some(lambda: _field_name(arguments))
        text = f"{text} ({' '.join(names)})"
    arguments.expect(b"]")
    section = Section.read(text)
    if section is None:
        raise BadError(f"No such section: {text[:40]}")
    return section


def _leaf(arguments: Arguments) -> Section:
    section = _section(arguments)
    if section.text:
        raise BadError("BINARY takes the number of a part")
    return section


def _decoded(section: Section, subject: Subject) -> bytes:
    part = section.part(subject.tree)
    if part is None:
        return b""
    if part.inner or not section.path:
        raise NoError("BINARY is for parts that have no parts themselves")
    octets = decoded(subject.octets, part)
    if octets is None:
        raise NoError("[UNKNOWN-CTE] The part's transfer encoding is unknown")
    return octets


def _field_name(arguments: Arguments) -> str:
    name = arguments.astring().decode("latin-1")
    if not name or not name.isascii() or not name.isprintable() or set(name) & set(' :"\\(){%*]'):
        raise BadError("Not a header field's name")
    return name


def _partial(arguments: Arguments) -> tuple[str, slice]:
    if not arguments.accept(b"<"):
        return "", slice(None)
    start = arguments.number()
    arguments.expect(b".")
    count = arguments.number()
    arguments.expect(b">")
    if not count:
        raise BadError("A partial has at least one octet")
    return f"<{start}>", slice(start, start + count)
