"""Random chains: what ``check`` calls good is good for ``openssl verify``, and the other way."""

import random
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bench import clean_environment, need
from mitmail.diagnose.client_view import scenario
from mitmail.diagnose.diagnosis import diagnose
from mitmail.diagnose.finding import Finding
from mitmail.diagnose.presented import Presented
from mitmail.diagnose.roots import Roots, public

HOST = "mail.shop.example.com"
NOW = datetime.now(UTC).replace(microsecond=0)
CHAINS = 60
LONG = 20  # hundreds

type Key = ec.EllipticCurvePrivateKey


def key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def signed(
    subject: str, own: Key, issuer: str, by: Key, *,
    ca: bool = True, pathlen: int | None = None, begins: int = -10, ends: int = 80,
    usage: bool = True, identifier: Key | None = None, names: tuple[str, ...] = (),
) -> x509.Certificate:  # fmt: skip
    """A certificate; days from now, and the key that authorityKeyIdentifier names."""
    made = (
        x509.CertificateBuilder()
        .subject_name(named(subject)).issuer_name(named(issuer))
        .public_key(own.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=begins))
        .not_valid_after(NOW + timedelta(days=ends))
        .add_extension(x509.BasicConstraints(ca, pathlen if ca else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
    )  # fmt: skip
    if identifier is not None:
        known = x509.AuthorityKeyIdentifier.from_issuer_public_key(identifier.public_key())
        made = made.add_extension(known, critical=False)
    if usage:
        flags = (not ca, False, False, False, False, ca, ca, False, False)
        made = made.add_extension(x509.KeyUsage(*flags), critical=True)
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
        made = made.add_extension(alternative, critical=False)
        server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        made = made.add_extension(server, critical=False)
    return made.sign(by, hashes.SHA256())


ROOT_KEY = key()
ROOT = signed("O Root", ROOT_KEY, "O Root", ROOT_KEY, ends=3000, identifier=ROOT_KEY)


def random_chain(chance: random.Random) -> list[x509.Certificate]:
    """A leaf and what is sent with it: names, keys, dates and rights as chance has it."""

    def seldom(share: float) -> bool:
        return chance.random() < share

    above, name = ROOT_KEY, "O Root"
    if seldom(0.15):
        above, name = key(), chance.choice(("O Root", "Other Root"))
    sent: list[x509.Certificate] = []
    for level in range(chance.choice((1, 1, 2, 3))):
        own, subject = key(), chance.choice((f"I{level}", f"I{level}", "I0", "O Root"))
        identifier = None if seldom(0.2) else key() if seldom(0.08) else above
        begins, ends = chance.choice(((-10, 80),) * 8 + ((5, 80), (-10, -1)))
        sent.insert(0, signed(
            subject, own, name, above, ca=not seldom(0.08), usage=not seldom(0.2),
            pathlen=chance.choice((None, None, None, 0, 1)), begins=begins,
            ends=ends, identifier=identifier,
        ))  # fmt: skip
        above, name = own, subject
    leaf = signed(
        HOST, key(), name, above, ca=False, ends=chance.choice((80, 80, 80, -1)),
        identifier=None if seldom(0.2) else key() if seldom(0.12) else above,
        names=chance.choice(((HOST,), ("*.shop.example.com",), (HOST, "x.test"), ("y.test",))),
    )  # fmt: skip
    if seldom(0.3):
        chance.shuffle(sent)
    if seldom(0.15):
        sent.pop(chance.randrange(len(sent)))
    return [leaf, *sent, *([ROOT] if seldom(0.2) else [])]


def der(one: x509.Certificate) -> bytes:
    return one.public_bytes(serialization.Encoding.DER)


def pem(*some: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in some)


def found(*sent: x509.Certificate, roots: Roots | None = None) -> dict[str, Finding]:
    trusted = Roots((der(ROOT),), "the roots") if roots is None else roots
    shown = Presented(chain=tuple(map(der, sent)), name=HOST, at=datetime.now(UTC), source="x")
    return {one.id: one for one in diagnose(shown, trusted)}


def openssl(*sent: x509.Certificate, directory: Path) -> bool:
    chain, root = directory / "chain.pem", directory / "root.pem"
    chain.write_bytes(pem(*sent))
    root.write_bytes(pem(ROOT))
    ran = subprocess.run(
        [need("openssl"), "verify", "-purpose", "sslserver", "-verify_hostname", HOST,
         "-CAfile", root, "-untrusted", chain, chain],
        capture_output=True, check=False, timeout=30, env=clean_environment(),
    )  # fmt: skip
    return ran.returncode == 0


def compare(seed: int, directory: Path) -> bool:
    """Whether OpenSSL takes it; what it takes is never critical, what it refuses never good."""
    sent = random_chain(random.Random(seed))
    known, good = found(*sent), openssl(*sent, directory=directory)
    assert known
    assert good or "ok" not in known
    assert not good or "critical" not in {one.severity for one in known.values()}
    return good


def test_what_openssl_refuses_is_never_called_good(tmp_path: Path) -> None:
    taken = [compare(seed, tmp_path) for seed in range(CHAINS)]
    assert 5 < sum(taken) < CHAINS - 5


@pytest.mark.long
@pytest.mark.parametrize("hundred", range(LONG))
def test_two_thousand_that_openssl_refuses_are_never_called_good(
    hundred: int, tmp_path: Path
) -> None:
    for seed in range(hundred * 100, hundred * 100 + 100):
        compare(seed, tmp_path)


@pytest.mark.parametrize(
    ("wrong", "id_"),
    [({}, None), ({"ends": -1}, "ca-expired"), ({"ca": False, "usage": False}, "not-a-ca"),
     ({"begins": 5}, "ca-not-yet-valid")],
)  # fmt: skip
def test_a_wrong_key_identifier_hides_nothing_that_is_wrong_above_it(
    wrong: dict[str, Any], id_: str | None
) -> None:
    own = key()
    issuer = signed("I", own, "O Root", ROOT_KEY, identifier=ROOT_KEY, **wrong)
    leaf = signed(HOST, key(), "I", own, ca=False, identifier=key(), names=(HOST,))

    known = found(leaf, issuer)
    assert known["key-identifier"].severity == "medium"
    assert {one.id for one in known.values() if one.severity == "critical"} == ({id_} - {None})
    nobodys = found(leaf, issuer, roots=public())
    assert nobodys["unknown-issuer"].severity == "critical"


def test_a_circle_of_authorities_is_trusted_by_nobody() -> None:
    one, two = key(), key()
    leaf = signed(HOST, key(), "One", one, ca=False, identifier=one, names=(HOST,))
    circle = (
        signed("One", one, "Two", two, identifier=two),
        signed("Two", two, "One", one, identifier=one),
    )
    assert found(leaf, *circle)["unknown-issuer"].severity == "critical"


def test_an_authority_that_changed_its_key_is_not_self_signed(tmp_path: Path) -> None:
    """RFC 5280 section 3.2: self-issued, and signed with the old key."""
    new = key()
    rolled = signed("O Root", new, "O Root", ROOT_KEY, identifier=ROOT_KEY)
    leaf = signed(HOST, key(), "O Root", new, ca=False, identifier=new, names=(HOST,))

    known = found(leaf, rolled)
    assert set(known) == {"self-issued", "ok"}
    assert openssl(leaf, rolled, directory=tmp_path)


@pytest.mark.parametrize("trusted", ["issuer", "leaf"])
def test_a_trusted_certificate_that_is_no_root_is_not_enough_for_openssl(
    trusted: str, tmp_path: Path
) -> None:
    own = key()
    issuer = signed("I", own, "O Root", ROOT_KEY, identifier=ROOT_KEY)
    leaf = signed(HOST, key(), "I", own, ca=False, identifier=own, names=(HOST,))
    end = {"issuer": issuer, "leaf": leaf}[trusted]
    (tmp_path / "leaf.pem").write_bytes(pem(leaf))
    (tmp_path / "end.pem").write_bytes(pem(end))
    verify, certtool = (
        subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30,
            env=clean_environment(),
        )
        for command in (
            [need("openssl"), "verify", "-CAfile", "end.pem", "leaf.pem"],
            [need("certtool"), "--verify", "--load-ca-certificate", "end.pem", "--infile",
             "leaf.pem"],
        )
    )  # fmt: skip
    known = found(leaf, roots=Roots((der(end),), "the roots"))
    (number,) = re.findall(r"^error (\d+) at", verify.stderr, re.MULTILINE)

    assert f"its error {number})" in known["no-root"].words
    assert (certtool.returncode == 0) == ("GnuTLS takes it" in known["no-root"].words)
    assert set(known) == {"no-root"}
    assert "ok" in found(leaf, roots=Roots((der(end), der(issuer), der(ROOT)), "the roots"))


def test_what_is_good_is_good_until_the_first_of_the_chain_ends() -> None:
    own = key()
    issuer = signed("I", own, "O Root", ROOT_KEY, ends=30, identifier=ROOT_KEY)
    leaf = signed(HOST, key(), "I", own, ca=False, ends=80, identifier=own, names=(HOST,))
    assert f"until {NOW + timedelta(days=30):%Y-%m-%d}" in found(leaf, issuer)["ok"].words


def test_a_trusted_root_that_has_expired_is_the_clients_to_replace() -> None:
    old = signed("Old", ROOT_KEY, "Old", ROOT_KEY, ends=-1, identifier=ROOT_KEY)
    leaf = signed(HOST, key(), "Old", ROOT_KEY, ca=False, identifier=ROOT_KEY, names=(HOST,))
    known = found(leaf, roots=Roots((der(old),), "the roots"))
    assert set(known) == {"root-expired"}
    assert "client" in known["root-expired"].fix
    assert scenario(known["root-expired"]) == "expired-root"
