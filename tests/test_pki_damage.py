"""Damage: openssl and cryptography find what was broken, and nothing else that is wrong."""

import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zlib import compress

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench import need
from mitmail.errors import MitmailError
from mitmail.pki import extension, key
from mitmail.pki.authority import make_root
from mitmail.pki.certificate import Recipe, make, pem
from mitmail.pki.damage import CUT, damaged
from mitmail.pki.extension import Extension
from mitmail.pki.name import distinguished_name

NOW = datetime.now(UTC).replace(microsecond=0)
LIFE = (NOW - timedelta(days=1), NOW + timedelta(days=90))
ROOT = make_root(distinguished_name([("CN", "Root")]), key.generate("ec256"), *LIFE)
PLAIN = Recipe(
    subject=distinguished_name([("CN", "mail.customer.test")]),
    issuer=ROOT.subject,
    not_before=LIFE[0],
    not_after=LIFE[1],
    spki=key.spki(key.generate("ec256")),
    serial=0x0123456789,
    extensions=(
        extension.key_usage("digitalSignature"),
        extension.basic_constraints(False),
        extension.subject_alternative_name(["mail.customer.test"]),
        extension.extended_key_usage("serverAuth"),
    ),
)
SIGNED = [
    "long-serial", "empty-extensions", "explicit-critical-false", "explicit-ca-false",
]  # fmt: skip


def openssl(*arguments: str | Path, data: bytes = b"") -> str:
    command = [need("openssl"), *map(str, arguments)]
    ran = subprocess.run(command, input=data, capture_output=True, timeout=30, check=False)
    return (ran.stdout + ran.stderr).decode("latin-1")


def elements(made: bytes) -> list[str]:
    """A line for each element, as openssl's ASN.1 parser shows it."""
    return openssl("asn1parse", "-inform", "DER", data=made).splitlines()


def broken(kind: str, recipe: Recipe = PLAIN) -> bytes:
    return damaged(recipe, ROOT.key, kind)


def verify(made: bytes, folder: Path) -> str:
    (folder / "root.pem").write_bytes(pem(ROOT.certificate))
    (folder / "leaf.pem").write_bytes(pem(made))
    trusted = ("-no-CApath", "-no-CAstore", "-CAfile", folder / "root.pem")
    return openssl("verify", *trusted, folder / "leaf.pem")


def signature_is_good(made: bytes, folder: Path) -> bool:
    """What `openssl dgst` says of the signature over the octets that stand there."""
    at = [re.match(r" *(\d+):d=1 +hl=(\d+) l= *(\d+) ", line) for line in elements(made)]
    tbs, _, signature = (tuple(map(int, found.groups())) for found in at if found)
    (folder / "tbs").write_bytes(made[tbs[0] : sum(tbs)])
    # The first content octet of a BIT STRING counts unused bits.
    (folder / "signature").write_bytes(made[sum(signature[:2]) + 1 : sum(signature)])
    public = ROOT.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "public.pem").write_bytes(public)
    said = openssl(
        *("dgst", "-sha256", "-verify", folder / "public.pem"),
        *("-signature", folder / "signature", folder / "tbs"),
    )
    return "Verified OK" in said


def test_without_damage_nothing_is_wrong(tmp_path: Path) -> None:
    made = make(PLAIN, ROOT.key)
    assert "leaf.pem: OK" in verify(made, tmp_path)
    assert signature_is_good(made, tmp_path)


@pytest.mark.parametrize("kind", SIGNED)
def test_what_is_wrong_in_the_contents_was_signed_so(kind: str, tmp_path: Path) -> None:
    assert signature_is_good(broken(kind), tmp_path)


# -- signed although it is wrong ----


@pytest.mark.parametrize(
    ("serial", "octets"),
    [(0x0123456789, "00000123456789"), (0x80, "00000080"), (b"\x05", "000005")],
)
def test_a_long_serial_is_the_same_number_in_more_octets(serial: int | bytes, octets: str) -> None:
    """X.690 8.3.2: the first nine bits of an INTEGER are never the same."""
    made = broken("long-serial", replace(PLAIN, serial=serial))
    found = re.search(r"(\d+):d=2 +hl=2 l= *(\d+) prim: INTEGER", "\n".join(elements(made)))
    assert found
    start, length = int(found[1]) + 2, int(found[2])
    assert made[start : start + length].hex() == octets
    assert "Could not read" in openssl("x509", "-inform", "DER", "-noout", data=made)
    with pytest.raises(ValueError, match=r"(?i)serial|integer|parsing"):
        x509.load_der_x509_certificate(made)


def test_empty_extensions_are_a_sequence_of_none() -> None:
    """RFC 5280 4.1.2.9: one or more."""
    lines = elements(broken("empty-extensions"))
    (at,) = [number for number, line in enumerate(lines) if "cont [ 3 ]" in line]
    assert re.search(r"d=3 +hl=2 l= *0 cons: SEQUENCE", lines[at + 1])
    assert "d=1" in lines[at + 2]


def booleans(made: bytes) -> list[str]:
    return re.findall(r"BOOLEAN +:(\d+)", "\n".join(elements(made)))


def test_explicit_critical_false_stands_in_each_extension_that_is_not_critical() -> None:
    """X.690 11.5: a DEFAULT is left out; 255 is the true of X.690 11.1."""
    assert booleans(make(PLAIN, ROOT.key)) == ["255", "255"]
    made = broken("explicit-critical-false")
    assert booleans(made) == ["255", "255", "0", "0"]
    assert "Digital Signature" in openssl("x509", "-inform", "DER", "-noout", "-text", data=made)
    with pytest.raises(ValueError, match="EncodedDefault"):
        _ = x509.load_der_x509_certificate(made).extensions


