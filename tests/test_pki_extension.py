"""Extensions: each value is cryptography's own encoding, to the octet."""

import ipaddress

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from mitmail.errors import MitmailError
from mitmail.pki import extension
from mitmail.pki.extension import Extension

KEY_ID = bytes(range(20))


def dns(*names: str) -> list[x509.GeneralName]:
    return [x509.DNSName(name) for name in names]


def net(*networks: str) -> list[x509.GeneralName]:
    return [x509.IPAddress(ipaddress.ip_network(each)) for each in networks]


@pytest.mark.parametrize(
    ("ours", "theirs", "critical"),
    [
        (extension.basic_constraints(True), x509.BasicConstraints(True, None), True),
        (extension.basic_constraints(True, 0), x509.BasicConstraints(True, 0), True),
        (extension.basic_constraints(True, 200), x509.BasicConstraints(True, 200), True),
        (
            extension.basic_constraints(False, critical=False),
            x509.BasicConstraints(False, None),
            False,
        ),
        (
            extension.extended_key_usage(*extension.EXTENDED_KEY_USAGES),
            x509.ExtendedKeyUsage(
                [
                    ExtendedKeyUsageOID.SERVER_AUTH,
                    ExtendedKeyUsageOID.CLIENT_AUTH,
                    ExtendedKeyUsageOID.CODE_SIGNING,
                    ExtendedKeyUsageOID.EMAIL_PROTECTION,
                    ExtendedKeyUsageOID.TIME_STAMPING,
                    ExtendedKeyUsageOID.OCSP_SIGNING,
                    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
                ]
            ),
            False,
        ),
        (
            extension.subject_alternative_name(
                ["mail.customer.test", "*.hoster.test", "bücher.test", "127.0.0.1", "::1"]
            ),
            x509.SubjectAlternativeName(
                [
                    *dns("mail.customer.test", "*.hoster.test", "xn--bcher-kva.test"),
                    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
                    x509.IPAddress(ipaddress.ip_address("::1")),
                ]
            ),
            False,
        ),
        (
            extension.subject_key_identifier(KEY_ID),
            x509.SubjectKeyIdentifier(KEY_ID),
            False,
        ),
        (
            extension.authority_key_identifier(KEY_ID),
            x509.AuthorityKeyIdentifier(KEY_ID, None, None),
            False,
        ),
        (
            extension.name_constraints(["customer.test", "127.0.0.0/8", "::1"], ["10.0.0.0/8"]),
            x509.NameConstraints(
                [*dns("customer.test"), *net("127.0.0.0/8", "::1/128")], net("10.0.0.0/8")
            ),
            True,
        ),
        (
            extension.name_constraints(excluded=["customer.test"], critical=False),
            x509.NameConstraints(None, dns("customer.test")),
            False,
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, x509.ExtensionType) else None,
)
def test_the_value_is_cryptographys(
    ours: Extension, theirs: x509.ExtensionType, critical: bool
) -> None:
    assert ours == Extension(theirs.oid.dotted_string, theirs.public_bytes(), critical)


def test_every_key_usage_word_sets_the_bit_that_cryptography_calls_so() -> None:
    theirs = {
        "digitalSignature": "digital_signature",
        "nonRepudiation": "content_commitment",
        "keyEncipherment": "key_encipherment",
        "dataEncipherment": "data_encipherment",
        "keyAgreement": "key_agreement",
        "keyCertSign": "key_cert_sign",
        "cRLSign": "crl_sign",
        "encipherOnly": "encipher_only",
        "decipherOnly": "decipher_only",
    }
    assert list(theirs) == list(extension.KEY_USAGES)
    for word, field in theirs.items():
        bits = dict.fromkeys(theirs.values(), False)
        names = [word]
        if word in ("encipherOnly", "decipherOnly"):  # cryptography wants keyAgreement with them
            bits["key_agreement"] = True
            names.append("keyAgreement")
        bits[field] = True
        assert extension.key_usage(*names).value == x509.KeyUsage(**bits).public_bytes()


def test_critical_is_written_only_when_true() -> None:
    """X.690 11.5: a DEFAULT value is left out."""
    assert Extension("2.5.29.17", b"\x30\x00").der().hex() == "30090603551d1104023000"
    assert Extension("2.5.29.17", b"\x30\x00", True).der().hex() == "300c0603551d110101ff04023000"


@pytest.mark.parametrize(
    ("word", "oid"),
    [
        ("aia", x509.oid.ExtensionOID.AUTHORITY_INFORMATION_ACCESS),
        ("sia", x509.oid.ExtensionOID.SUBJECT_INFORMATION_ACCESS),
        ("crldp", x509.oid.ExtensionOID.CRL_DISTRIBUTION_POINTS),
        ("freshestcrl", x509.oid.ExtensionOID.FRESHEST_CRL),
        ("policies", x509.oid.ExtensionOID.CERTIFICATE_POLICIES),
        ("policymappings", x509.oid.ExtensionOID.POLICY_MAPPINGS),
        ("policyconstraints", x509.oid.ExtensionOID.POLICY_CONSTRAINTS),
        ("anypolicy", x509.oid.ExtensionOID.INHIBIT_ANY_POLICY),
        ("ian", x509.oid.ExtensionOID.ISSUER_ALTERNATIVE_NAME),
        ("sct", x509.oid.ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS),
        ("poison", x509.oid.ExtensionOID.PRECERT_POISON),
        ("tlsfeature", x509.oid.ExtensionOID.TLS_FEATURE),
        ("ski", x509.oid.ExtensionOID.SUBJECT_KEY_IDENTIFIER),
        ("aki", x509.oid.ExtensionOID.AUTHORITY_KEY_IDENTIFIER),
    ],
)
def test_the_short_words_mean_cryptographys_oids(word: str, oid: x509.ObjectIdentifier) -> None:
    assert extension.OID[word] == oid.dotted_string


@pytest.mark.parametrize("odd", ["a..b", " a", "a_b.test", "a.test.", "", "x" * 300, "a\0b"])
def test_an_odd_ascii_name_is_written_as_it_is(odd: str) -> None:
    """A faulty name is what a scenario may be about."""
    assert extension.subject_alternative_name([odd]).value.endswith(odd.encode())


def test_a_name_without_an_idna_form_is_said() -> None:
    with pytest.raises(MitmailError, match="has no IDNA form"):
        extension.subject_alternative_name(["bücher..test"])


def test_unknown_words_are_answered_with_the_known_ones() -> None:
    with pytest.raises(MitmailError, match="digitalSignature, nonRepudiation"):
        extension.key_usage("digitalsignature")
    with pytest.raises(MitmailError, match="serverAuth, clientAuth"):
        extension.extended_key_usage("ipsec")
