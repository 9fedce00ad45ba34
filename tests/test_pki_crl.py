"""Revocation lists: OpenSSL, GnuTLS and cryptography read them, and find what is wrong."""

import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import CRLEntryExtensionOID

from bench import need
from mitmail.errors import MitmailError
from mitmail.pki import certificate, crl, key
from mitmail.pki.authority import Authority, make_root
from mitmail.pki.crl import RevokedCertificate, TBSCertList, revocation_list
from mitmail.pki.extension import Extension
from mitmail.pki.keypool import KeyPool
from mitmail.pki.name import distinguished_name

POOL = KeyPool()
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
LIFE = (NOW - 9 * DAY, NOW + 90 * DAY)
KINDS = ["rsa2048", "ec256", "ed25519"]


def authority(common_name: str, kind: str = "ec256") -> Authority:
    subject = distinguished_name([("CN", common_name)])
    return make_root(subject, POOL.get(kind, common_name), *LIFE)


def leaf_of(issuer: Authority) -> bytes:
    own = POOL.get("ec256", "leaf")
    return issuer.leaf(own, names=["a.test"], not_before=LIFE[0], not_after=LIFE[1])


def serial_of(leaf: bytes) -> bytes:
    return certificate.parse(leaf).serial


ROOT = authority("Root")
LEAF = leaf_of(ROOT)
EMPTY = TBSCertList(issuer=ROOT, this_update=NOW - DAY, next_update=NOW + DAY)
REVOKED = replace(
    EMPTY,
    entries=(
        RevokedCertificate(b"\x05", NOW - 2 * DAY),
        RevokedCertificate(serial_of(LEAF), NOW - DAY, "keyCompromise"),
    ),
)


def ran(program: str, *arguments: str | Path, data: bytes = b"") -> str:
    command = [need(program), *map(str, arguments)]
    done = subprocess.run(command, input=data, capture_output=True, timeout=30, check=False)
    return (done.stdout + done.stderr).decode("latin-1")


def kept(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def openssl_on_the_leaf(folder: Path, made: bytes, root: Authority = ROOT) -> str:
    """What `openssl verify` says of a leaf of this root, with this list at hand."""
    anchor = kept(folder / "root.pem", certificate.pem(root.certificate))
    return ran(
        *("openssl", "verify", "-crl_check", "-CRLfile", kept(folder / "crl.pem", crl.pem(made))),
        *("-CAfile", anchor, "-no-CApath", "-no-CAstore"),
        kept(folder / "leaf.pem", certificate.pem(LEAF if root is ROOT else leaf_of(root))),
    )


def gnutls_on_the_list(folder: Path, made: bytes) -> str:
    anchor = kept(folder / "root.pem", certificate.pem(ROOT.certificate))
    return ran("certtool", "--verify-crl", "--load-ca-certificate", anchor, data=crl.pem(made))


def shown(made: bytes) -> str:
    return ran("openssl", "crl", "-inform", "DER", "-noout", "-text", data=made)


@pytest.mark.parametrize("kind", KINDS)
def test_a_leaf_that_is_not_listed_passes(kind: str, tmp_path: Path) -> None:
    root = authority("Root", kind)
    made = revocation_list(replace(EMPTY, issuer=root))
    assert openssl_on_the_leaf(tmp_path, made, root).endswith("leaf.pem: OK\n")


def test_a_leaf_that_is_listed_is_revoked(tmp_path: Path) -> None:
    made = revocation_list(REVOKED)
    assert "error 23 at 0 depth lookup: certificate revoked" in openssl_on_the_leaf(tmp_path, made)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (replace(EMPTY, next_update=NOW - timedelta(hours=1)), "error 12 "),  # CRL_HAS_EXPIRED
        (replace(EMPTY, this_update=NOW + DAY, next_update=NOW + 2 * DAY), "error 11 "),
        (replace(EMPTY, issuer=authority("Other")), "error 3 "),  # UNABLE_TO_GET_CRL
        (replace(EMPTY, extensions=(Extension("1.2.3.4", b"\x05\x00", True),)), "error 36 "),
    ],
    ids=["expired", "not yet valid", "another issuer's", "unknown critical extension"],
)
def test_openssl_names_what_is_wrong_with_a_list(
    content: TBSCertList, error: str, tmp_path: Path
) -> None:
    said = openssl_on_the_leaf(tmp_path, revocation_list(content))
    assert f"{error}at 0 depth lookup" in said


