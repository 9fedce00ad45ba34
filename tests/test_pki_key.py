"""Keys: of the kind asked for, written and read back, their public halves in every form."""

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, rsa, x25519

from bench import need
from mitmail.errors import MitmailError
from mitmail.pki import der, key
from mitmail.pki.key import Key
from mitmail.pki.keypool import KeyPool

SHOWN = {  # what openssl prints of each
    "rsa512": ("Private-Key: (512 bit, 2 primes)", "publicExponent: 65537"),
    "rsa1024": ("Private-Key: (1024 bit, 2 primes)", "publicExponent: 65537"),
    "rsa2047": ("Private-Key: (2047 bit, 2 primes)", "publicExponent: 65537"),
    "rsa2048": ("Private-Key: (2048 bit, 2 primes)", "publicExponent: 65537"),
    "rsa2048-e3": ("Private-Key: (2048 bit, 2 primes)", "publicExponent: 3 "),
    "rsa3072": ("Private-Key: (3072 bit, 2 primes)", "publicExponent: 65537"),
    "rsa4096": ("Private-Key: (4096 bit, 2 primes)", "publicExponent: 65537"),
    "rsa8192": ("Private-Key: (8192 bit, 2 primes)", "publicExponent: 65537"),
    "ec224": ("ASN1 OID: secp224r1", "Private-Key: (224 bit)"),
    "ec256": ("ASN1 OID: prime256v1", "Private-Key: (256 bit)"),
    "ec384": ("ASN1 OID: secp384r1", "Private-Key: (384 bit)"),
    "ec521": ("ASN1 OID: secp521r1", "Private-Key: (521 bit)"),
    "secp256k1": ("ASN1 OID: secp256k1", "Private-Key: (256 bit)"),
    "brainpool256": ("ASN1 OID: brainpoolP256r1", "Private-Key: (256 bit)"),
    "ed25519": ("ED25519 Private-Key",),
    "ed448": ("ED448 Private-Key",),
    "dsa2048": ("Private-Key: (2048 bit)", "Q:", "G:"),
}
# A key of 8192 bits takes ten seconds on a bad day.
KINDS = [pytest.param(x, marks=pytest.mark.long if x == "rsa8192" else ()) for x in key.KINDS]
MLDSA65 = "2.16.840.1.101.3.4.3.18"  # RFC 9881 2; OpenSSL 3.0 reads the structure alone


@pytest.fixture(scope="module")
def pool() -> KeyPool:
    return KeyPool()


def openssl(*arguments: str, data: bytes) -> bytes:
    command = [need("openssl"), *arguments]
    return subprocess.run(command, input=data, capture_output=True, timeout=60, check=True).stdout


def test_every_kind_is_shown_to_an_independent_reader() -> None:
    assert {*SHOWN, "mldsa65"} == set(key.KINDS)


@pytest.mark.parametrize("kind", [x for x in KINDS if x.values[0] in SHOWN])
def test_openssl_finds_the_kind_that_was_asked_for(pool: KeyPool, kind: str) -> None:
    text = openssl("pkey", "-noout", "-text", data=key.pem(pool.get(kind, "a"))).decode()
    for words in SHOWN[kind]:
        assert words in text


@pytest.mark.parametrize("kind", ["rsa512", "rsa1024", "rsa2047", "rsa2048-e3", "ec224", "ec521"])
def test_openssl_finds_nothing_wrong_with_the_numbers(kind: str) -> None:
    """Among others, that the primes are primes."""
    text = openssl("pkey", "-noout", "-check", data=key.pem(key.generate(kind)))
    assert text.strip() == b"Key is valid"


def test_openssl_finds_mldsa65_by_its_number(pool: KeyPool) -> None:
    made = pool.get("mldsa65", "a")
    for text in (key.pem(made), _as_pem(key.spki(made))):
        assert f":{MLDSA65}" in openssl("asn1parse", data=text).decode()
    assert isinstance(serialization.load_der_public_key(key.spki(made)), mldsa.MLDSA65PublicKey)


def _as_pem(spki: bytes) -> bytes:
    return serialization.load_der_public_key(spki).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@pytest.mark.parametrize("kind", ["rsa512", "rsa2048", "ec256", "ed448", "dsa2048", "mldsa65"])
