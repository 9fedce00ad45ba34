"""Authorities: strict verifiers accept the good chain, and see the fault where there is one."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from bench import need
from mitmail.pki import certificate, der, extension, key
from mitmail.pki.authority import Authority, make_root, root_extensions
from mitmail.pki.identity import Identity
from mitmail.pki.keypool import KeyPool
from mitmail.pki.name import distinguished_name
from mitmail.pki.resign import guid_serial

POOL = KeyPool()
NOW = datetime.now(UTC).replace(microsecond=0)
LIFE = (NOW - timedelta(days=1), NOW + timedelta(days=90))
NAME = "mail.customer.test"


def name(text: str) -> bytes:
    return distinguished_name([("O", "mitmail"), ("CN", text)])


def chain(kind: str) -> tuple[Authority, Authority, Identity]:
    root = make_root(name("Root"), POOL.get(kind, "root"), *LIFE)
    issuing = root.intermediate(name("Issuing CA"), POOL.get(kind, "issuing"), *LIFE)
    leaf_key = POOL.get(kind, "leaf")
    names = [NAME, "*.hoster.test", "bücher.test", "127.0.0.1", "::1"]
    leaf = issuing.leaf(leaf_key, names=names, not_before=LIFE[0], not_after=LIFE[1])
    return root, issuing, Identity((leaf, issuing.certificate), leaf_key)


def ran(program: str, *arguments: str | Path, data: bytes = b"") -> tuple[int, str]:
    command = [need(program), *map(str, arguments)]
    done = subprocess.run(command, input=data, capture_output=True, timeout=30, check=False)
    return done.returncode, (done.stdout + done.stderr).decode("latin-1")


def kept(folder: Path, *ders: bytes) -> Path:
    path = folder / f"{len(list(folder.iterdir()))}.pem"
    path.write_bytes(b"".join(map(certificate.pem, ders)))
    return path


@pytest.mark.parametrize("kind", ["rsa2048", "ec256"])
def test_cryptographys_verifier_accepts_the_good_chain_for_each_name(kind: str) -> None:
    root, issuing, identity = chain(kind)
    loaded = [
        x509.load_der_x509_certificate(each)
        for each in (root.certificate, issuing.certificate, identity.leaf)
    ]
    builder = verification.PolicyBuilder().store(verification.Store(loaded[:1])).time(NOW)
    hosts: list[x509.GeneralName] = [x509.DNSName(NAME), x509.DNSName("a.hoster.test")]
    for host in (*hosts, x509.DNSName("xn--bcher-kva.test")):
        assert isinstance(host, x509.DNSName)
        found = builder.build_server_verifier(host).verify(loaded[2], loaded[1:2])
        assert found == loaded[::-1]
    with pytest.raises(verification.VerificationError):
        builder.build_server_verifier(x509.DNSName("other.test")).verify(loaded[2], loaded[1:2])


@pytest.mark.parametrize("kind", ["rsa2048", "ec256", "ed25519"])
@pytest.mark.parametrize("flag", [("-verify_hostname", NAME), ("-verify_ip", "::1")])
def test_openssl_accepts_the_good_chain_strictly(
    kind: str, flag: tuple[str, str], tmp_path: Path
) -> None:
    root, issuing, identity = chain(kind)
    code, said = ran(
        *("openssl", "verify", "-x509_strict", "-purpose", "sslserver", *flag),
        *("-CAfile", kept(tmp_path, root.certificate), "-no-CApath"),
        *("-untrusted", kept(tmp_path, issuing.certificate), kept(tmp_path, identity.leaf)),
    )
    assert (code, said.endswith(": OK\n")) == (0, True), said


@pytest.mark.parametrize("kind", ["rsa2048", "ec256", "ed25519"])
def test_gnutls_accepts_the_good_chain(kind: str, tmp_path: Path) -> None:
    root, _, identity = chain(kind)
    code, said = ran(
        *("certtool", "--verify", "--verify-hostname", NAME, "--verify-purpose"),
        *("1.3.6.1.5.5.7.3.1", "--infile", kept(tmp_path, *identity.chain)),
        *("--load-ca-certificate", kept(tmp_path, root.certificate)),
    )
    assert code == 0, said
    assert "Chain verification output: Verified. The certificate is trusted." in said


def test_gnutls_reads_the_leaf(tmp_path: Path) -> None:
    _, _, identity = chain("rsa2048")
    code, said = ran("certtool", "-i", "--infile", kept(tmp_path, identity.leaf))
    assert code == 0
    for text in (
        "Version: 3",
        f"Subject: CN={NAME}",
        "Issuer: CN=Issuing CA,O=mitmail",
        "IPAddress: 127.0.0.1",
        "IPAddress: ::1",
        f"DNSname: {NAME}",
        "Certificate Authority (CA): FALSE",
        "TLS WWW Server",
    ):
        assert text in said


def test_the_root_is_a_clean_modern_one() -> None:
    root, _, _ = chain("ec256")
    theirs = x509.load_der_x509_certificate(root.certificate)
    theirs.verify_directly_issued_by(theirs)
    found = [(each.oid.dotted_string, each.critical) for each in theirs.extensions]
    assert found == [("2.5.29.19", True), ("2.5.29.15", True), ("2.5.29.14", False)]
    constraints = theirs.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert constraints == x509.BasicConstraints(True, None)
    usage = theirs.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.key_cert_sign
    assert usage.crl_sign
    assert not usage.digital_signature


def test_the_intermediate_names_its_issuer_and_its_path_length() -> None:
    root, issuing, _ = chain("ec256")
    theirs = x509.load_der_x509_certificate(issuing.certificate)
    find = theirs.extensions.get_extension_for_class
    assert find(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)
    assert find(x509.AuthorityKeyIdentifier).value.key_identifier == root.key_id
    assert find(x509.SubjectKeyIdentifier).value.digest == issuing.key_id
    assert theirs.issuer.public_bytes() == root.subject
    assert theirs.subject.public_bytes() == issuing.subject
    assert (theirs.not_valid_before_utc, theirs.not_valid_after_utc) == LIFE


def test_a_ca_below_path_length_0_is_refused(tmp_path: Path) -> None:
    root, issuing, _ = chain("ec256")
    deeper = issuing.intermediate(name("Deeper CA"), POOL.get("ec256", "deeper"), *LIFE)
    leaf = deeper.leaf(
        POOL.get("ec256", "leaf"), names=[NAME], not_before=LIFE[0], not_after=LIFE[1]
    )
    _, said = ran(
        *("openssl", "verify", "-CAfile", kept(tmp_path, root.certificate), "-no-CApath"),
        *("-untrusted", kept(tmp_path, issuing.certificate, deeper.certificate)),
        kept(tmp_path, leaf),
    )
    assert "error 25 at" in said  # X509_V_ERR_PATH_LENGTH_EXCEEDED


@pytest.mark.parametrize(("kind", "encipherment"), [("rsa2048", True), ("ec256", False)])
def test_the_leaf_has_the_key_usage_of_its_key(kind: str, encipherment: bool) -> None:
    _, _, identity = chain(kind)
    theirs = x509.load_der_x509_certificate(identity.leaf)
    find = theirs.extensions.get_extension_for_class
    usage = find(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert usage.value.key_encipherment is encipherment
    assert list(find(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert find(x509.BasicConstraints).critical
    assert find(x509.BasicConstraints).value == x509.BasicConstraints(False, None)
    assert theirs.public_key() == identity.key.public_key()


def leaf_of(*names: str, subject: bytes | None = None) -> x509.Certificate:
    root, _, _ = chain("ec256")
    leaf = root.leaf(
        POOL.get("ec256", "leaf"),
        names=names,
        subject=subject,
        not_before=LIFE[0],
        not_after=LIFE[1],
    )
    return x509.load_der_x509_certificate(leaf)


def test_the_common_name_is_the_first_name_in_ascii() -> None:
    assert leaf_of("bücher.test", NAME).subject.rfc4514_string() == "CN=xn--bcher-kva.test"
    assert leaf_of("a" * 65 + ".test", NAME).subject.rfc4514_string() == f"CN={NAME}"


def test_a_leaf_without_a_fitting_common_name_has_a_critical_san() -> None:
    """RFC 5280 4.1.2.6 and appendix A.1: 64 characters at most."""
    leaf = leaf_of("a" * 61 + ".test")
    find = leaf.extensions.get_extension_for_class
    assert leaf.subject == x509.Name([])
    assert find(x509.SubjectAlternativeName).critical


def test_a_leaf_without_names_has_no_san_and_the_subject_it_was_given() -> None:
    leaf = leaf_of(subject=name("only a CN"))
    assert leaf.subject.public_bytes() == name("only a CN")
    assert "2.5.29.17" not in {each.oid.dotted_string for each in leaf.extensions}


def test_a_root_bound_to_names_refuses_others(tmp_path: Path) -> None:
    own = POOL.get("ec256", "bound")
    bound = extension.name_constraints(["customer.test", "127.0.0.0/8"])
    root = make_root(name("Bound"), own, *LIFE, extensions=(*root_extensions(own), bound))
    anchor = kept(tmp_path, root.certificate)
    verdicts = {}
    for host in (NAME, "127.0.0.1", "mail.other.test", "10.0.0.1"):
        leaf = root.leaf(
            own, names=[host], subject=name("leaf"), not_before=LIFE[0], not_after=LIFE[1]
        )
        _, said = ran("openssl", "verify", "-CAfile", anchor, "-no-CApath", kept(tmp_path, leaf))
        verdicts[host] = "OK" if said.endswith(": OK\n") else "error 47" in said
    assert verdicts == {NAME: "OK", "127.0.0.1": "OK", "mail.other.test": True, "10.0.0.1": True}


def test_an_authority_without_a_key_identifier_gives_its_keys_own() -> None:
    own = POOL.get("ec256", "no-ski")
    for extensions in ((), (extension.Extension(extension.OID["ski"], b"\x04\x05ab"),)):
        assert make_root(name("Old"), own, *LIFE, extensions=extensions).key_id == key.key_id(own)


def norton() -> Authority:
    """The measured root: Web/Mail Shield of the Gen engine, marked as ours."""
    own = POOL.get("rsa2048", "norton")
    subject = distinguished_name(
        [
            ("OU", "generated by Norton Antivirus for SSL/TLS scanning"),
            ("O", "Norton Web/Mail Shield"),
            ("CN", "Norton Web/Mail Shield Root (simulated)"),
        ]
    )
    return make_root(
        subject,
        own,
        datetime(2010, 1, 1, 12, tzinfo=UTC),
        datetime(2040, 1, 1, 12, tzinfo=UTC),
        extensions=(
            extension.basic_constraints(True, critical=False),
            extension.key_usage("keyCertSign", critical=False),
            extension.extended_key_usage("serverAuth"),
            extension.subject_key_identifier(key.key_id(own)),
            extension.authority_key_identifier(key.key_id(own)),
        ),
        serial=guid_serial(),
    )


def test_the_norton_shaped_root_reads_as_measured() -> None:
    _, said = ran(
        *("openssl", "x509", "-inform", "DER", "-noout", "-text", "-nameopt", "show_type,esc_msb"),
        data=norton().certificate,
    )
    lines = [line.strip() for line in said.splitlines()]
    parts = "OU=UTF8STRING:generated by Norton Antivirus for SSL/TLS scanning, O=UTF8STRING:"
    for line in (
        "Signature Algorithm: sha256WithRSAEncryption",
        "Not Before: Jan  1 12:00:00 2010 GMT",
        "Not After : Jan  1 12:00:00 2040 GMT",
        "Public-Key: (2048 bit)",
    ):
        assert line in lines
    subject = next(line for line in lines if line.startswith("Subject: "))
    assert subject.replace(" = ", "=").startswith("Subject: " + parts)
    usage = lines.index("X509v3 extensions:")
    assert lines[usage + 1 : usage + 9 : 2] == [
        "X509v3 Basic Constraints:",
        "X509v3 Key Usage:",
        "X509v3 Extended Key Usage:",
        "X509v3 Subject Key Identifier:",
    ]
    assert lines[usage + 2 : usage + 7 : 2] == [
        "CA:TRUE",
        "Certificate Sign",
        "TLS Web Server Authentication",
    ]
    assert lines[usage + 9] == "X509v3 Authority Key Identifier:"
    assert lines[usage + 8] == lines[usage + 10].removeprefix("keyid:")


def test_the_norton_shaped_root_is_trusted_but_not_by_strict_verifiers(tmp_path: Path) -> None:
    """Measured: Python 3.13 and newer refuse it with 89, everybody else takes it."""
    root = norton()
    leaf = root.leaf(
        POOL.get("rsa2048", "leaf"), names=[NAME], not_before=LIFE[0], not_after=LIFE[1]
    )
    anchor, presented = kept(tmp_path, root.certificate), kept(tmp_path, leaf)
    flags = ("-purpose", "sslserver", "-CAfile", anchor, "-no-CApath", presented)
    code, said = ran("openssl", "verify", *flags)
    assert (code, said.endswith(": OK\n")) == (0, True), said
    code, said = ran("openssl", "verify", "-x509_strict", *flags)
    assert code == 2
    assert "error 89 at 1 depth lookup: Basic Constraints of CA cert not marked critical" in said


def test_an_identity_knows_its_leaf_as_openssl_does() -> None:
    _, _, identity = chain("ec256")
    _, said = ran(
        *("openssl", "x509", "-inform", "DER", "-noout", "-fingerprint", "-sha256"),
        data=identity.leaf,
    )
    assert identity.leaf_sha256 == said.strip().split("=")[1].replace(":", "").lower()
    assert identity.leaf == identity.chain[0]
    assert der.read(identity.leaf).raw == identity.leaf
