"""What a session finds wrong with a certificate; OpenSSL's own program is the second opinion."""

import re
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bench import need
from mitmail.engine import context
from mitmail.engine.fault import faults
from mitmail.engine.spec import Trust
from mitmail.engine.verdict import Witness
from mitmail.manner import Manner, Version
from mitmail.pki import der, extension
from mitmail.pki.authority import Authority
from mitmail.pki.certificate import Recipe, make, pem
from mitmail.pki.identity import Identity
from mitmail.pki.key import generate, spki
from mitmail.pki.name import distinguished_name
from talk import (
    DAY,
    NAME,
    NOW,
    Talk,
    TlsSide,
    blind,
    hello,
    identity,
    key,
    root,
    served_by,
)


def self_signed(names: list[str]) -> Identity:
    """A leaf that vouches for itself."""
    subject = distinguished_name([("CN", NAME)])
    recipe = Recipe(
        subject=subject, issuer=subject, not_before=NOW - DAY, not_after=NOW + DAY,
        spki=spki(key()), extensions=(extension.subject_alternative_name(names),),
    )  # fmt: skip
    return Identity((make(recipe, key()),), key())


def below(
    *, path_length: int | None = 0, valid: int = 1, missing: bool = False, deeper: bool = False
) -> Identity:
    """A leaf below an intermediate, or two."""
    name = distinguished_name([("CN", "middle")])
    until = NOW + valid * DAY
    middle = root().intermediate(name, key(2), NOW - 9 * DAY, until, path_length)
    chain = [middle.certificate]
    if deeper:
        low = distinguished_name([("CN", "low")])
        middle = middle.intermediate(low, key(3), NOW - DAY, NOW + DAY)
        chain.insert(0, middle.certificate)
    leaf = middle.leaf(key(), names=[NAME], not_before=NOW - DAY, not_after=NOW + DAY)
    return Identity((leaf, *([] if missing else chain)), key())


def no_ca() -> Identity:
    """A leaf below a leaf."""
    middle = root().leaf(key(7), names=["ca.test"], not_before=NOW - DAY, not_after=NOW + DAY)
    leaf = Authority(middle, key(7)).leaf(
        key(), names=[NAME], not_before=NOW - DAY, not_after=NOW + DAY
    )
    return Identity((leaf, middle), key())


def for_clients() -> Identity:
    """A leaf whose extendedKeyUsage is for clients only."""
    recipe = Recipe(
        subject=distinguished_name([("CN", NAME)]), issuer=root().subject, not_before=NOW - DAY,
        not_after=NOW + DAY, spki=spki(key()),
        extensions=(
            extension.extended_key_usage("clientAuth"), extension.subject_alternative_name([NAME])
        ),
    )  # fmt: skip
    return Identity((make(recipe, root().key),), key())


def forged() -> Identity:
    """A leaf with our root's name and key identifier as issuer, signed by another key."""
    false = Authority(root().certificate, key(66))
    leaf = false.leaf(key(), names=[NAME], not_before=NOW - DAY, not_after=NOW + DAY)
    return Identity((leaf,), key())


CASES = [
    ("valid", identity(), ()),
    ("valid-wildcard", identity("*.customer.test"), ()),
    ("valid-below", below(), ()),
    ("expired", identity(since=-9, until=-1), ("expired",)),
    ("not-yet-valid", identity(since=1, until=9), ("not-yet-valid",)),
    ("wrong-name", identity("other.test"), ("name-mismatch",)),
    ("wildcard-too-high", identity("*.test"), ("name-mismatch",)),
    ("wildcard-too-deep", identity("*.mail.customer.test"), ("name-mismatch",)),
    ("unknown-issuer", identity(issuer="a stranger"), ("unknown-issuer",)),
    ("self-signed", self_signed([NAME]), ("self-signed",)),
    ("incomplete", below(missing=True), ("unknown-issuer",)),
    ("expired-intermediate", below(valid=-1), ("expired",)),
    ("no-ca", no_ca(), ("constraint", "usage")),
    ("path-too-long", below(deeper=True), ("constraint",)),
    ("for-clients", for_clients(), ("usage",)),
    ("forged", forged(), ("bad-signature",)),
    (
        "everything",
        identity("other.test", since=-9, until=-1, issuer="a stranger"),
        ("unknown-issuer", "expired", "name-mismatch"),
    ),
    (
        "self-signed-and-wrong-name",
        self_signed(["other.test"]),
        ("self-signed", "name-mismatch"),
    ),
]
# X509_V_ERR_* of x509_vfy.h that `openssl verify` prints for each word.
NUMBERS = {
    "expired": {10}, "not-yet-valid": {9}, "name-mismatch": {62}, "unknown-issuer": {20, 21},
    "self-signed": {18}, "constraint": {25, 79}, "usage": {26, 32}, "bad-signature": {7},
}  # fmt: skip