@pytest.mark.parametrize("kind", KINDS)
def test_the_issuers_signature_is_good(kind: str) -> None:
    root = authority("Root", kind)
    made = revocation_list(replace(REVOKED, issuer=root))
    theirs = x509.load_der_x509_crl(made)
    public = x509.load_der_x509_certificate(root.certificate).public_key()
    assert theirs.is_signature_valid(public)  # type: ignore[arg-type]  # all kinds here can sign


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_signature_is_of_the_same_shape_and_wrong(kind: str, tmp_path: Path) -> None:
    root = authority("Root", kind)
    made = revocation_list(replace(EMPTY, issuer=root), broken=True)
    assert shown(made).startswith("Certificate Revocation List (CRL):")
    said = openssl_on_the_leaf(tmp_path, made, root)
    assert "error 8 at 0 depth lookup: CRL signature failure" in said


def test_a_broken_signature_differs_in_one_bit() -> None:
    root = authority("Root", "rsa2048")  # whose signatures do not depend on chance
    content = replace(EMPTY, issuer=root)
    good, bad = revocation_list(content), revocation_list(content, broken=True)
    assert (int.from_bytes(good) ^ int.from_bytes(bad)).bit_count() == 1


@pytest.mark.parametrize("kind", KINDS)
def test_another_keys_signature_is_refused(kind: str, tmp_path: Path) -> None:
    made = revocation_list(EMPTY, authority("Stranger", kind))
    assert "error 8 at 0 depth lookup" in openssl_on_the_leaf(tmp_path, made)
    assert x509.load_der_x509_crl(made).issuer.public_bytes() == ROOT.subject


def test_gnutls_sees_the_same(tmp_path: Path) -> None:
    said = {
        "good": gnutls_on_the_list(tmp_path, revocation_list(REVOKED)),
        "expired": gnutls_on_the_list(
            tmp_path, revocation_list(replace(EMPTY, next_update=NOW - timedelta(hours=1)))
        ),
        "broken": gnutls_on_the_list(tmp_path, revocation_list(EMPTY, broken=True)),
        "stranger": gnutls_on_the_list(tmp_path, revocation_list(EMPTY, authority("Stranger"))),
    }
    assert "Verification output: Verified." in said["good"]
    assert "Not verified" in said["expired"]
    assert "superseded" in said["expired"]
    assert "Not verified" in said["broken"]
    assert "Not verified" in said["stranger"]


def test_cryptography_reads_back_every_field() -> None:
    theirs = x509.load_der_x509_crl(revocation_list(replace(REVOKED, number=1 << 70)))
    assert theirs.issuer.public_bytes() == ROOT.subject
    assert (theirs.last_update_utc, theirs.next_update_utc) == (NOW - DAY, NOW + DAY)
    assert [(each.oid.dotted_string, each.critical) for each in theirs.extensions] == [
        ("2.5.29.35", False),
        ("2.5.29.20", False),
    ]
    find = theirs.extensions.get_extension_for_class
    assert find(x509.AuthorityKeyIdentifier).value.key_identifier == ROOT.key_id
    assert find(x509.CRLNumber).value.crl_number == 1 << 70
    first, second = theirs
    assert (first.serial_number, first.revocation_date_utc) == (5, NOW - 2 * DAY)
    assert len(first.extensions) == 0
    assert second.serial_number == x509.load_der_x509_certificate(LEAF).serial_number
    assert second.revocation_date_utc == NOW - DAY
    assert second.extensions.get_extension_for_class(x509.CRLReason).value.reason is (
        x509.ReasonFlags.key_compromise
    )


def test_every_reason_is_the_one_that_cryptography_calls_so() -> None:
    """x509.ReasonFlags has the words of RFC 5280 in camel case as values."""
    reasons = {flag.value for flag in x509.ReasonFlags}
    assert set(crl.REASONS) == reasons
    entries = tuple(
        RevokedCertificate(bytes((number,)), NOW, word)
        for number, word in enumerate(crl.REASONS, 1)
    )
    theirs = x509.load_der_x509_crl(revocation_list(replace(EMPTY, entries=entries)))
    found = [
        entry.extensions.get_extension_for_oid(CRLEntryExtensionOID.CRL_REASON).value
        for entry in theirs
    ]
    assert [reason.reason.value for reason in found if isinstance(reason, x509.CRLReason)] == list(
        crl.REASONS
    )


