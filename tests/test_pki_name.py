"""Distinguished names: cryptography reads the types, strings and order that were asked for."""

import random
import re
import subprocess
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from bench import need
from mitmail.errors import MitmailError
from mitmail.pki import der, key
from mitmail.pki.certificate import Recipe, make
from mitmail.pki.name import attributes, distinguished_name, text

KEY = key.generate("ec256")

FULL = [
    ("C", "CZ"),
    ("ST", "Praha"),
    ("L", "Nové Město"),
    ("O", "Customer"),
    ("OU", "Mail"),
    ("CN", "mail.customer.test"),
    ("serialNumber", "42"),
    ("emailAddress", "qa@customer.test"),
]
OIDS = [
    NameOID.COUNTRY_NAME,
    NameOID.STATE_OR_PROVINCE_NAME,
    NameOID.LOCALITY_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.COMMON_NAME,
    NameOID.SERIAL_NUMBER,
    NameOID.EMAIL_ADDRESS,
]
FIXED = {
    NameOID.COUNTRY_NAME: _ASN1Type.PrintableString,
    NameOID.SERIAL_NUMBER: _ASN1Type.PrintableString,
    NameOID.EMAIL_ADDRESS: _ASN1Type.IA5String,
}


@pytest.mark.parametrize("string", ["utf8", "printable"])
def test_a_name_is_cryptographys_to_the_octet(string: str) -> None:
    attributes = [pair for pair in FULL if pair[1].isascii()]
    free = {"utf8": _ASN1Type.UTF8String, "printable": _ASN1Type.PrintableString}[string]
    theirs = x509.Name(
        [
            x509.NameAttribute(oid, value, FIXED.get(oid, free))
            for oid, (_, value) in zip(OIDS, FULL, strict=True)
            if value.isascii()
        ]
    )
    assert distinguished_name(attributes, string) == theirs.public_bytes()


def test_the_default_string_is_utf8_as_cryptography_writes_it() -> None:
    theirs = x509.Name([x509.NameAttribute(NameOID.LOCALITY_NAME, "Nové Město")])
    assert distinguished_name([("L", "Nové Město")]) == theirs.public_bytes()


def test_no_attributes_give_the_empty_name() -> None:
    assert distinguished_name([]) == x509.Name([]).public_bytes()


@pytest.mark.parametrize(
    ("attribute", "string", "said"),
    [
        (("XX", "a"), "utf8", "'XX' is unknown; one of: CN, O, OU, C"),
        (("CN", "a"), "teletex", "'teletex' is unknown; one of: utf8, printable"),
        (("CN", "Město"), "printable", "CN="),
        (("C", "Č"), "utf8", "C="),
        (("CN", "\ud800"), "utf8", "CN="),
    ],
)
def test_what_cannot_be_written_is_said(
    attribute: tuple[str, str], string: str, said: str
) -> None:
    with pytest.raises(MitmailError, match=said):
        distinguished_name([attribute], string)


# -- wrong on purpose ----


def written(name: bytes) -> list[tuple[str, str]]:
    """The string type and the octets of each attribute, as openssl's parser sees them."""
    shown = subprocess.run(
        [need("openssl"), "asn1parse", "-inform", "DER"],
        input=name,
        capture_output=True,
        timeout=30,
        check=True,
    ).stdout.decode("latin-1")
    strings = re.findall(r"^ *(\d+):d=\d +hl=(\d) l= *(\d+) prim: (\w+STRING)", shown, re.M)
    return [
        (kind, name[int(at) + int(head) : int(at) + int(head) + int(length)].hex())
        for at, head, length, kind in strings
    ]


def test_latin1_under_the_tag_of_utf8_is_written_octet_by_octet() -> None:
    name = distinguished_name([("O", "Müller"), ("CN", "mail")], "latin1-as-utf8")
    assert written(name) == [("UTF8STRING", "4dfc6c6c6572"), ("UTF8STRING", b"mail".hex())]


