"""OCSP responses: OpenSSL, GnuTLS and cryptography read them, and find what is wrong."""

import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp as theirs
from cryptography.x509.oid import ExtendedKeyUsageOID, SignatureAlgorithmOID

from bench import need
from mitmail.errors import MitmailError
from mitmail.pki import certificate, crl, der, key, ocsp
from mitmail.pki.authority import Authority, make_root
from mitmail.pki.certificate import Recipe
from mitmail.pki.extension import Extension
from mitmail.pki.keypool import KeyPool
from mitmail.pki.name import distinguished_name
from mitmail.pki.ocsp import ResponseData, RevokedInfo, respond, unsuccessful

POOL = KeyPool()
NOW = datetime.now(UTC).replace(microsecond=0)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LIFE = (NOW - 9 * DAY, NOW + 90 * DAY)
KINDS = ["rsa2048", "ec256", "ed25519"]


def name(common_name: str) -> bytes:
    return distinguished_name([("CN", common_name)])


def authority(common_name: str, kind: str = "ec256") -> Authority:
    return make_root(name(common_name), POOL.get(kind, common_name), *LIFE)


def leaf_of(issuer: Authority, serial: int | bytes = 0x0123456789) -> bytes:
    own = POOL.get("ec256", "leaf")
    recipe = Recipe(
        subject=name("a.test"),
        issuer=issuer.subject,
        not_before=LIFE[0],
        not_after=LIFE[1],
        spki=key.spki(own),
        serial=serial,
    )
    return certificate.make(recipe, issuer.key)


ROOT = authority("Root")
GOOD = ResponseData(
    issuer=ROOT, serial=bytes.fromhex("0123456789"), this_update=NOW - HOUR, next_update=NOW + DAY
)
REVOKED = replace(GOOD, status=RevokedInfo(NOW - 2 * HOUR, "keyCompromise"))
UNKNOWN = replace(GOOD, status="unknown")


def ran(program: str, *arguments: str | Path, data: bytes = b"") -> str:
    command = [need(program), *map(str, arguments)]
    done = subprocess.run(command, input=data, capture_output=True, timeout=30, check=False)
    return (done.stdout + done.stderr).decode("latin-1")


def kept(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def openssl(
    folder: Path,
    response: bytes,
    *arguments: str | Path,
    root: Authority = ROOT,
    leaf: bytes | None = None,
) -> str:
    """What `openssl ocsp` says of the leaf's response; the root is all it trusts."""
    anchor = kept(folder / "root.pem", certificate.pem(root.certificate))
    presented = kept(folder / "leaf.pem", certificate.pem(leaf or leaf_of(root)))
    return ran(
        *("openssl", "ocsp", "-respin", kept(folder / "response", response)),
        *("-issuer", anchor, "-CAfile", anchor, "-no-CApath", "-no-CAstore"),
        *(arguments or ("-no_nonce", "-cert", presented)),
    )


def gnutls(folder: Path, response: bytes, *arguments: str | Path, root: Authority = ROOT) -> str:
    """What ocsptool says of the response's signer; it looks at neither status nor times."""
    anchor = kept(folder / "root.pem", certificate.pem(root.certificate))
    said = ran(
        *("ocsptool", "--verify-response", "--load-response", kept(folder / "r", response)),
        *(arguments or ("--load-trust", anchor)),
    )
    verdict = re.search("Verifying OCSP Response: (.*)", said)
    assert verdict, said
    return verdict[1]


def delegate(*purposes: str) -> Authority:
    responder = POOL.get("ec256", "responder")
    return ocsp.delegate(ROOT, name("Responder"), responder, *LIFE, purposes=purposes)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("data", "status"), [(GOOD, "good"), (UNKNOWN, "unknown")])
def test_openssl_verifies_the_issuers_response(
    kind: str, data: ResponseData, status: str, tmp_path: Path
) -> None:
    root = authority("Root", kind)
    said = openssl(tmp_path, respond(replace(data, issuer=root)), root=root)
    assert "Response verify OK" in said
    assert f"leaf.pem: {status}\n" in said
    assert "WARNING" not in said


