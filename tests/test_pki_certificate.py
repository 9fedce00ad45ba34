"""Certificates: others read back each field we wrote, and we each field that others wrote."""

import random
import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from bench import need
from mitmail.errors import MitmailError
from mitmail.pki import certificate, der, extension, key
from mitmail.pki.certificate import Recipe
from mitmail.pki.extension import Extension
from mitmail.pki.name import distinguished_name
from mitmail.pki.signature import sign, signature_algorithm

KEY = key.generate("ec256")
PLAIN = Recipe(
    subject=distinguished_name([("CN", "mail.customer.test")]),
    issuer=distinguished_name([("O", "Customer"), ("CN", "Root")]),
    not_before=datetime(2020, 2, 29, 1, 2, 3, tzinfo=UTC),
    not_after=datetime(2050, 1, 1, tzinfo=UTC),
    spki=key.spki(KEY),
    extensions=(
        Extension("1.2.3.4", b"\x05\x00", critical=True),
        extension.subject_alternative_name(["mail.customer.test"]),
        extension.basic_constraints(False, critical=False),
    ),
)


def openssl(*arguments: str, data: bytes = b"") -> str:
    command = [need("openssl"), *arguments]
    ran = subprocess.run(command, input=data, capture_output=True, timeout=30, check=False)
    return (ran.stdout + ran.stderr).decode("latin-1")


def shown(made: bytes) -> str:
    return openssl("x509", "-inform", "DER", "-noout", "-text", data=made)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A certificate that OpenSSL made, with its own order and shapes."""
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "config").write_text("[req]\ndistinguished_name=dn\n[dn]\n")
    openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "90", "-sha384", "-utf8"),
        *("-config", str(folder / "config"), "-outform", "DER", "-set_serial", "0x80aabbccdd"),
        *("-subj", "/C=CZ/O=Zákazník/CN=mail.customer.test"),
        *("-addext", "keyUsage=critical,cRLSign", "-addext", "basicConstraints=critical,CA:TRUE"),
        *("-addext", "subjectAltName=DNS:mail.customer.test,DNS:*.customer.test,IP:127.0.0.1"),
        *("-keyout", str(folder / "key"), "-out", str(folder / "cert.der")),
    )
    return (folder / "cert.der").read_bytes()


def test_cryptography_reads_back_every_field() -> None:
    theirs = x509.load_der_x509_certificate(certificate.make(PLAIN, KEY))
    assert theirs.version is x509.Version.v3
    assert theirs.serial_number == PLAIN.serial
    assert theirs.subject.public_bytes() == PLAIN.subject
    assert theirs.issuer.public_bytes() == PLAIN.issuer
    assert theirs.not_valid_before_utc == PLAIN.not_before
    assert theirs.not_valid_after_utc == PLAIN.not_after
    assert theirs.public_key() == KEY.public_key()
    assert [(e.oid.dotted_string, e.critical) for e in theirs.extensions] == [
        ("1.2.3.4", True),
        ("2.5.29.17", False),
        ("2.5.29.19", False),
    ]


@pytest.mark.parametrize("kind", ["rsa2048", "ec384", "ed25519"])
def test_cryptography_finds_the_signature_good_and_a_flipped_bit_bad(kind: str) -> None:
    signer = key.generate(kind)
    recipe = replace(PLAIN, issuer=PLAIN.subject, spki=key.spki(signer))
    made = certificate.make(recipe, signer)
    good = x509.load_der_x509_certificate(made)
    bad = x509.load_der_x509_certificate(made[:-1] + bytes([made[-1] ^ 1]))
    good.verify_directly_issued_by(good)
    with pytest.raises(InvalidSignature):
        bad.verify_directly_issued_by(good)


def test_serials_are_twenty_octets_positive_and_never_the_same() -> None:
    """RFC 5280 4.1.2.2: positive, at most 20 octets."""
    serials = [certificate.random_serial() for _ in range(5000)]
    assert {(serial.bit_length() + 7) // 8 for serial in serials} == {20}
    assert {len(der.integer(serial)) for serial in serials} == {22}
    assert len(set(serials)) == 5000
    assert replace(PLAIN).serial == PLAIN.serial
    fresh = {certificate.parse(certificate.make(plain(), KEY)).serial for _ in range(5)}
    assert len(fresh) == 5


def plain() -> Recipe:
    return Recipe(
        subject=PLAIN.subject,
        issuer=PLAIN.issuer,
        not_before=PLAIN.not_before,
        not_after=PLAIN.not_after,
        spki=PLAIN.spki,
    )


@pytest.mark.parametrize(
    ("serial", "said"),
    [
        (0, "Serial Number: 0 (0x0)"),
        (-5, "Serial Number: -5 (-0x5)"),
        (b"\x00\x00\x01", "Serial Number: 1 (0x1)"),
        (b"\x7f" * 21, "Serial Number:\n            " + ":".join(["7f"] * 21)),
    ],
)
def test_any_serial_can_be_written(serial: int | bytes, said: str) -> None:
    """Faults of RFC 5280 4.1.2.2 that cryptography's builder refuses to make."""
    recipe = replace(PLAIN, serial=serial)
    if serial == b"\x00\x00\x01":  # OpenSSL 3 does not load what is not minimal
        made = certificate.make(recipe, KEY)
        assert "d=2  hl=2 l=   3 prim: INTEGER" in openssl(
            "asn1parse", "-inform", "DER", data=made
        )
        return
    assert said in shown(certificate.make(recipe, KEY))