def test_no_two_keys_are_the_same(kind: str) -> None:
    assert key.spki(key.generate(kind)) != key.spki(key.generate(kind))


def test_an_unknown_kind_is_answered_with_the_known_ones() -> None:
    with pytest.raises(MitmailError, match=r"'rsa1' is unknown; one of: rsa512, .*, mldsa65$"):
        key.generate("rsa1")


def test_a_cryptography_without_mldsa_is_said_when_such_a_key_is_asked_for() -> None:
    program = (
        "import sys\n"
        "import cryptography.hazmat.primitives.asymmetric as asymmetric\n"
        "import cryptography.hazmat.primitives.serialization\n"
        "asymmetric.__dict__.pop('mldsa', None)\n"
        "sys.modules[asymmetric.__name__ + '.mldsa'] = None\n"
        "from mitmail.pki import key\n"
        "assert key.load(key.pem(key.generate('ed448')))\n"
        "try: key.generate('mldsa65')\n"
        "except key.MitmailError as error: print(error)\n"
    )
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, capture_output=True, timeout=30, check=True, text=True)
    assert "'mldsa65' is not in this version of cryptography" in ran.stdout
    assert len(ran.stdout.splitlines()) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_comes_back_from_its_pem_as_what_it_was(pool: KeyPool, kind: str) -> None:
    kept = pool.get(kind, "a")
    again = key.load(key.pem(kept))
    assert key.pem(again) == key.pem(kept)
    assert key.spki(again) == key.spki(kept)
    assert key.kind_of(again) == key.kind_of(kept) == kind


@pytest.mark.parametrize("kind", [x for x in KINDS if x.values[0] in SHOWN])
def test_openssl_derives_the_same_public_key_from_the_pem(pool: KeyPool, kind: str) -> None:
    made = pool.get(kind, "a")
    theirs = openssl("pkey", "-pubout", "-outform", "DER", data=key.pem(made))
    assert theirs == key.spki(made)


def _foreign(made: ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey, word: bytes) -> bytes:
    return made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(word) if word else serialization.NoEncryption(),
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"", "not a PEM private key"),
        (
            b"-----BEGIN PRIVATE " + b"KEY-----\nAAAA\n-----END PRIVATE " + b"KEY-----\n",
            "not a PEM private key",
        ),
        (b"\xff" * 100, "not a PEM private key"),
        (_foreign(ec.generate_private_key(ec.SECP256R1()), b"word"), "without a password"),
        (_foreign(x25519.X25519PrivateKey.generate(), b""), "not a key that signs.* rsa512, "),
    ],
    ids=["empty", "cut", "garbage", "encrypted", "x25519"],
)
def test_what_is_no_usable_key_is_refused_in_one_line(text: bytes, complaint: str) -> None:
    with pytest.raises(MitmailError, match=complaint) as caught:
        key.load(text)
    assert "\n" not in str(caught.value)


NUMBERS = ("n", "e", "d", "p", "q", "dp", "dq", "qinv")


def _rsa_text(made: Key, **changed: int) -> bytes:
    """The RSAPrivateKey of RFC 8017 A.1.2, with some of its numbers changed."""
    assert isinstance(made, rsa.RSAPrivateKey)
    own = made.private_numbers()
    public = own.public_numbers
    values = (public.n, public.e, own.d, own.p, own.q, own.dmp1, own.dmq1, own.iqmp)
    numbers = dict(zip(NUMBERS, values, strict=True)) | changed
    content = der.sequence(der.integer(0), *map(der.integer, numbers.values()))
    return openssl("base64", data=content).join(
        (b"-----BEGIN RSA PRIVATE " + b"KEY-----\n", b"-----END RSA PRIVATE " + b"KEY-----\n")
    )


@pytest.mark.parametrize("value", ["other", 0, 1])
@pytest.mark.parametrize("number", NUMBERS)
def test_a_damaged_number_of_an_rsa_key_is_noticed(
    pool: KeyPool, number: str, value: int | str
) -> None:
    """One wrong number makes wrong signatures, which would be blamed on the client."""
    made, other = pool.get("rsa2048", "a"), pool.get("rsa2048", "other")
    assert key.spki(key.load(_rsa_text(made))) == key.spki(made)
    if isinstance(value, str):
        value = 3 if number == "e" else _numbers(other)[number]
    with pytest.raises(MitmailError, match=r"damaged RSA key|not a PEM private key"):
        key.load(_rsa_text(made, **{number: value}))