def test_openssl_finds_the_leaf_revoked_since_when_and_why(tmp_path: Path) -> None:
    said = openssl(tmp_path, respond(REVOKED))
    assert "Response verify OK" in said
    assert "leaf.pem: revoked\n" in said
    assert "Reason: keyCompromise\n" in said
    since = NOW - 2 * HOUR
    assert f"Revocation Time: {since:%b} {since.day:2} {since:%H:%M:%S %Y} GMT\n" in said


def test_a_revocation_needs_no_reason(tmp_path: Path) -> None:
    said = openssl(tmp_path, respond(replace(GOOD, status=RevokedInfo(NOW - HOUR))))
    assert "leaf.pem: revoked\n" in said
    assert "Reason" not in said


@pytest.mark.parametrize("word", crl.REASONS)
def test_every_reason_is_the_one_that_cryptography_calls_so(word: str) -> None:
    response = respond(replace(GOOD, status=RevokedInfo(NOW, word)))
    read = theirs.load_der_ocsp_response(response)
    assert read.revocation_reason is x509.ReasonFlags(word)
    assert read.revocation_time_utc == NOW


def test_cryptography_reads_back_every_field() -> None:
    data = replace(GOOD, produced_at=NOW - timedelta(minutes=5))
    read = theirs.load_der_ocsp_response(respond(data))
    assert read.response_status is theirs.OCSPResponseStatus.SUCCESSFUL
    assert read.certificate_status is theirs.OCSPCertStatus.GOOD
    assert read.signature_algorithm_oid == SignatureAlgorithmOID.ECDSA_WITH_SHA256
    assert (read.this_update_utc, read.next_update_utc) == (NOW - HOUR, NOW + DAY)
    assert read.produced_at_utc == NOW - timedelta(minutes=5)
    assert read.serial_number == 0x0123456789
    assert read.certificates == []
    assert len(read.extensions) == 0
    assert len(read.single_extensions) == 0


def test_the_certificate_is_named_as_cryptography_would_ask_for_it() -> None:
    leaf, issuer = map(x509.load_der_x509_certificate, (leaf_of(ROOT), ROOT.certificate))
    asked = theirs.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA1()).build()
    read = theirs.load_der_ocsp_response(respond(GOOD))
    assert read.hash_algorithm.name == "sha1"
    assert read.issuer_name_hash == asked.issuer_name_hash
    assert read.issuer_key_hash == asked.issuer_key_hash
    assert read.serial_number == asked.serial_number


@pytest.mark.parametrize("signer", [ROOT, authority("Stranger", "rsa2048")])
def test_the_responder_names_itself_by_name_or_by_key(signer: Authority) -> None:
    by_name = theirs.load_der_ocsp_response(respond(GOOD, signer))
    assert by_name.responder_key_hash is None
    assert by_name.responder_name is not None
    assert by_name.responder_name.public_bytes() == signer.subject
    by_key = theirs.load_der_ocsp_response(respond(replace(GOOD, responder_id="key"), signer))
    assert by_key.responder_name is None
    public = x509.load_der_x509_certificate(signer.certificate).public_key()
    assert by_key.responder_key_hash == x509.SubjectKeyIdentifier.from_public_key(public).digest


def test_openssl_finds_the_issuer_by_key_too(tmp_path: Path) -> None:
    assert "Response verify OK" in openssl(tmp_path, respond(replace(GOOD, responder_id="key")))


@pytest.mark.parametrize("kind", KINDS)
def test_gnutls_verifies_the_issuers_response(kind: str, tmp_path: Path) -> None:
    root = authority("Root", kind)
    assert gnutls(tmp_path, respond(replace(GOOD, issuer=root)), root=root) == "Success."


