"""Distinguished names: RFC 5280 4.1.2.4."""

import re
from collections.abc import Callable, Iterable

from mitmail.errors import MitmailError
from mitmail.pki import der
from mitmail.pki.word import choose

type Attribute = tuple[str, str]  # type, text: ("CN", "mail.customer.test")

_TYPES = {
    "CN": "2.5.4.3",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "C": "2.5.4.6",
    "L": "2.5.4.7",
    "ST": "2.5.4.8",
    "emailAddress": "1.2.840.113549.1.9.1",
    "serialNumber": "2.5.4.5",
}
_TYPE_OF_OID = {oid: word for word, oid in _TYPES.items()}
_STRINGS: dict[str, Callable[[str], bytes]] = {
    "utf8": der.utf8,
    "printable": der.printable,
    # What careless software writes: the octets of Latin-1 under the tag of UTF8String.
    "latin1-as-utf8": lambda text: der.tlv(der.UTF8_STRING, text.encode("latin-1")),
}
_FIXED_STRINGS: dict[str, Callable[[str], bytes]] = {  # RFC 5280 appendix A.1 leaves no choice
    "C": der.printable,
    "serialNumber": der.printable,
    "emailAddress": der.ia5,
}
_DECODERS = {0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii", 0x14: "latin-1", 0x1E: "utf-16-be"}


def distinguished_name(attributes: Iterable[Attribute], string: str = "utf8") -> bytes:
    """The DER Name with one attribute to each RDN, in this order; none gives the empty name.

    ``string`` is utf8, printable or, wrong on purpose, latin1-as-utf8; C and serialNumber are
    always PrintableString, emailAddress IA5String. Raises MitmailError on an unknown type or a
    text that the string cannot hold.
    """
    encode = choose(_STRINGS, string, "the string type")
    return der.sequence(*(der.set_of(_attribute(*pair, encode)) for pair in attributes))


def _attribute(word: str, text: str, encode: Callable[[str], bytes]) -> bytes:
    oid = choose(_TYPES, word, "the name attribute")
    try:
        return der.sequence(der.oid(oid), _FIXED_STRINGS.get(word, encode)(text))
    except UnicodeError as error:
        raise MitmailError(f"{word}={text!r} does not fit its string type") from error


def attributes(name_der: bytes) -> list[Attribute]:
    """The attributes of a name, in its order; only for names that mitmail wrote."""
    rdns = der.children(der.expect(der.read(name_der), der.SEQUENCE).content)
    pairs = [der.children(one.content) for rdn in rdns for one in der.children(rdn.content)]
    return [
        (_TYPE_OF_OID[der.to_oid(oid)], value.content.decode(_DECODERS[value.tag]))
        for oid, value in pairs
    ]


def text(name_der: bytes) -> str:
    """A name for people, in its own order: ``CN=..., O=...``.

    Never raises: what cannot be read or shown is replaced, so a hostile name is safe to print.
    """
    try:
        rdns = der.children(der.expect(der.read(name_der), der.SEQUENCE).content)
        return ", ".join(" + ".join(map(_show, der.children(rdn.content))) for rdn in rdns)
    except der.DerError:
        return "(unreadable name)"


def _show(attribute: der.Tlv) -> str:
    fields = der.children(attribute.content)
    if len(fields) != 2:
        raise der.DerError("not an attribute")
    oid, value = der.to_oid(fields[0]), fields[1]
    shown = value.content.decode(_DECODERS.get(value.tag, "ascii"), errors="replace")
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)
    return f"{_TYPE_OF_OID.get(oid, oid)}={re.sub(r'([,+\\])', r'\\\1', shown)}"