def _numbers(made: Key) -> dict[str, int]:
    assert isinstance(made, rsa.RSAPrivateKey)
    own = made.private_numbers()
    return {
        "n": own.public_numbers.n, "d": own.d, "p": own.p, "q": own.q,
        "dp": own.dmp1, "dq": own.dmq1, "qinv": own.iqmp,
    }  # fmt: skip


@pytest.mark.parametrize("kind", [kind for kind in SHOWN if kind != "rsa8192"])
def test_the_key_id_is_method_1_as_cryptography_computes_it(pool: KeyPool, kind: str) -> None:
    made = pool.get(kind, "a")
    public = made.public_key()
    assert not isinstance(public, mldsa.MLDSA65PublicKey)
    assert key.key_id(made) == x509.SubjectKeyIdentifier.from_public_key(public).digest


def test_the_key_id_of_mldsa65_is_method_1_as_openssl_digests_it(pool: KeyPool) -> None:
    made = pool.get("mldsa65", "a")
    public = made.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )
    assert key.key_id(made) == openssl("dgst", "-sha1", "-binary", data=public)


def test_a_pss_public_key_is_one_to_openssl(pool: KeyPool) -> None:
    shown = openssl(
        "pkey", "-pubin", "-inform", "DER", "-noout", "-text",
        data=key.spki(pool.get("rsa2048", "a"), "pss"),
    ).decode()  # fmt: skip
    assert shown.startswith("Public-Key: (2048 bit)")
    assert "No PSS parameter restrictions" in shown


def test_a_pss_public_key_begins_as_those_that_openssl_makes(pool: KeyPool) -> None:
    made = key.spki(pool.get("rsa2048", "a"), "pss")
    options = ("-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048")
    theirs = openssl("genpkey", *options, data=b"")
    public = openssl("pkey", "-pubout", "-outform", "DER", data=theirs)
    algorithm, _ = der.children(der.read(public).content)
    assert made.startswith(public[:4] + algorithm.raw)


@pytest.mark.parametrize(("kind", "form"), [("rsa2048", "pss"), ("ec256", "explicit")])
def test_a_form_changes_nothing_of_the_key_itself(pool: KeyPool, kind: str, form: str) -> None:
    made = pool.get(kind, "a")
    assert key.spki(made, form) != key.spki(made) == key.spki(made, "plain")
    theirs = serialization.load_der_public_key(key.spki(made, form))
    assert theirs == made.public_key()


def test_an_explicit_public_key_is_the_one_that_openssl_writes(pool: KeyPool) -> None:
    made = pool.get("ec256", "a")
    options = ("-pubout", "-outform", "DER", "-ec_param_enc", "explicit")
    assert key.spki(made, "explicit") == openssl("pkey", *options, data=key.pem(made))


@pytest.mark.parametrize(
    ("kind", "form", "complaint"),
    [
        ("ec256", "pss", "'pss' is for RSA keys, not for ec256"),
        ("ed448", "pss", "'pss' is for RSA keys, not for ed448"),
        ("rsa2048", "explicit", "'explicit' is for ec256, not for rsa2048"),
        ("secp256k1", "explicit", "'explicit' is for ec256, not for secp256k1"),
        ("ec256", "odd", "form 'odd' is unknown; one of: plain, pss, explicit"),
    ],
)
def test_a_form_that_the_kind_has_not_is_said(
    pool: KeyPool, kind: str, form: str, complaint: str
) -> None:
    with pytest.raises(MitmailError, match=complaint):
        key.spki(pool.get(kind, "a"), form)


def test_what_is_quick_to_import_stays_so(tmp_path: Path) -> None:
    """tlslite-ng takes longer to import than everything else here, and rsa512 alone needs it."""
    program = "import sys; from mitmail.pki import store; print('tlslite' in sys.modules)"
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, capture_output=True, timeout=30, check=True, cwd=tmp_path)
    assert ran.stdout.strip() == b"False"
