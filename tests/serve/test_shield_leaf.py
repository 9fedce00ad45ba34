"""The leaf that the simulated Norton shows, read by tools that know nothing of mitmail."""

import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from bench import need
from serve.program import SECONDS, Program, mitmail
from serve.serving import NAME, PORTS, ForPerson, ForProgram, Place
from serve.tls_client import chain, clean, connected, curl, openssl, s_client, trusting

NORTON = ("--antivirus", "norton")
DROPPED = {
    ExtensionOID.AUTHORITY_INFORMATION_ACCESS, ExtensionOID.CRL_DISTRIBUTION_POINTS,
    ExtensionOID.CERTIFICATE_POLICIES, ExtensionOID.TLS_FEATURE,
}  # fmt: skip
EXTENSIONS = f"""\
subjectAltName = critical, DNS:{NAME}, DNS:*.hoster.test, IP:127.0.0.1, email:qa@customer.test
tlsfeature = status_request
extendedKeyUsage = serverAuth, clientAuth
authorityInfoAccess = OCSP;URI:http://ocsp.customer.test/
keyUsage = critical, digitalSignature, keyEncipherment
crlDistributionPoints = URI:http://crl.customer.test/1.crl
subjectKeyIdentifier = 00112233445566778899AABBCCDDEEFF00112233
certificatePolicies = 2.23.140.1.2.2
basicConstraints = critical, CA:FALSE
authorityKeyIdentifier = keyid
"""
SUBJECT = f"/C=DE/ST=Hessen/O=Kunde GmbH & Söhne/OU=Mail/CN={NAME}"


@dataclass(frozen=True)
class Upstream:
    """A mail server's certificate that openssl has made: leaf and root, as PEM files."""

    leaf: Path
    root: Path
    port: int

    @property
    def option(self) -> tuple[str, ...]:
        return ("--upstream", f"imaps=localhost:{self.port}", "--upstream-ca", str(self.root))


