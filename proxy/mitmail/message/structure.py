"""BODY and BODYSTRUCTURE (RFC 3501 section 7.4.2): the tree of a message as a list."""

from mitmail.message.content import Content, Parameters
from mitmail.message.envelope import envelope
from mitmail.message.nstring import nstring
from mitmail.message.part import Part

_CHARSET = (b"charset", b"us-ascii")
# RFC 3501 knows no multipart without parts: it is shown with an empty one.
_NO_CHILD = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0%b)'
_NO_EXTENSION = b" NIL NIL NIL NIL"


def structure(octets: bytes, part: Part, *, extended: bool) -> bytes:
    """The BODYSTRUCTURE of a part of these octets; BODY when it is not ``extended``."""
    if part.content.is_multipart:
        return _multipart(octets, part, extended)
    kind = part.content if part.content.mime else Content()
    parameters = kind.parameters
    if kind.is_text and not any(name.lower() == b"charset" for name, _ in parameters):
        parameters = (*parameters, _CHARSET)
    fields = [
        nstring(kind.type.lower() if part.message else kind.type),
        nstring(kind.subtype.lower() if part.message else kind.subtype),
        _list(parameters),
        nstring(kind.id),
        nstring(kind.description),
        nstring(b"7bit" if kind.encoding is None else kind.encoding),
        b"%d" % (part.body.end - part.body.start),
    ]
    if part.message:
        fields.append(envelope(octets, *part.message.header))
        fields.append(structure(octets, part.message, extended=extended))
    if part.message or kind.is_text:
        fields.append(b"%d" % octets.count(b"\n", *part.body))
    if extended:
        fields += [nstring(kind.md5), *_extension(kind)]
    return b"(" + b" ".join(fields) + b")"


def _multipart(octets: bytes, part: Part, extended: bool) -> bytes:
    children = b"".join(structure(octets, child, extended=extended) for child in part.children)
    fields = [nstring(part.content.subtype)]
    if extended:
        fields += [_list(part.content.parameters), *_extension(part.content)]
    children = children or _NO_CHILD % (_NO_EXTENSION * extended)
    return b"(" + b" ".join([children, *fields]) + b")"


def _extension(kind: Content) -> list[bytes]:
    disposition = b"NIL"
    if kind.disposition:
        disposition = (
            b"(" + nstring(kind.disposition[0]) + b" " + _list(kind.disposition[1]) + b")"
        )
    languages = b" ".join(map(nstring, kind.language))
    return [disposition, b"(" + languages + b")" if languages else b"NIL", nstring(kind.location)]


def _list(parameters: Parameters) -> bytes:
    written = b" ".join(nstring(text) for pair in parameters for text in pair)
    return b"(" + written + b")" if written else b"NIL"