def test_cryptography_refuses_latin1_under_the_tag_of_utf8() -> None:
    recipe = Recipe(
        subject=distinguished_name([("O", "Müller")], "latin1-as-utf8"),
        issuer=distinguished_name([("O", "Muller")], "latin1-as-utf8"),
        not_before=datetime(2026, 1, 1, tzinfo=UTC),
        not_after=datetime(2027, 1, 1, tzinfo=UTC),
        spki=key.spki(KEY),
    )
    made = x509.load_der_x509_certificate(make(recipe, KEY))
    assert made.issuer.rfc4514_string() == "O=Muller"  # ASCII is the same in both
    with pytest.raises(ValueError, match=r"(?i)utf|parsing"):
        _ = made.subject


def test_latin1_leaves_alone_what_has_a_string_of_its_own() -> None:
    pairs = [("C", "DE"), ("emailAddress", "qa@customer.test")]
    assert distinguished_name(pairs, "latin1-as-utf8") == distinguished_name(pairs)


def test_what_latin1_does_not_have_is_said() -> None:
    with pytest.raises(MitmailError, match="O='Ω' does not fit its string type"):
        distinguished_name([("O", "Ω")], "latin1-as-utf8")


# -- the attributes of a name ----


@pytest.mark.parametrize("string", ["utf8", "printable"])
def test_the_attributes_of_a_name_are_those_it_was_made_of(string: str) -> None:
    pairs = [pair for pair in FULL if string == "utf8" or pair[1].isascii()]
    assert attributes(distinguished_name(pairs, string)) == pairs


@pytest.mark.parametrize(
    "string", [_ASN1Type.UTF8String, _ASN1Type.BMPString, _ASN1Type.PrintableString]
)
def test_the_attributes_of_cryptographys_name_are_read_in_order(string: _ASN1Type) -> None:
    theirs = x509.Name(
        [x509.NameAttribute(oid, text, string) for oid, text in zip(OIDS[3:6], "xyz", strict=True)]
    )
    assert attributes(theirs.public_bytes()) == [("O", "x"), ("OU", "y"), ("CN", "z")]


def test_a_name_can_be_written_again_in_another_string_and_nothing_else_changes() -> None:
    """So a chain names its kept root in PrintableString where its subject is UTF8String."""
    name = distinguished_name([("C", "CZ"), ("O", "mitmail"), ("CN", "Root")])
    again = distinguished_name(attributes(name), "printable")
    assert [kind for kind, _ in written(again)] == ["PRINTABLESTRING"] * 3
    assert [octets for _, octets in written(again)] == [octets for _, octets in written(name)]


def test_the_empty_name_has_no_attributes() -> None:
    assert attributes(x509.Name([]).public_bytes()) == []


# -- names for people ----


def test_a_name_is_shown_in_its_own_order() -> None:
    shown = text(distinguished_name([("OU", "scanning"), ("O", "Shield"), ("CN", "Root, Inc")]))
    assert shown == r"OU=scanning, O=Shield, CN=Root\, Inc"


def test_other_peoples_strings_and_types_are_shown_too() -> None:
    """BMPString and TeletexString are still met in old CAs; DC is no type of ours."""
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "Kořen", _ASN1Type.BMPString),
            x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "test", _ASN1Type.IA5String),
        ]
    )
    assert text(name.public_bytes()) == "CN=Kořen, 0.9.2342.19200300.100.1.25=test"


def test_a_multi_valued_rdn_is_shown_as_one() -> None:
    pair = x509.RelativeDistinguishedName(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "a"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "b"),
        ]
    )
    assert text(x509.Name([pair]).public_bytes()) == "CN=a + O=b"


def test_a_hostile_name_cannot_write_to_the_terminal() -> None:
    shown = text(distinguished_name([("CN", "a\x1b[2J\r\nb\u202e")]))
    assert shown == "CN=a\ufffd[2J\ufffd\ufffdb\ufffd"


def test_a_damaged_name_is_shown_somehow() -> None:
    chance = random.Random(1)
    whole = distinguished_name(FULL)
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        assert text(bytes(damaged)).isprintable()
        assert text(der.sequence(bytes(damaged))).isprintable()
    assert text(b"") == text(whole[:-1]) == "(unreadable name)"