def test_explicit_ca_false_stands_in_basic_constraints_alone() -> None:
    made = broken("explicit-ca-false")
    values = re.findall(r"OCTET STRING +\[HEX DUMP\]:(\w+)", "\n".join(elements(made)))
    good = re.findall(
        r"OCTET STRING +\[HEX DUMP\]:(\w+)", "\n".join(elements(make(PLAIN, ROOT.key)))
    )
    assert [(a, b) for a, b in zip(good, values, strict=True) if a != b] == [
        ("3000", "3003010100")
    ]
    shown = openssl("x509", "-inform", "DER", "-noout", "-text", data=made)
    assert "Basic Constraints: critical\n                CA:FALSE" in shown


# -- the algorithms ----


@pytest.mark.parametrize("kind", ["ec256", "rsa2048"])
@pytest.mark.parametrize("inner", ["sha256", "sha384"])
def test_the_two_algorithms_differ_whichever_signed(kind: str, inner: str) -> None:
    signer = key.generate(kind)
    shown = openssl(
        *("x509", "-inform", "DER", "-noout", "-text"),
        data=damaged(replace(PLAIN, hash=inner), signer, "algorithm-differs"),
    )
    first, second = re.findall(r"Signature Algorithm: .*(SHA\d+)", shown, re.IGNORECASE)
    assert first.lower() == inner
    assert {first.lower(), second.lower()} == {"sha256", "sha384"}


def test_openssl_and_cryptography_refuse_what_has_two_algorithms(tmp_path: Path) -> None:
    made = broken("algorithm-differs")
    assert "certificate signature failure" in verify(made, tmp_path)
    leaf, root = map(x509.load_der_x509_certificate, (made, ROOT.certificate))
    with pytest.raises(ValueError, match="Inner and outer signature algorithms do not match"):
        leaf.verify_directly_issued_by(root)


# -- done to the finished certificate ----


def test_one_flipped_bit_is_all_that_is_wrong_with_the_signature(tmp_path: Path) -> None:
    made = broken("signature-bit")
    assert "certificate signature failure" in verify(made, tmp_path)
    root = x509.load_der_x509_certificate(ROOT.certificate)
    with pytest.raises(InvalidSignature):
        x509.load_der_x509_certificate(made).verify_directly_issued_by(root)
    mended = made[:-1] + bytes([made[-1] ^ 1])
    x509.load_der_x509_certificate(mended).verify_directly_issued_by(root)


def test_a_truncated_certificate_is_the_beginning_of_one() -> None:
    made = broken("truncated")
    assert len(made) == CUT
    # Behind the header, whose length follows that of the signature, all is the same.
    assert made[4:] == make(PLAIN, ROOT.key)[4:CUT]
    _, length = re.findall(r"hl=(\d) l= *(\d+)", elements(make(PLAIN, ROOT.key))[0])[0]
    assert int(length) > CUT
    # Nothing is wrong before it ends: openssl names the first element and then runs out.
    assert "too long" in "\n".join(elements(made))
    with pytest.raises(ValueError, match=r"(?i)short|parsing"):
        x509.load_der_x509_certificate(made)


def test_random_octets_are_no_certificate_and_always_the_same() -> None:
    one, other = broken("random"), broken("random")
    assert one == other, "a client says the same of them each time"
    assert len(one) == CUT
    assert len(compress(one)) > CUT, "nothing in them repeats"
    assert "Could not read" in openssl("x509", "-inform", "DER", "-noout", data=one)


def test_behind_the_trailing_octets_a_good_certificate_stands(tmp_path: Path) -> None:
    made = broken("trailing-octets")
    with pytest.raises(ValueError, match=r"(?i)extra"):
        x509.load_der_x509_certificate(made)
    assert "leaf.pem: OK" in verify(made[:-4], tmp_path)
    assert made[-4:] == b"\0\1\2\3"


def test_a_long_length_is_the_only_thing_that_is_not_der(tmp_path: Path) -> None:
    """BER allows what DER forbids (X.690 10.1), so openssl reads it and finds all well."""
    made = broken("long-length")
    assert elements(made)[0].startswith("    0:d=0  hl=6 ")
    with pytest.raises(ValueError, match=r"(?i)length|parsing"):
        x509.load_der_x509_certificate(made)
    assert "leaf.pem: OK" in verify(made, tmp_path)


# -- what cannot be damaged so ----


def only(*extensions: Extension) -> Recipe:
    return replace(PLAIN, extensions=extensions)


@pytest.mark.parametrize(
    ("kind", "recipe"),
    [
        ("explicit-ca-false", only(extension.key_usage("digitalSignature"))),
        ("explicit-critical-false", only(extension.key_usage("digitalSignature"))),
        ("explicit-critical-false", only()),
    ],
)
def test_a_recipe_without_what_is_to_be_damaged_is_refused(kind: str, recipe: Recipe) -> None:
    """Else a good certificate would be served for a broken one."""
    with pytest.raises(MitmailError, match=f"{kind} needs"):
        broken(kind, recipe)


def test_a_signer_with_one_algorithm_is_refused() -> None:
    with pytest.raises(MitmailError, match="a key of kind ed25519 has but one"):
        damaged(PLAIN, key.generate("ed25519"), "algorithm-differs")


def test_an_unknown_damage_is_answered_with_the_known_ones() -> None:
    with pytest.raises(MitmailError, match="'dent' is unknown; one of: long-serial, empty-ext"):
        broken("dent")