@pytest.mark.parametrize(
    ("presented", "errors"), [(c[1], c[2]) for c in CASES], ids=[c[0] for c in CASES]
)
def test_what_is_wrong_with_a_server_is_recorded_and_refused_by_none(
    presented: Identity, errors: tuple[str, ...], tmp_path: Path
) -> None:
    talk = Talk("imap", "implicit", "implicit")
    TlsSide(talk.server, served_by(presented))
    client = TlsSide(talk.client, blind())
    talk.settle()
    assert client.up
    assert talk.session.upstream is not None
    assert talk.session.upstream.chain == presented.chain
    assert set(talk.session.upstream.errors) == set(errors)
    assert len(talk.session.upstream.errors) == len(errors)
    judged = openssl_verify(presented, tmp_path)
    assert judged <= {number for word in errors for number in NUMBERS[word]}
    assert bool(judged) == bool(errors)


@pytest.mark.parametrize(
    ("asked", "presented", "errors"),
    [
        (NAME, NAME, ()),
        ("other.test", NAME, ("name-mismatch",)),
        ("other.test", "other.test", ()),
        ("no_name_at-all-", NAME, ("name-mismatch",)),
        (None, NAME, ("name-mismatch",)),
        (None, "192.0.2.7", ()),
    ],
)
def test_a_server_can_be_held_to_the_name_that_its_client_asks_for(
    asked: str | None, presented: str, errors: tuple[str, ...]
) -> None:
    """Where no server was named to us: the client's SNI, or else the server's address."""
    trust = Trust(name="192.0.2.7", roots=(root().certificate,), by_sni=True)
    talk = Talk("imap", "implicit", "implicit", trust=trust)
    TlsSide(talk.server, served_by(identity(presented)))
    client = TlsSide(talk.client, blind(), name=asked)
    talk.settle()
    assert client.up
    assert talk.session.upstream is not None
    assert talk.session.upstream.errors == errors
    said = [fact.details["words"] for fact in talk.session.facts if fact.fact == "no-sni"]
    assert said == ([] if asked else ["the server is verified as 192.0.2.7"])


def openssl_verify(presented: Identity, folder: Path) -> set[int]:
    """The error numbers that ``openssl verify`` names."""
    for name, ders in {
        "root": (root().certificate,), "leaf": presented.chain[:1], "rest": presented.chain[1:]
    }.items():  # fmt: skip
        Path(folder, name).write_bytes(b"".join(map(pem, ders)))
    rest = ["-untrusted", "rest"] if presented.chain[1:] else []
    found: set[int] = set()
    for host in ([], ["-verify_hostname", NAME]):  # the program stops at a wrong name
        done = subprocess.run(
            [need("openssl"), "verify", "-purpose", "sslserver", "-CAfile", "root", *rest, *host,
             "leaf"],
            cwd=folder, capture_output=True, text=True, timeout=10, check=False,
        )  # fmt: skip
        found |= {int(number) for number in re.findall(r"^error (\d+) at", done.stderr, re.M)}
    return found


def odd(**wrong: object) -> Identity:
    """A leaf with this one field out of the ordinary."""
    fields: dict[str, object] = {
        "subject": distinguished_name([("CN", NAME)]), "issuer": root().subject,
        "not_before": NOW - DAY, "not_after": NOW + DAY, "spki": spki(key()),
        "extensions": (extension.subject_alternative_name([NAME]),),
    }  # fmt: skip
    recipe = Recipe(**(fields | wrong))  # type: ignore[arg-type] # any field may be the odd one
    return Identity((make(recipe, root().key),), key())


TLS12: tuple[Version, ...] = ("TLSv1.2",)
SAN = extension.subject_alternative_name([NAME])
GARBLED = [
    odd(version=4),
    odd(version=1, extensions=()),
    odd(extensions=(SAN, SAN)),
    odd(extensions=(extension.Extension(SAN.oid, b"\x30\x05\x82", False),)),
    odd(extensions=(extension.Extension(SAN.oid, b"\x30\x00", False),)),
    odd(validity=der.sequence(der.time(NOW - DAY), der.tlv(0x17, b"990230000000Z"))),
    odd(validity=der.sequence(der.tlv(0x17, b"garbage"), der.tlv(0x18, b"?"))),
    odd(subject=der.sequence()),
    odd(serial=b"\x00\x00\x01"),
    odd(not_before=NOW + DAY, not_after=NOW - timedelta(days=1)),
]


