"""The extensions of a certificate: cryptography reads what a file made of those of a good one."""

from typing import Any, get_args

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from mitmail.errors import MitmailError
from mitmail.pki.extension import OID, Extension
from mitmail.plan.extensions import PADDING, Subject, extensions
from mitmail.scenario.certificate import ExtensionWord
from mitmail.scenario.server import Server

KEY_ID, ISSUER_KEY_ID = bytes(range(20)), bytes(range(20, 40))
WORDS: dict[x509.ObjectIdentifier, str] = {
    ExtensionOID.KEY_USAGE: "ku",
    ExtensionOID.EXTENDED_KEY_USAGE: "eku",
    ExtensionOID.BASIC_CONSTRAINTS: "bc",
    ExtensionOID.SUBJECT_KEY_IDENTIFIER: "ski",
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER: "aki",
    ExtensionOID.NAME_CONSTRAINTS: "nc",
    ExtensionOID.TLS_FEATURE: "tlsfeature",
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME: "san",
}
EVERYTHING: dict[str, Any] = {
    "name_constraints": {"permitted": ["customer.test"]},
    "must_staple": True,
}


def made(
    place: str = "leaf",
    names: tuple[str, ...] = ("mail.customer.test",),
    empty: bool = False,
    issuer_key_id: bytes | None = ISSUER_KEY_ID,
    **said: Any,
) -> tuple[Extension, ...]:
    certificate = Server.model_validate({place: said}).certificates[place]
    subject = Subject(names=names, empty=empty, key_id=KEY_ID, issuer_key_id=issuer_key_id)
    return extensions(certificate, subject)


def order(found: tuple[Extension, ...]) -> list[str]:
    """Their short words in order, by cryptography's OIDs; critical ones with a star."""
    oids = {oid.dotted_string: word for oid, word in WORDS.items()}
    return [oids.get(each.oid, each.oid) + "*" * each.critical for each in found]


def value(found: tuple[Extension, ...], word: str) -> str:
    return next(each.value.hex() for each in found if each.oid == OID[word])


def theirs(value: x509.ExtensionType) -> str:
    return value.public_bytes().hex()


# -- those of a good one ----


def test_a_good_leaf_has_these_in_this_order() -> None:
    found = made()
    assert order(found) == ["ku*", "eku", "bc*", "ski", "aki", "san"]
    assert value(found, "eku") == theirs(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]))
    assert value(found, "bc") == theirs(x509.BasicConstraints(False, None))
    assert value(found, "ski") == theirs(x509.SubjectKeyIdentifier(KEY_ID))
    assert value(found, "aki") == theirs(x509.AuthorityKeyIdentifier(ISSUER_KEY_ID, None, None))
    names = x509.SubjectAlternativeName([x509.DNSName("mail.customer.test")])
    assert value(found, "san") == theirs(names)


def test_a_good_ca_has_these_in_this_order() -> None:
    found = made("intermediate", names=())
    assert order(found) == ["ku*", "bc*", "ski", "aki"]
    assert value(found, "bc") == theirs(x509.BasicConstraints(True, 0))
    usages = dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
         "key_agreement", "encipher_only", "decipher_only"),
        False,
    )  # fmt: skip
    usage = x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usages)
    assert value(found, "ku") == theirs(usage)


def test_what_its_own_key_signed_does_not_name_its_issuers_key() -> None:
    assert order(made("root", names=(), issuer_key_id=None)) == ["ku*", "bc*", "ski"]


def test_all_that_there_can_be_stands_in_one_order() -> None:
    found = made(**EVERYTHING)
    assert order(found) == ["ku*", "eku", "bc*", "ski", "aki", "nc*", "tlsfeature", "san"]
    limits = x509.NameConstraints([x509.DNSName("customer.test")], None)
    assert value(found, "nc") == theirs(limits)
    staple = x509.TLSFeature([x509.TLSFeatureType.status_request])
    assert value(found, "tlsfeature") == theirs(staple)


def test_without_a_subject_the_names_are_critical() -> None:
    """RFC 5280 section 4.1.2.6."""
    assert order(made(empty=True))[-1] == "san*"
    assert order(made(empty=True, not_critical=["san"]))[-1] == "san"