def test_gnutls_finds_a_trust_anchor_by_key_only_when_it_is_enclosed(tmp_path: Path) -> None:
    """The reason for the default: GnuTLS 3.7.9 looks anchors up by name."""
    by_key = replace(GOOD, responder_id="key")
    assert gnutls(tmp_path, respond(by_key)) == "Failure, Signer cert not found."
    enclosed = respond(by_key, certificates=[ROOT.certificate])
    assert gnutls(tmp_path, enclosed) == "Success."


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (replace(GOOD, this_update=NOW - 2 * DAY, next_update=NOW - DAY), "status expired"),
        (replace(GOOD, this_update=NOW + DAY, next_update=NOW + 2 * DAY), "status not yet valid"),
        (
            replace(GOOD, this_update=NOW - HOUR, next_update=NOW - 2 * HOUR),
            "nextupdate before thisupdate",
        ),
    ],
    ids=["expired", "not yet valid", "ends before it begins"],
)
def test_openssl_names_the_wrong_time(data: ResponseData, error: str, tmp_path: Path) -> None:
    said = openssl(tmp_path, respond(data))
    assert "Response verify OK" in said
    assert "WARNING: Status times invalid." in said
    assert error in said


def test_without_a_next_update_the_status_lasts(tmp_path: Path) -> None:
    response = respond(replace(GOOD, this_update=NOW - 5 * DAY, next_update=None))
    assert theirs.load_der_ocsp_response(response).next_update_utc is None
    said = openssl(tmp_path, response)
    assert "leaf.pem: good\n" in said
    assert "WARNING" not in said
    assert "Next Update" not in said


def test_times_are_utc_wherever_they_were_told() -> None:
    east = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    read = theirs.load_der_ocsp_response(respond(replace(GOOD, this_update=east)))
    assert read.this_update_utc == NOW
    assert read.produced_at_utc == NOW


def test_a_time_without_a_time_zone_is_a_mistake_in_the_program() -> None:
    with pytest.raises(ValueError, match="a time without a time zone"):
        respond(replace(GOOD, this_update=NOW.replace(tzinfo=None)))


def test_a_response_for_another_certificate_says_nothing_of_this_one(tmp_path: Path) -> None:
    said = openssl(tmp_path, respond(replace(GOOD, serial=b"\x05")))
    assert "Response verify OK" in said
    assert "leaf.pem: ERROR: No Status found." in said


def test_a_response_for_another_issuers_certificate_says_nothing_of_this_one(
    tmp_path: Path,
) -> None:
    said = openssl(tmp_path, respond(replace(GOOD, issuer=authority("Other")), ROOT))
    assert "leaf.pem: ERROR: No Status found." in said


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_signature_is_of_the_same_shape_and_wrong(kind: str, tmp_path: Path) -> None:
    root = authority("Root", kind)
    response = respond(replace(GOOD, issuer=root), broken=True)
    said = openssl(tmp_path, response, root=root)
    assert "Response Verify Failure" in said
    assert "signature failure" in said
    assert gnutls(tmp_path, response, root=root) == "Failure, Signature failure."
    assert theirs.load_der_ocsp_response(response).certificate_status.name == "GOOD"


def test_a_broken_signature_differs_in_one_bit() -> None:
    data = replace(GOOD, issuer=authority("Root", "rsa2048"))  # RSA does not depend on chance
    good, bad = respond(data), respond(data, broken=True)
    assert (int.from_bytes(good) ^ int.from_bytes(bad)).bit_count() == 1


def test_a_stranger_has_no_say(tmp_path: Path) -> None:
    stranger = authority("Stranger")
    response = respond(GOOD, stranger)
    said = openssl(tmp_path, response)
    assert "Response Verify Failure" in said
    assert "signer certificate not found" in said
    assert gnutls(tmp_path, response) == "Failure, Signer cert not found."
    enclosed = respond(GOOD, stranger, certificates=[stranger.certificate])
    assert "Response Verify Failure" in openssl(tmp_path, enclosed)
    assert gnutls(tmp_path, enclosed) != "Success."


def test_a_stranger_who_says_to_be_the_issuer_is_found_out(tmp_path: Path) -> None:
    forger = Authority(ROOT.certificate, POOL.get("ec256", "forger"))
    for data in (GOOD, replace(GOOD, responder_id="key")):
        response = respond(data, forger)
        said = openssl(tmp_path, response)
        assert "Response Verify Failure" in said
        assert "signature failure" in said