@pytest.mark.parametrize(
    ("version", "said"), [(1, "Version: 1 (0x0)"), (2, "Version: 2 (0x1)"), (4, "Unknown (3)")]
)
def test_any_version_can_be_written(version: int, said: str) -> None:
    made = certificate.make(replace(PLAIN, version=version, extensions=()), KEY)
    assert said in shown(made)
    assert certificate.parse(made).version == version


def test_a_raw_validity_stands_in_for_the_times() -> None:
    garbage = der.sequence(der.tlv(der.UTC_TIME, b"tomorrow"), der.time(PLAIN.not_after))
    made = certificate.make(replace(PLAIN, validity=garbage), KEY)
    assert "Not Before: Bad time value" in shown(made)
    with pytest.raises(MitmailError, match="not a time"):
        certificate.parse(made)


def test_raw_extensions_stand_in_for_the_extensions() -> None:
    """RFC 5280 4.1.2.9 wants one or more; critical FALSE is never written in DER."""
    empty = certificate.make(replace(PLAIN, raw_extensions=b""), KEY)
    assert certificate.parse(empty).extensions == ()
    assert "cont [ 3 ]" in openssl("asn1parse", "-inform", "DER", data=empty)
    oid, value = der.oid("2.5.29.19"), der.octet_string(der.sequence())
    explicit = der.sequence(oid, der.boolean(False), value)
    made = certificate.make(replace(PLAIN, raw_extensions=explicit), KEY)
    assert "BOOLEAN           :0" in openssl("asn1parse", "-inform", "DER", data=made)
    assert certificate.parse(made).extensions == (Extension("2.5.29.19", der.sequence()),)


def test_another_algorithm_can_be_named_inside_than_outside() -> None:
    """RFC 5280 4.1.1.2 wants them the same."""
    _, signature = sign(KEY, PLAIN.tbs(signature_algorithm(KEY, "sha384")))
    tbs, outer = PLAIN.tbs(signature_algorithm(KEY, "sha384")), signature_algorithm(KEY)
    text = shown(der.sequence(tbs, outer, der.bit_string(signature)))
    assert "ecdsa-with-SHA384" in text
    assert "ecdsa-with-SHA256" in text


@pytest.mark.parametrize("kind", ["ec256", "rsa2048"])
def test_the_outer_hash_is_named_outside_only_and_the_inner_one_signs(kind: str) -> None:
    """cryptography checks the signature itself, by the algorithm that is named inside."""
    signer = key.generate(kind)
    recipe = replace(PLAIN, issuer=PLAIN.subject, spki=key.spki(signer))
    made = certificate.make(recipe, signer, outer_hash="sha512")
    inner, outer = re.findall(r"Signature Algorithm: .*(SHA\d+)", shown(made), re.IGNORECASE)
    assert (inner.lower(), outer.lower()) == ("sha256", "sha512")
    theirs = x509.load_der_x509_certificate(made)
    public = signer.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(theirs.signature, theirs.tbs_certificate_bytes, PKCS1v15(), hashes.SHA256())
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(theirs.signature, theirs.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))


