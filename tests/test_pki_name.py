"""Distinguished names: cryptography reads the types, strings and order that were asked for."""

import random

import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from mitmail.errors import MitmailError
from mitmail.pki import der
from mitmail.pki.name import distinguished_name, text

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