def fields_of(made: bytes, depth: int) -> list[str]:
    """The types of a list's elements at this depth, as `openssl asn1parse` calls them."""
    said = ran("openssl", "asn1parse", "-inform", "DER", data=made)
    return re.findall(rf":d={depth} .*(?:prim|cons): (\S+)", said)


def test_a_list_without_entries_has_no_room_for_them() -> None:
    """RFC 5280 5.1.2.6: revokedCertificates must be absent then."""
    made = revocation_list(EMPTY)
    assert "No Revoked Certificates." in shown(made)
    fields = ["INTEGER", "SEQUENCE", "SEQUENCE", "UTCTIME", "UTCTIME", "cont"]
    assert fields_of(made, 2)[:6] == fields


def test_an_entry_without_a_reason_has_no_room_for_extensions() -> None:
    """RFC 5280 5.1: the SEQUENCE OF Extension has one or more."""
    entries = (RevokedCertificate(b"\x05", NOW),)
    made = revocation_list(replace(EMPTY, entries=entries))
    entry, extensions = ["INTEGER", "UTCTIME"], ["SEQUENCE"] * 2
    assert fields_of(made, 4) == ["SEQUENCE", *entry, *extensions]  # behind the issuer's CN


def test_the_version_is_2() -> None:
    assert "Version 2 (0x1)" in shown(revocation_list(EMPTY))


def test_what_rfc_5280_demands_can_be_left_out() -> None:
    made = revocation_list(replace(EMPTY, next_update=None, number=None))
    assert "Next Update: NONE" in shown(made)
    assert "CRL Number" not in shown(made)
    assert "X509v3 Authority Key Identifier" in shown(made)


@pytest.mark.parametrize(
    ("serial", "said"),
    [(b"\x80", "Serial Number: -80"), (b"\x7f" * 21, "Serial Number: " + "7F" * 21)],
)
def test_any_serial_can_be_listed(serial: bytes, said: str) -> None:
    entries = (RevokedCertificate(serial, NOW),)
    assert said in shown(revocation_list(replace(EMPTY, entries=entries)))


def test_a_serial_that_is_not_minimal_stays_so() -> None:
    entries = (RevokedCertificate(b"\x00\x00\x05", NOW),)
    made = revocation_list(replace(EMPTY, entries=entries))
    said = ran("openssl", "asn1parse", "-inform", "DER", data=made)
    assert "d=4  hl=2 l=   3 prim: INTEGER" in said


def test_times_from_2050_on_are_generalized_times() -> None:
    """RFC 5280 5.1.2.5."""
    made = revocation_list(replace(EMPTY, next_update=datetime(2050, 1, 1, tzinfo=UTC)))
    said = ran("openssl", "asn1parse", "-inform", "DER", data=made)
    assert "GENERALIZEDTIME   :20500101000000Z" in said


def test_the_hash_is_named_inside_and_outside() -> None:
    made = revocation_list(replace(EMPTY, hash="sha384"))
    said = ran("openssl", "asn1parse", "-inform", "DER", data=made)
    assert re.findall("ecdsa-with-.*", said) == ["ecdsa-with-SHA384"] * 2


def test_pem_is_openssls() -> None:
    made = revocation_list(REVOKED)
    assert crl.pem(made).decode() == ran("openssl", "crl", "-inform", "DER", data=made)


def test_unknown_words_are_answered_with_the_known_ones() -> None:
    entries = (RevokedCertificate(b"\x05", NOW, "stolen"),)
    with pytest.raises(MitmailError, match=r"reason 'stolen' is unknown; one of: unspecified, "):
        revocation_list(replace(EMPTY, entries=entries))
    with pytest.raises(MitmailError, match="is unknown; one of:"):
        revocation_list(replace(EMPTY, hash="crc32"))


def test_an_issuer_with_an_unreadable_certificate_is_said() -> None:
    broken = Authority(b"\x30\x03abc", key.generate("ec256"))
    with pytest.raises(MitmailError, match=r"not an X\.509 certificate"):
        revocation_list(replace(EMPTY, issuer=broken))
