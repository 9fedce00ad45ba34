"""Copies: what a simulated antivirus keeps of the certificate that it found upstream."""

import subprocess
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from bench import need
from mitmail.errors import MitmailError
from mitmail.pki import certificate, extension, key
from mitmail.pki.authority import make_root
from mitmail.pki.name import distinguished_name
from mitmail.pki.resign import CopyStyle, copy, guid_serial

NOW = datetime.now(UTC).replace(microsecond=0)
SIGNER = make_root(
    distinguished_name([("OU", "scanning"), ("O", "Shield"), ("CN", "Shield Root (simulated)")]),
    key.generate("rsa2048"),
    NOW - timedelta(days=1),
    NOW + timedelta(days=90),
)
KEY = key.generate("rsa2048")
GEN = CopyStyle(  # measured on the certificates of the Gen engine
    serial="guid",
    subject_key_identifier="upstream",
    authority_key_identifier="issuer",
    drop=frozenset({"aia", "crldp", "policies", "sct", "tlsfeature"}),
)
SKI, AKI = extension.OID["ski"], extension.OID["aki"]
CONFIG = """
[req]
distinguished_name = dn
string_mask = default
[dn]
"""
EXTENSIONS = (
    "keyUsage=critical,digitalSignature",
    "authorityInfoAccess=OCSP;URI:http://ocsp.customer.test",
    "extendedKeyUsage=clientAuth,serverAuth",
    "subjectKeyIdentifier=00112233445566778899",
    "authorityKeyIdentifier=keyid:always",
    "basicConstraints=critical,CA:FALSE",
    "crlDistributionPoints=URI:http://crl.customer.test/a.crl",
    "certificatePolicies=2.23.140.1.2.1",
    "subjectAltName=DNS:b.customer.test,DNS:mail.customer.test,DNS:*.customer.test,IP:127.0.0.1",
    "tlsfeature=status_request",
    "1.2.3.4=critical,DER:0500",
)