def test_an_outer_hash_that_signed_is_nothing_odd() -> None:
    recipe = replace(PLAIN, issuer=PLAIN.subject)
    same = x509.load_der_x509_certificate(certificate.make(recipe, KEY, outer_hash="sha256"))
    same.verify_directly_issued_by(same)


def test_an_unknown_outer_hash_is_said() -> None:
    with pytest.raises(MitmailError, match="'sha3' is unknown; one of: sha256"):
        certificate.make(PLAIN, KEY, outer_hash="sha3")


def test_no_extensions_leave_no_trace() -> None:
    made = certificate.make(replace(PLAIN, extensions=()), KEY)
    assert "cont [ 3 ]" not in openssl("asn1parse", "-inform", "DER", data=made)


def test_our_reader_agrees_with_cryptography_about_openssls_certificate(foreign: bytes) -> None:
    ours, theirs = certificate.parse(foreign), x509.load_der_x509_certificate(foreign)
    assert ours.version == 3
    assert ours.serial == bytes.fromhex("0080aabbccdd")
    assert ours.subject == theirs.subject.public_bytes()
    assert ours.issuer == theirs.issuer.public_bytes()
    assert (ours.not_before, ours.not_after) == (
        theirs.not_valid_before_utc,
        theirs.not_valid_after_utc,
    )
    assert ours.validity in foreign
    assert ours.spki in foreign
    assert [(e.oid, e.critical, e.value) for e in ours.extensions] == [
        (e.oid.dotted_string, e.critical, e.value.public_bytes()) for e in theirs.extensions
    ]
    assert len(ours.extensions) == 4


def test_an_extension_is_found_by_its_oid(foreign: bytes) -> None:
    parsed = certificate.parse(foreign)
    found = parsed.extension("2.5.29.15")
    assert found
    assert found.critical
    assert parsed.extension("2.5.29.99") is None


@pytest.mark.parametrize(
    "data",
    [b"", b"\x30\x00", b"\x30\x03\x02\x01\x01", b"-----BEGIN CERTIFICATE-----", bytes(300)],
)
def test_what_is_no_certificate_is_said(data: bytes) -> None:
    with pytest.raises(MitmailError, match=r"^not an X\.509 certificate: "):
        certificate.parse(data)


def test_octets_behind_the_end_are_said(foreign: bytes) -> None:
    with pytest.raises(MitmailError, match="4 octets behind the end"):
        certificate.parse(foreign + bytes(4))


def test_a_damaged_certificate_is_read_or_refused_and_nothing_else(foreign: bytes) -> None:
    chance = random.Random(1)
    said = set()
    for _ in range(3000):
        damaged = bytearray(foreign)
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            certificate.parse(bytes(damaged[: chance.choice((None, -1, 200))]))
        except MitmailError as error:
            said.add(str(error))
    assert len(said) > 20
    assert all(each.isprintable() and len(each) < 200 for each in said)


def test_pem_and_fingerprint_are_openssls(foreign: bytes, tmp_path: Path) -> None:
    theirs = openssl("x509", "-inform", "DER", "-fingerprint", "-sha256", data=foreign)
    fingerprint, _, pem = theirs.partition("\n")
    assert certificate.pem(foreign).decode() == pem
    assert certificate.sha256(foreign) == fingerprint.split("=")[1].replace(":", "").lower()
    assert certificate.from_pem(b"before\n" + pem.encode() * 2 + b"after") == (foreign, foreign)


@pytest.mark.parametrize("inside", [b"", b"AAAA", b"A\n", b"!!!!\n", b"AA=A\n"])
def test_what_is_no_pem_is_said(inside: bytes) -> None:
    text = b"-----BEGIN CERTIFICATE-----\n" + inside + b"-----END CERTIFICATE----"
    with pytest.raises(MitmailError, match="PEM certificate"):
        certificate.from_pem(text)