def test_a_stranger_whom_openssl_was_told_to_trust_signs_well(tmp_path: Path) -> None:
    """So that nothing but the trust is wrong with a stranger's response."""
    stranger = authority("Stranger")
    told = kept(tmp_path / "stranger.pem", certificate.pem(stranger.certificate))
    leaf = kept(tmp_path / "told.pem", certificate.pem(leaf_of(ROOT)))
    arguments = ("-no_nonce", "-cert", leaf, "-VAfile", told)
    said = openssl(tmp_path, respond(GOOD, stranger), *arguments)
    assert "Response verify OK" in said
    assert gnutls(tmp_path, respond(GOOD, stranger), "--load-signer", told) == "Success."


@pytest.mark.parametrize("data", [GOOD, replace(GOOD, responder_id="key")], ids=["name", "key"])
def test_a_delegate_speaks_for_the_issuer(data: ResponseData, tmp_path: Path) -> None:
    responder = delegate("OCSPSigning")
    response = respond(data, responder, certificates=[responder.certificate])
    said = openssl(tmp_path, response)
    assert "Response verify OK" in said
    assert "leaf.pem: good\n" in said
    assert gnutls(tmp_path, response) == "Success."


@pytest.mark.parametrize("purposes", [(), ("serverAuth",)])
def test_a_delegate_without_ocsp_signing_has_no_say(
    purposes: tuple[str, ...], tmp_path: Path
) -> None:
    responder = delegate(*purposes)
    response = respond(GOOD, responder, certificates=[responder.certificate])
    said = openssl(tmp_path, response)
    assert "Response Verify Failure" in said
    assert "missing ocspsigning usage" in said
    assert gnutls(tmp_path, response).startswith("Failure, Signer cert ")


def test_a_delegate_that_is_not_enclosed_is_not_found(tmp_path: Path) -> None:
    response = respond(GOOD, delegate("OCSPSigning"))
    assert "signer certificate not found" in openssl(tmp_path, response)
    assert gnutls(tmp_path, response) == "Failure, Signer cert not found."