def write_certificates(folder: Path) -> None:
    make = ["openssl", "req", "-utf8", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    (folder / "extensions").write_text(EXTENSIONS.replace(NAME, f"{NAME}, DNS:localhost"))
    for command in (
        [*make, "-x509", "-nodes", "-subj", "/CN=house CA", "-days", "9",
         "-keyout", "root.key", "-out", "root.pem"],
        [*make, "-nodes", "-subj", SUBJECT, "-keyout", "leaf.key", "-out", "leaf.csr"],
        ["openssl", "x509", "-req", "-in", "leaf.csr", "-CA", "root.pem", "-CAkey", "root.key",
         "-days", "8", "-extfile", "extensions", "-out", "leaf.pem"],
    ):  # fmt: skip
        ended = subprocess.run(command, cwd=folder, capture_output=True, timeout=SECONDS)
        assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """openssl s_server, which shows a certificate and never greets."""
    need("openssl")
    folder = tmp_path_factory.mktemp("upstream")
    write_certificates(folder)
    command = [
        "openssl",
        "s_server",
        "-accept",
        "127.0.0.1:0",
        "-www",
        "-cert",
        f"{folder}/leaf.pem",
    ]
    with Program([*command, "-key", f"{folder}/leaf.key"], clean()) as server:
        port = int(server.line(r"^ACCEPT [\d.:]+$").rsplit(":", 1)[1])
        yield Upstream(folder / "leaf.pem", folder / "root.pem", port)


def read(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def extensions(certificate: x509.Certificate) -> list[tuple[Any, bool, bytes]]:
    """Object identifier, criticality and value of each, in their order; without two of them."""
    special = DROPPED | {ExtensionOID.AUTHORITY_KEY_IDENTIFIER}
    found = [(one.oid, one.critical, one.value.public_bytes()) for one in certificate.extensions]
    return [one for one in found if one[0] not in special]


def headings(pem: bytes) -> list[str]:
    """The extensions as ``openssl x509 -text`` heads them, with their criticality."""
    text = openssl("x509", "-noout", "-text", give=pem)
    found = re.findall(r"^ {12}(\S.*): (critical)?$", text, re.MULTILINE)
    return [" ".join(one) for one in found]


def assert_copied(original: bytes, copied: bytes) -> None:
    """All that a client reads in the leaf is the upstream's, but signer, key and serial."""
    before, after = read(original), read(copied)
    assert after.subject.public_bytes() == before.subject.public_bytes()
    assert after.not_valid_before_utc == before.not_valid_before_utc
    assert after.not_valid_after_utc == before.not_valid_after_utc
    assert extensions(after) == extensions(before)
    assert after.public_key() != before.public_key()
    assert after.serial_number != before.serial_number
    for option in ("-subject", "-dates"):
        assert openssl("x509", "-noout", option, give=copied) == openssl(
            "x509", "-noout", option, give=original
        )
    gone = ("Authority Information Access", "CRL Distribution Points",
            "Certificate Policies", "TLS Feature")  # fmt: skip
    kept = [one for one in headings(original) if not any(word in one for word in gone)]
    assert headings(copied) == kept


def assert_signed_by(copied: bytes, root: Path) -> None:
    leaf, signer = read(copied), read(root.read_bytes())
    leaf.verify_directly_issued_by(signer)
    named = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    own = signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert named.key_identifier == own.digest
    assert leaf.issuer.public_bytes() == signer.subject.public_bytes()
    serial = re.search(r"serial=([0-9A-F]+)", openssl("x509", "-noout", "-serial", give=copied))
    assert serial is not None
    assert len(serial[1]) == 32, "a GUID has 16 octets"
    issuer = openssl("x509", "-noout", "-issuer", "-nameopt", "sep_multiline", give=copied)
    kinds = [line.strip().partition("=")[0] for line in issuer.splitlines()[1:]]
    assert kinds == ["OU", "O", "CN"]


def verifies(leaf: bytes, root: Path, tool: str, tmp_path: Path) -> bool:
    """Whether ``openssl verify`` or ``certtool --verify`` finds a path to this root."""
    file = tmp_path / "leaf.pem"
    file.write_bytes(leaf)
    commands = {
        "openssl": ["verify", "-no-CApath", "-no-CAstore", "-CAfile", str(root),
                    "-verify_hostname", NAME, str(file)],
        "certtool": ["--verify", "--load-ca-certificate", str(root), "--infile", str(file),
                     "--verify-hostname", NAME],
    }  # fmt: skip
    command = [need(tool), *commands[tool]]
    return subprocess.run(command, capture_output=True, timeout=SECONDS).returncode == 0


def test_the_copy_of_a_foreign_leaf_is_the_upstreams_but_for_its_signer(
    upstream: Upstream, home: Path
) -> None:
    with ForProgram(home, *NORTON, *upstream.option) as serving:
        root = Path(serving.ready["antivirus_root_file"])
        leaf, *rest = chain(serving.places["imaps"])

        assert_copied(upstream.leaf.read_bytes(), leaf)
        assert_signed_by(leaf, root)
        assert [read(one) for one in rest] == [read(root.read_bytes())]
        assert serving.record("verdict", 1)["upstream"] == {"verified": True, "errors": []}


@pytest.fixture(scope="module")
def shield(home: Path) -> Iterator[ForProgram]:
    with ForProgram(home, *NORTON) as serving:
        yield serving


@pytest.fixture(scope="module")
def norton_root(shield: ForProgram) -> Path:
    return Path(shield.ready["antivirus_root_file"])


@pytest.mark.parametrize("tool", ["openssl", "certtool"])
def test_its_signature_holds_for_independent_verifiers(
    shield: ForProgram, norton_root: Path, tool: str, tmp_path: Path
) -> None:
    leaf, *_ = chain(shield.places["imaps"])

    assert verifies(leaf, norton_root, tool, tmp_path)
    assert not verifies(leaf, Path(shield.ready["root_file"]), tool, tmp_path)


def test_behind_the_shield_the_doors_own_leaf_is_copied(tmp_path: Path) -> None:
    """What is kept makes both runs show one leaf at the door."""
    shielded = ForPerson(tmp_path, "expired", *NORTON)
    with ForPerson(tmp_path, "expired") as bare, shielded:
        bare.wait()
        shielded.wait()
        original, *_ = chain(bare.places["imap"])
        leaf, root = chain(shielded.places["imap"])

        assert_copied(original, leaf)
        assert_signed_by(leaf, tmp_path / "kept" / "norton-untrusted-root.pem")
        trusted = tmp_path / "kept" / "norton-trusted-root.pem"
        assert read(root) == read(trusted.read_bytes())


def test_it_is_one_leaf_for_a_server_on_every_endpoint(shield: ForProgram) -> None:
    assert len({chain(place)[0] for place in shield.places.values()}) == 1


@pytest.mark.parametrize("endpoint", list(PORTS))
def test_curl_and_openssl_accept_with_the_root_imported(
    shield: ForProgram, norton_root: Path, endpoint: str
) -> None:
    place = shield.places[endpoint]
    fetched = curl(place, norton_root, shield.ready["password"])
    verified = s_client(
        place, "-CAfile", str(norton_root), "-verify_return_error", "-verify_hostname", NAME
    )

    assert fetched.returncode == 0, fetched.stderr
    assert b"Subject: " in fetched.stdout or place.protocol == "smtp"
    assert b"Verify return code: 0 (ok)" in verified.stdout
    assert verified.returncode == 0


@pytest.mark.parametrize("endpoint", list(PORTS))
def test_curl_refuses_without_the_root(shield: ForProgram, endpoint: str) -> None:
    root = Path(shield.ready["root_file"])

    assert curl(shield.places[endpoint], root, shield.ready["password"]).returncode == 60


@pytest.mark.skipif(sys.version_info < (3, 13), reason="strict by default since Python 3.13")
def test_python_refuses_with_code_89_and_that_is_a_listed_exception(
    shield: ForProgram, norton_root: Path, home: Path
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError) as refused:
        connected(shield.places["imaps"], trusting(norton_root))
    assert refused.value.verify_code == 89
    connected(shield.places["imaps"], trusting(norton_root, strict=False)).close()

    shown = mitmail("show", "norton", home=home).stdout
    assert re.search(r"Known of python since 3\.13: .*basicConstraints is not critical", shown)


def test_a_switch_gives_implicit_tls_to_a_root_that_no_import_can_fix(
    home: Path, tmp_path: Path
) -> None:
    switch = ("--switch", "untrusted-on-implicit-tls")
    with ForProgram(home, *NORTON, *switch) as serving:
        root = Path(serving.ready["antivirus_root_file"])
        leaves = {name: chain(place)[0] for name, place in serving.places.items()}
        for name, leaf in leaves.items():
            untrusted = Place(name, 0).implicit
            assert verifies(leaf, root, "openssl", tmp_path) is not untrusted, name
            assert ("Untrusted Root" in read(leaf).issuer.rfc4514_string()) is untrusted
