"""Extensions: each value is cryptography's own encoding, to the octet."""

import ipaddress
import subprocess
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from bench import need
from mitmail.errors import MitmailError
from mitmail.pki import extension, key
from mitmail.pki.certificate import Recipe, make
from mitmail.pki.extension import Extension
from mitmail.pki.name import distinguished_name

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


def at(*urls: str) -> list[x509.GeneralName]:
    return [x509.UniformResourceIdentifier(url) for url in urls]


URLS = ("http://crl.customer.test/1.crl", "ldap://customer.test/cn=CA?crl")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            extension.tls_feature(5),
            x509.TLSFeature([x509.TLSFeatureType.status_request]),
        ),
        (
            extension.tls_feature(5, 17),
            x509.TLSFeature(
                [x509.TLSFeatureType.status_request, x509.TLSFeatureType.status_request_v2]
            ),
        ),
        (
            extension.crl_distribution_points(URLS),
            x509.CRLDistributionPoints([x509.DistributionPoint(at(*URLS), None, None, None)]),
        ),
        (
            extension.authority_information_access(ocsp=URLS, issuers=URLS[:1]),
            x509.AuthorityInformationAccess(
                [
                    *(
                        x509.AccessDescription(AuthorityInformationAccessOID.OCSP, url)
                        for url in at(*URLS)
                    ),
                    x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, at(*URLS)[0]),
                ]
            ),
        ),
        (
            extension.authority_information_access(issuers=URLS[1:]),
            x509.AuthorityInformationAccess(
                [x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, at(*URLS)[1])]
            ),
        ),
    ],
    ids=["must-staple", "two features", "crl", "ocsp and issuer", "issuer"],
)
def test_what_leads_to_revocation_is_cryptographys(
    ours: Extension, theirs: x509.ExtensionType
) -> None:
    assert ours == Extension(theirs.oid.dotted_string, theirs.public_bytes())


def test_a_url_that_is_not_ascii_is_said() -> None:
    with pytest.raises(MitmailError, match=r"'http://bücher\.test' is not ASCII"):
        extension.crl_distribution_points(["http://bücher.test"])
    with pytest.raises(MitmailError, match="is not ASCII; write it percent-encoded"):
        extension.authority_information_access(ocsp=["http://a.test/ü"])


# -- names whose kind is said ----

SRV_NAME = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.7")  # RFC 4985


@pytest.mark.parametrize(
    ("kind", "text", "theirs"),
    [
        ("dns", "mail.customer.test", x509.DNSName("mail.customer.test")),
        ("dns", "*.customer.test", x509.DNSName("*.customer.test")),
        ("dns", "bücher.test", x509.DNSName("xn--bcher-kva.test")),
        ("dns", "127.0.0.1", x509.DNSName("127.0.0.1")),
        ("dns", "", x509.DNSName("")),
        ("dns", "mail\0.evil.test", x509.DNSName("mail\0.evil.test")),
        ("ip", "127.0.0.1", x509.IPAddress(ipaddress.ip_address("127.0.0.1"))),
        ("ip", "::1", x509.IPAddress(ipaddress.ip_address("::1"))),
        ("email", "qa@customer.test", x509.RFC822Name("qa@customer.test")),
        ("uri", "imap://customer.test", x509.UniformResourceIdentifier("imap://customer.test")),
        ("srv", "_imaps.customer.test",
         x509.OtherName(SRV_NAME, b"\x16\x14_imaps.customer.test")),
        ("hex", "8201 61", x509.DNSName("a")),
        ("hex", "87047f000001", x509.IPAddress(ipaddress.ip_address("127.0.0.1"))),
    ],
)  # fmt: skip
def test_a_name_of_each_kind_is_cryptographys(
    kind: str, text: str, theirs: x509.GeneralName
) -> None:
    value = x509.SubjectAlternativeName([theirs]).public_bytes()
    assert extension.general_names([(kind, text)]) == Extension("2.5.29.17", value)


def test_every_kind_of_name_is_tried_here() -> None:
    assert list(extension.GENERAL_NAMES) == ["dns", "utf8", "ip", "email", "uri", "srv", "hex"]


def test_names_stand_in_their_order_and_may_be_critical() -> None:
    names = [("email", "a@b.test"), ("dns", "b.test"), ("ip", "127.0.0.1"), ("dns", "b.test")]
    theirs = x509.SubjectAlternativeName(
        [x509.RFC822Name("a@b.test"), *dns("b.test"),
         x509.IPAddress(ipaddress.ip_address("127.0.0.1")), *dns("b.test")]
    )  # fmt: skip
    made = extension.general_names(names, critical=True)
    assert made == Extension("2.5.29.17", theirs.public_bytes(), True)


def certificate_of(made: Extension) -> bytes:
    signer = key.generate("ec256")
    name = distinguished_name([("CN", "x")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    recipe = Recipe(
        subject=name,
        issuer=name,
        not_before=begin,
        not_after=begin,
        spki=key.spki(signer),
        extensions=(made,),
    )
    return make(recipe, signer)


def shown(made: Extension) -> str:
    """The alternative names of a certificate, as openssl shows them."""
    command = [need("openssl"), "x509", "-inform", "DER", "-noout", "-ext", "subjectAltName"]
    data = certificate_of(made)
    ran = subprocess.run(command, input=data, capture_output=True, timeout=30, check=True)
    return ran.stdout.decode("latin-1")


def test_openssl_sees_each_kind_as_what_it_is() -> None:
    names = [("dns", "a.test"), ("ip", "::1"), ("email", "q@a.test"), ("uri", "imap://a.test")]
    names += [("srv", "_imaps.a.test"), ("hex", "8201 62")]
    assert shown(extension.general_names(names)).splitlines()[1].strip() == (
        "DNS:a.test, IP Address:0:0:0:0:0:0:0:1, email:q@a.test, URI:imap://a.test, "
        "othername: SRVName::_imaps.a.test, DNS:b"
    )


def test_a_utf8_name_is_raw_octets_where_ascii_is_due() -> None:
    """IA5String has 7 bits (RFC 5280 4.2.1.6), so cryptography does not write it at all."""
    made = extension.general_names([("utf8", "bücher.test")])
    assert made.value.hex() == "300e" + "820c" + "b\u00fccher.test".encode().hex()
    assert "DNS:b\u00c3\u00bccher.test" in shown(made)
    with pytest.raises(ValueError, match="A-label"):
        x509.DNSName("bücher.test")


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("ip", "127.0.0", "'127.0.0' cannot be written as ip: "),
        ("ip", "127.0.0.0/8", "cannot be written as ip"),
        ("email", "bücher@a.test", "cannot be written as email"),
        ("uri", "imap://bücher", "cannot be written as uri"),
        ("srv", "_imaps.bücher", "cannot be written as srv"),
        ("hex", "5", "'5' cannot be written as hex"),
        ("hex", "zz", "cannot be written as hex"),
        ("utf8", "\ud800", "cannot be written as utf8"),
        ("dns", "bücher..test", "has no IDNA form"),
        ("xmpp", "a", "the kind of name 'xmpp' is unknown; one of: dns, utf8, ip"),
    ],
)
def test_a_name_that_cannot_be_written_is_said(kind: str, text: str, said: str) -> None:
    with pytest.raises(MitmailError, match=said):
        extension.general_names([(kind, text)])