def test_a_delegates_certificate_is_the_issuers_and_asks_for_no_check_of_itself() -> None:
    """RFC 6960 4.2.2.2.1."""
    made = x509.load_der_x509_certificate(delegate("OCSPSigning").certificate)
    issuer = x509.load_der_x509_certificate(ROOT.certificate)
    made.verify_directly_issued_by(issuer)
    find = made.extensions.get_extension_for_class
    assert find(x509.OCSPNoCheck).critical is False
    assert find(x509.OCSPNoCheck).value == x509.OCSPNoCheck()
    assert find(x509.AuthorityKeyIdentifier).value.key_identifier == ROOT.key_id
    assert list(find(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.OCSP_SIGNING]
    assert (made.not_valid_before_utc, made.not_valid_after_utc) == LIFE


def test_certificates_are_enclosed_in_order() -> None:
    enclosed = [delegate("OCSPSigning").certificate, ROOT.certificate]
    read = theirs.load_der_ocsp_response(respond(GOOD, certificates=enclosed))
    assert [each.fingerprint(hashes.SHA256()).hex() for each in read.certificates] == [
        certificate.sha256(each) for each in enclosed
    ]


@pytest.mark.parametrize("serial", [b"\x00", b"\xfb", b"\x7f" * 21, b"\x00\x80"])
def test_openssl_finds_the_status_of_an_odd_serial(serial: bytes, tmp_path: Path) -> None:
    """Zero, negative, 21 octets, and a leading 00 that has to be there."""
    response = respond(replace(GOOD, serial=serial))
    said = openssl(tmp_path, response, leaf=leaf_of(ROOT, serial))
    assert "leaf.pem: good\n" in said


def shown(response: bytes) -> str:
    """The BasicOCSPResponse inside, as `openssl asn1parse` shows it."""
    parse = ("openssl", "asn1parse", "-inform", "DER")
    outside = ran(*parse, data=response)
    inside = next(line for line in outside.splitlines() if "OCTET STRING" in line)
    return ran(*parse, "-strparse", inside.split(":")[0].strip(), data=response)


def test_a_serial_that_is_not_minimal_stays_so() -> None:
    said = shown(respond(replace(GOOD, serial=b"\x00\x00\x05")))
    assert "d=5  hl=2 l=   3 prim: INTEGER" in said


def test_what_is_not_there_leaves_no_trace() -> None:
    said = shown(respond(replace(GOOD, next_update=None, responder_id="key")))
    tags = re.findall(r"d=(\d) .*cont \[ (\d) \]", said)
    assert tags == [("2", "2"), ("4", "0")]  # the ResponderID by key and the status good


def test_a_certificate_that_nobody_can_read_has_a_status_too(tmp_path: Path) -> None:
    said = openssl(tmp_path, respond(REVOKED), "-no_nonce", "-serial", "0x0123456789")
    assert "Response verify OK" in said
    assert "0x0123456789: revoked\n" in said


def test_there_is_no_nonce_unless_it_is_given(tmp_path: Path) -> None:
    leaf = kept(tmp_path / "asked.pem", certificate.pem(leaf_of(ROOT)))
    asked = ("-nonce", "-cert", leaf)
    assert "WARNING: no nonce in response" in openssl(tmp_path, respond(GOOD), *asked)
    nonce = Extension("1.3.6.1.5.5.7.48.1.2", der.octet_string(b"0123456789abcdef"))
    response = respond(replace(GOOD, extensions=(nonce,)))
    assert "Nonce Verify error" in openssl(tmp_path, response, *asked)  # not the one it sent
    (found,) = theirs.load_der_ocsp_response(response).extensions
    assert found.value == x509.OCSPNonce(b"0123456789abcdef")


@pytest.mark.parametrize(
    ("status", "openssls", "number"),
    [
        ("malformedRequest", "malformedrequest (1)", 1),
        ("internalError", "internalerror (2)", 2),
        ("tryLater", "trylater (3)", 3),
        ("sigRequired", "sigrequired (5)", 5),
        ("unauthorized", "unauthorized (6)", 6),
    ],
)
def test_a_responder_that_does_not_answer_says_why(
    status: str, openssls: str, number: int, tmp_path: Path
) -> None:
    response = unsuccessful(status)
    assert f"Responder Error: {openssls}" in openssl(tmp_path, response)
    assert theirs.load_der_ocsp_response(response).response_status.value == number


def test_the_hash_of_the_signature_can_be_chosen() -> None:
    read = theirs.load_der_ocsp_response(respond(replace(GOOD, hash="sha384")))
    assert isinstance(read.signature_hash_algorithm, hashes.SHA384)


def test_unknown_words_are_answered_with_the_known_ones() -> None:
    with pytest.raises(MitmailError, match=r"'trylater' is unknown; one of: malformedRequest, "):
        unsuccessful("trylater")
    for field, word, known in (
        ("status", "fine", "good, unknown"),
        ("status", RevokedInfo(NOW, "stolen"), "unspecified, keyCompromise, "),
        ("responder_id", "address", "name, key"),
        ("hash", "crc32", "sha256"),
    ):
        with pytest.raises(MitmailError, match=f"is unknown; one of: .*{known}"):
            respond(replace(GOOD, **{field: word}))  # type: ignore[arg-type]  # wrong on purpose


def test_an_issuer_or_a_signer_with_an_unreadable_certificate_is_said() -> None:
    unreadable = Authority(b"\x30\x03abc", ROOT.key)
    for data, signer in ((replace(GOOD, issuer=unreadable), ROOT), (GOOD, unreadable)):
        with pytest.raises(MitmailError, match=r"not an X\.509 certificate"):
            respond(data, signer)


def test_an_issuer_without_a_public_key_is_said() -> None:
    recipe = Recipe(
        subject=ROOT.subject,
        issuer=ROOT.subject,
        not_before=LIFE[0],
        not_after=LIFE[1],
        spki=der.sequence(),
    )
    keyless = Authority(certificate.make(recipe, ROOT.key), ROOT.key)
    with pytest.raises(MitmailError, match="no SHA-1 to name it"):
        respond(replace(GOOD, issuer=keyless), ROOT)