def openssl_leaf(folder: Path, *extensions: str, organization: str = "Customer") -> bytes:
    """A leaf that OpenSSL made, in the string types of its old days: Printable and Teletex."""
    (folder / "config").write_text(CONFIG)
    command = [
        *(need("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "42", "-utf8", "-config", str(folder / "config"), "-outform", "DER"),
        *(
            "-subj",
            f"/C=CZ/O={organization}/CN=mail.customer.test",
            "-keyout",
            str(folder / "key"),
        ),
        *(part for each in extensions for part in ("-addext", each)),
    ]
    return subprocess.run(command, capture_output=True, timeout=30, check=True).stdout


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return openssl_leaf(tmp_path_factory.mktemp("upstream"), *EXTENSIONS)


def view(made: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(made)


def extensions_of(made: bytes) -> list[tuple[str, bool, bytes]]:
    found = view(made).extensions
    return [(each.oid.dotted_string, each.critical, each.value.public_bytes()) for each in found]


def field(made: bytes, oid: str) -> bytes | None:
    return next((value for found, _, value in extensions_of(made) if found == oid), None)


def test_the_copy_is_signed_by_the_antivirus_for_its_own_key(upstream: bytes) -> None:
    made = view(copy(upstream, SIGNER, KEY, GEN))
    made.verify_directly_issued_by(view(SIGNER.certificate))
    assert made.public_key() == KEY.public_key()
    assert made.signature_hash_algorithm
    assert made.signature_hash_algorithm.name == "sha256"


def test_subject_and_validity_are_the_upstreams_octets(upstream: bytes) -> None:
    made, theirs = view(copy(upstream, SIGNER, KEY, GEN)), view(upstream)
    assert made.subject.public_bytes() == theirs.subject.public_bytes()
    assert theirs.subject.public_bytes() in upstream
    assert made.not_valid_before_utc == theirs.not_valid_before_utc
    assert made.not_valid_after_utc == theirs.not_valid_after_utc


def test_a_subject_that_cryptography_cannot_read_is_copied_all_the_same(tmp_path: Path) -> None:
    """TeletexString in Latin-1, as old CAs wrote it."""

    def subject(made: bytes) -> str:
        options = ("-noout", "-subject", "-nameopt", "dump_all,dump_der")
        command = [need("openssl"), "x509", "-inform", "DER", *options]
        ran = subprocess.run(command, input=made, capture_output=True, timeout=20, check=True)
        return ran.stdout.decode()

    old = openssl_leaf(tmp_path, organization="Zákazník")
    with pytest.raises(ValueError, match="InvalidValue"):
        view(old).subject.public_bytes()
    assert "#14085AE16B617A6EED6B" in subject(old)
    assert subject(copy(old, SIGNER, KEY, GEN)) == subject(old)


def test_a_validity_in_the_wrong_form_stays_in_it(upstream: bytes) -> None:
    """RFC 5280 wants UTCTime before 2050; a GeneralizedTime is copied as it is."""
    parsed = certificate.parse(upstream)
    odd = bytes.fromhex("3022") + b"\x18\x0f20200101000000Z" + b"\x18\x0f20300101000000Z"
    recipe = certificate.Recipe(
        subject=parsed.subject,
        issuer=parsed.issuer,
        not_before=parsed.not_before,
        not_after=parsed.not_after,
        validity=odd,
        spki=parsed.spki,
    )
    made = copy(certificate.make(recipe, KEY), SIGNER, KEY, GEN)
    assert odd in made
    assert view(made).not_valid_after_utc == datetime(2030, 1, 1, tzinfo=UTC)


def test_every_kept_extension_keeps_value_order_and_criticality(upstream: bytes) -> None:
    gone = {extension.OID[word] for word in GEN.drop}
    wanted = [each for each in extensions_of(upstream) if each[0] not in gone]
    assert len(wanted) == len(extensions_of(upstream)) - 4
    own = x509.AuthorityKeyIdentifier(SIGNER.key_id, None, None).public_bytes()
    rewritten = [(oid, crit, own if oid == AKI else value) for oid, crit, value in wanted]
    assert extensions_of(copy(upstream, SIGNER, KEY, GEN)) == rewritten
    assert rewritten != wanted


def test_nothing_is_dropped_that_was_not_asked_for(upstream: bytes) -> None:
    made = copy(upstream, SIGNER, KEY, replace(GEN, drop=frozenset()))
    assert [each[0] for each in extensions_of(made)] == [
        each[0] for each in extensions_of(upstream)
    ]


def test_missing_key_identifiers_are_put_at_the_end(tmp_path: Path) -> None:
    bare = openssl_leaf(
        tmp_path,
        "subjectKeyIdentifier=none",
        "authorityKeyIdentifier=none",
        "basicConstraints=CA:FALSE",
        "subjectAltName=DNS:mail.customer.test",
    )
    assert field(bare, SKI) is None
    made = copy(bare, SIGNER, KEY, replace(GEN, subject_key_identifier="new"))
    assert [oid for oid, _, _ in extensions_of(made)][-2:] == [SKI, AKI]
    assert [oid for oid, _, _ in extensions_of(copy(bare, SIGNER, KEY, GEN))][-1] == AKI
    assert field(copy(bare, SIGNER, KEY, GEN), SKI) is None


def test_the_subject_key_identifier_follows_the_style(upstream: bytes) -> None:
    def ski(style: Literal["upstream", "new", "none"]) -> bytes | None:
        return field(copy(upstream, SIGNER, KEY, replace(GEN, subject_key_identifier=style)), SKI)

    public_key = KEY.public_key()
    assert isinstance(public_key, rsa.RSAPublicKey)
    of_our_key = x509.SubjectKeyIdentifier.from_public_key(public_key)
    assert ski("upstream") == field(upstream, SKI) == bytes.fromhex("040a00112233445566778899")
    assert ski("new") == of_our_key.public_bytes()
    assert ski("none") is None


def test_the_authority_key_identifier_follows_the_style(upstream: bytes) -> None:
    made = copy(upstream, SIGNER, KEY, replace(GEN, authority_key_identifier="none"))
    assert field(made, AKI) is None
    assert field(upstream, AKI) is not None


def test_the_serial_follows_the_style(upstream: bytes) -> None:
    def serial(style: Literal["guid", "random16", "upstream"]) -> int:
        return view(copy(upstream, SIGNER, KEY, replace(GEN, serial=style))).serial_number

    assert serial("upstream") == view(upstream).serial_number
    assert serial("guid") != serial("guid")
    assert {serial("random16").bit_length() > 120 for _ in range(5)} == {True}


def test_a_guid_serial_is_a_version_4_guid_of_windows_in_sixteen_octets() -> None:
    for _ in range(300):
        number = guid_serial()
        assert 120 < number.bit_length() <= 128
        read = uuid.UUID(bytes_le=number.to_bytes(16))
        assert (read.version, read.variant) == (4, uuid.RFC_4122)


def test_the_hash_follows_the_style(upstream: bytes) -> None:
    made = view(copy(upstream, SIGNER, KEY, replace(GEN, hash="sha1")))
    assert made.signature_hash_algorithm
    assert made.signature_hash_algorithm.name == "sha1"


def test_a_bare_version_1_upstream_stays_one_unless_it_gains_an_extension(tmp_path: Path) -> None:
    parsed = certificate.parse(openssl_leaf(tmp_path))
    recipe = certificate.Recipe(
        subject=parsed.subject,
        issuer=parsed.issuer,
        not_before=parsed.not_before,
        not_after=parsed.not_after,
        spki=parsed.spki,
        version=1,
    )
    old = certificate.make(recipe, KEY)
    silent = replace(GEN, authority_key_identifier="none")
    assert view(copy(old, SIGNER, KEY, silent)).version is x509.Version.v1
    assert view(copy(old, SIGNER, KEY, GEN)).version is x509.Version.v3


def test_an_unknown_extension_word_is_answered_with_the_known_ones() -> None:
    with pytest.raises(MitmailError, match=r"'ocsp' is unknown; one of: .*aia"):
        replace(GEN, drop=frozenset({"ocsp"}))


def test_an_unreadable_upstream_is_said() -> None:
    with pytest.raises(MitmailError, match=r"not an X\.509 certificate"):
        copy(b"\x30\x03abc", SIGNER, KEY, GEN)