def test_without_names_there_is_no_extension_for_them() -> None:
    assert "san" not in order(made(names=()))


# -- what a file says of them ----

ALL = sorted(get_args(ExtensionWord.__value__))


@pytest.mark.parametrize("word", ALL)
def test_what_is_left_out_is_left_out_and_nothing_else(word: str) -> None:
    whole = order(made(**EVERYTHING))
    assert order(made(**EVERYTHING, omit=[word])) == [x for x in whole if x.strip("*") != word]


@pytest.mark.parametrize("word", ALL)
@pytest.mark.parametrize("field", ["critical", "not_critical"])
def test_what_is_marked_is_marked_and_nothing_else(word: str, field: str) -> None:
    star = "*" if field == "critical" else ""
    wanted = [word + star if x.strip("*") == word else x for x in order(made(**EVERYTHING))]
    marked = made(**EVERYTHING | {field: [word]})
    assert order(marked) == wanted
    assert [x.value for x in marked] == [x.value for x in made(**EVERYTHING)]


@pytest.mark.parametrize("word", ALL)
def test_a_raw_value_stands_in_its_place_and_is_as_critical_as_usual(word: str) -> None:
    found = made(**EVERYTHING, raw={word: "de ad"})
    assert order(found) == order(made(**EVERYTHING))
    assert value(found, word) == "dead"
    assert sum(x.value == b"\xde\xad" for x in found) == 1


@pytest.mark.parametrize(("marks", "star"), [({}, ""), ({"critical": ["nc"]}, "*")])
def test_a_raw_value_of_what_is_not_usual_there_stands_behind(
    marks: dict[str, Any], star: str
) -> None:
    found = made(raw={"nc": "3000"}, **marks)
    assert order(found) == ["ku*", "eku", "bc*", "ski", "aki", "san", f"nc{star}"]
    assert value(found, "nc") == "3000"


def test_no_raw_value_is_empty_by_mistake() -> None:
    assert value(made(raw={"san": ""}), "san") == ""


def test_further_extensions_stand_behind_in_their_order_and_padding_last() -> None:
    found = made(
        raw={"nc": "3000"},
        add=[
            {"oid": "1.3.6.1.4.1.32473.2", "value": "0500", "critical": True},
            {"oid": "2.5.29.17", "value": "3000"},
        ],
        padding=7,
    )
    assert order(found)[-4:] == ["nc", "1.3.6.1.4.1.32473.2*", "san", PADDING]
    assert found[-1].value == bytes(7)
    assert order(found).count("san") == 2


@pytest.mark.parametrize("octets", [1, 40_000])
def test_padding_has_exactly_so_many_octets(octets: int) -> None:
    assert len(made(padding=octets)[-1].value) == octets
    assert PADDING not in order(made())


@pytest.mark.parametrize("word", ["key_usage", "extended_key_usage"])
def test_usages_of_no_kind_are_an_empty_list_and_no_missing_one(word: str) -> None:
    """`ku-zero-bits` and `eku-empty`: a BIT STRING without bits, a SEQUENCE of none."""
    empty = {"key_usage": ("ku", "030100"), "extended_key_usage": ("eku", "3000")}
    short, written = empty[word]
    said: dict[str, Any] = {word: []}
    assert value(made(**said), short) == written


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"path_length": 7}, x509.BasicConstraints(True, 7)),
        ({"ca": False}, x509.BasicConstraints(False, None)),
    ],
)
def test_a_ca_says_what_the_file_says(said: dict[str, Any], expected: x509.ExtensionType) -> None:
    assert value(made("intermediate", names=(), **said), "bc") == theirs(expected)


def test_limits_need_not_be_critical() -> None:
    limits = {"excluded": ["corp.test", "10.0.0.0/8"], "critical": False}
    assert "nc" in order(made("intermediate", names=(), name_constraints=limits))


def test_a_name_that_cannot_be_written_is_said() -> None:
    with pytest.raises(MitmailError, match="'localhost' cannot be written as ip"):
        made(names=("ip:localhost",))