@pytest.mark.parametrize("presented", GARBLED)
def test_a_certificate_that_cannot_be_read_breaks_nothing(presented: Identity) -> None:
    leaf = presented.leaf
    assert faults((leaf,)) is not None
    assert context.names(leaf, NAME) in {True, False}
    talk = Talk("imap", "implicit", "implicit")
    far = TlsSide(talk.server, served_by(presented)) if loads(presented) else None
    TlsSide(talk.client, blind())
    talk.settle()
    assert far is None or talk.session.upstream is not None or talk.session.error is not None


@pytest.mark.parametrize("presented", GARBLED)
def test_a_certificate_that_cannot_be_read_is_presented_as_it_is(presented: Identity) -> None:
    talk = Talk(choose=lambda upstream, sni: replace(presented, manner=Manner(versions=TLS12)))
    talk.client.says(hello())
    assert presented.leaf in talk.client.heard  # in clear, in TLS 1.2
    assert talk.session.error is None
    assert talk.session.presented.identity is not None


def loads(presented: Identity) -> bool:
    """Whether the standard library's TLS server can present this at all."""
    try:
        served_by(presented)
    except OSError:
        return False
    return True


def test_a_chain_without_any_certificate_is_malformed() -> None:
    assert faults(()) == {"malformed"}


def weak(kind: str, *, hash: str) -> Identity:  # noqa: A002 # Recipe's word
    """A leaf with a weak key, or a weak signature by our root."""
    own = generate(kind)
    recipe = Recipe(
        subject=distinguished_name([("CN", NAME)]), issuer=root().subject, not_before=NOW - DAY,
        not_after=NOW + DAY, spki=spki(own), hash=hash,
        extensions=(extension.subject_alternative_name([NAME]),),
    )  # fmt: skip
    return Identity((make(recipe, root().key),), own)


@pytest.mark.parametrize(
    ("kind", "signed_with"),
    [
        ("rsa512", "sha256"), ("rsa1024", "sha256"), ("rsa2048-e3", "sha256"),
        ("dsa2048", "sha256"), ("ec224", "sha256"), ("ec256", "sha1"),
    ],
)  # fmt: skip
def test_of_a_weak_chain_an_alert_proves_no_unknown_issuer(kind: str, signed_with: str) -> None:
    """What a client says about the issuer may be what it thinks of the key."""
    presented = weak(kind, hash=signed_with)
    assert "weak" in faults(presented.chain)
    witness = Witness("imap")
    witness.present(faults(presented.chain))
    found = witness.alert(48, fatal=True)
    assert found is not None
    assert (found.verdict, found.reason) == ("reject", None)


@pytest.mark.parametrize("octets", [b"", b"\x30", b"\x30\x03\x02\x01\x01", bytes(300)])
def test_octets_that_are_no_certificate_are_malformed(octets: bytes) -> None:
    assert faults((octets,)) == {"malformed"}
    assert not context.names(octets, NAME)


def test_a_chain_without_fault_has_none_whatever_the_client_trusts() -> None:
    for presented in (identity(), identity(issuer="a stranger"), self_signed([NAME]), below()):
        assert faults(presented.chain) == frozenset()


@pytest.mark.parametrize(
    ("presented", "fault"),
    [
        (identity(since=-9, until=-1), "expired"),
        (identity(since=1, until=9), "not-yet-valid"),
        (below(valid=-1), "expired-issuer"),
        (no_ca(), "constraint"),
        (Identity((identity().leaf, root("a stranger").certificate), key()), "unknown-issuer"),
    ],
)
def test_a_fault_that_anyone_can_see_is_seen(presented: Identity, fault: str) -> None:
    assert faults(presented.chain) == {fault}


@pytest.mark.parametrize("name", ["", "x" * 300, "\N{SNOWMAN}.test", "127.0.0.1", "::1"])
def test_a_name_that_is_none_matches_nothing(name: str) -> None:
    assert not context.names(identity().leaf, name)


def test_an_address_is_matched_as_an_address() -> None:
    assert context.names(identity("127.0.0.1").leaf, "127.0.0.1")
    assert not context.names(identity("127.0.0.1").leaf, "127.0.0.2")


@pytest.mark.parametrize("sni", [None, "", "x" * 255, "x" * 300, "\\x00", "127.0.0.1"])
def test_any_name_that_a_client_asks_for_is_asked_upstream_or_left_out(sni: str | None) -> None:
    leg = context.Verifier(Trust(name=NAME, roots=(root().certificate,))).leg(sni)
    leg.start()
    assert leg.output()[:1] == b"\x16"
    assert not leg.broken
