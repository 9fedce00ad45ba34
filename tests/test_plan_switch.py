"""Behaviours of signing, one by one: what verifiers that know nothing of mitmail make of them."""

import re
import ssl
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from bench import need
from mitmail.pki import key
from mitmail.pki.certificate import pem
from mitmail.pki.identity import Identity
from mitmail.pki.store import Store
from mitmail.plan import Plan, make
from mitmail.plan.shield import uninstall
from mitmail.scenario import loader

NAME = "mail.customer.test"
STORE = Store(None)


@dataclass(frozen=True)
class Found:
    chain: tuple[bytes, ...]
    errors: tuple[str, ...] = ()
    alpn: bytes | None = None


def behind(
    *switches: str, vendor: str = "generic", scenario: str = "healthy", store: Store = STORE
) -> Plan:
    """The plan of a scenario behind a product with these behaviours."""
    said = loader.find(scenario)
    return make(said, loader.find_vendor(vendor), store, switches=frozenset(switches))


def shown(plan: Plan, *errors: str, sni: str | None = NAME) -> Identity:
    """What a client is shown when the server has these errors."""
    found = Found(plan.door.chain, errors)
    identity = plan.choose_shield("imaps")(found, sni)
    assert isinstance(identity, Identity)
    return identity


def leaf(identity: Identity) -> x509.Certificate:
    return x509.load_der_x509_certificate(identity.leaf)


def names(one: x509.Certificate) -> list[str]:
    found = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return found.get_values_for_type(x509.DNSName)


@dataclass(frozen=True)
class Judges:
    """openssl, certtool and Python, asked in a folder of their own."""

    folder: Path

    def _write(self, identity: Identity, roots: tuple[bytes, ...]) -> None:
        parts = {"leaf": identity.chain[:1], "rest": identity.chain[1:], "roots": roots}
        for name, certificates in parts.items():
            (self.folder / name).write_bytes(pem(*certificates))
        (self.folder / "chain").write_bytes(pem(*identity.chain) + key.pem(identity.key))

    def openssl(self, identity: Identity, *roots: bytes, options: tuple[str, ...] = ()) -> int:
        """The number of the error that ``openssl verify`` ends with, 0 when it finds none."""
        self._write(identity, roots)
        rest = ["-untrusted", "rest"] if identity.chain[1:] else []
        trusted = ["-CAfile", "roots"] if roots else ["-no-CAfile"]
        command = [need("openssl"), "verify", "-no-CApath", "-no-CAstore", *trusted, *rest]
        run = subprocess.run(
            [*command, "-purpose", "sslserver", *options, "leaf"],
            cwd=self.folder, capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
        if run.returncode == 0:
            return 0
        number = re.search(r"^error (\d+) at", run.stderr, re.MULTILINE)
        assert number is not None, run.stderr
        return int(number[1])

    def certtool(self, identity: Identity, *roots: bytes) -> bool:
        """Whether GnuTLS finds a path for this name."""
        self._write(identity, roots)
        command = [need("certtool"), "--verify", "--load-ca-certificate", "roots"]
        run = subprocess.run(
            [*command, "--verify-hostname", NAME, "--infile", "chain"],
            cwd=self.folder, capture_output=True, timeout=20, check=False,
        )  # fmt: skip
        return run.returncode == 0

    def python(self, identity: Identity, *roots: bytes) -> int:
        """The verify code with which Python's default context refuses in a handshake, or 0."""
        self._write(identity, roots)
        client_side = ssl.create_default_context(cafile=str(self.folder / "roots"))
        server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_side.set_ciphers("DEFAULT:@SECLEVEL=0")
        server_side.load_cert_chain(self.folder / "chain")
        there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = client_side.wrap_bio(back, there, server_hostname=NAME)
        server = server_side.wrap_bio(there, back, server_side=True)
        for _ in range(5):
            for side in (client, server):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue
                except ssl.SSLCertVerificationError as refused:
                    return refused.verify_code
        return 0


@pytest.fixture
def judges(tmp_path: Path) -> Judges:
    return Judges(tmp_path)


def root_of(plan: Plan) -> bytes:
    """The root that a client of this product knows."""
    assert plan.antivirus_root is not None
    return plan.antivirus_root.certificate


# -- who signs ----


def test_a_self_signed_server_is_signed_by_a_root_of_its_own(judges: Judges) -> None:
    plan = behind(vendor="norton")
    copy = shown(plan, "self-signed")
    assert plan.shield is not None
    own = plan.shield.installation.roots["self-signed"].certificate

    assert judges.openssl(copy, own) == 0
    assert judges.openssl(copy, root_of(plan)) == 20


@pytest.mark.parametrize("scenario", ["expired", "not-yet-valid", "wrong-host", "cn-only"])
def test_what_is_masked_verifies_whatever_the_server_has(scenario: str, judges: Judges) -> None:
    for switches, code in (((), {10, 9, 62}), (("mask-faults",), {0})):
        plan = behind(*switches, scenario=scenario)
        reasons = tuple(plan.scenario.expect.reasons)
        copy = shown(plan, *reasons)
        host = ("-verify_hostname", NAME)
        # Of openssl's own accord CN counts where there is no subjectAltName.
        code = {0} if scenario == "cn-only" else code

        assert judges.openssl(copy, root_of(plan), options=host) in code
        assert judges.certtool(copy, root_of(plan)) == (0 in code)


def test_a_mask_adds_the_name_and_keeps_the_others() -> None:
    plan = behind("mask-faults", scenario="wrong-host")
    before = names(x509.load_der_x509_certificate(plan.door.leaf))

    assert names(leaf(shown(plan, "name-mismatch"))) == [*before, NAME]


def test_a_device_shows_its_own_certificate_and_no_import_mends_the_name(judges: Judges) -> None:
    plan = behind(vendor="fortinet", scenario="expired")
    device = shown(plan, "expired")
    (factory,) = [device.chain[0]]

    assert leaf(device).subject.rfc4514_string().startswith("CN=FGT00E0000000000 (simulated),OU=")
    assert not [x for x in leaf(device).extensions if x.oid == x509.SubjectAlternativeName.oid]
    assert leaf(device).not_valid_after_utc.year == 2056
    assert judges.openssl(device, root_of(plan)) == 20
    partial = ("-partial_chain", "-verify_hostname", NAME)
    assert judges.openssl(device, factory, options=partial) == 62
    assert shown(behind(vendor="fortinet", scenario="wrong-host"), "expired") == device


def test_with_the_intermediate_sent_there_is_a_path_to_the_root_and_without_it_none(
    judges: Judges,
) -> None:
    sent, omitted = behind("intermediate"), behind("intermediate-omitted")

    assert judges.openssl(shown(sent), root_of(sent)) == 0
    assert judges.certtool(shown(sent), root_of(sent))
    assert judges.openssl(shown(omitted), root_of(omitted)) == 20
    assert not judges.certtool(shown(omitted), root_of(omitted))


def test_zscalers_intermediate_signs_and_is_sent(judges: Judges) -> None:
    plan = behind(vendor="zscaler")
    copy, root = shown(plan), x509.load_der_x509_certificate(root_of(plan))

    assert judges.openssl(copy, root_of(plan)) == 0
    assert "CN=Zscaler Intermediate Root CA" in leaf(copy).issuer.rfc4514_string()
    assert leaf(copy).issuer != root.subject


def test_a_stale_list_distrusts_a_good_server(judges: Judges) -> None:
    plan = behind("stale-trust-list")

    assert judges.openssl(shown(plan), root_of(plan)) == 20
    assert judges.openssl(shown(behind()), root_of(behind())) == 0


def test_an_extra_list_trusts_a_private_authority(judges: Judges) -> None:
    plan = behind("extra-trust-list")

    assert judges.openssl(shown(plan, "unknown-issuer"), root_of(plan)) == 0
    assert judges.openssl(shown(plan, "self-signed"), root_of(plan)) == 20
    assert judges.openssl(shown(behind(), "unknown-issuer"), root_of(behind())) == 20


# -- roots ----

STRICT = [
    ("root-not-critical", 89),
    ("root-without-ski", 86),
    ("root-without-key-usage", 92),
    ("bare-leaf", 85),
]


@pytest.mark.skipif(sys.version_info < (3, 13), reason="strict by default since Python 3.13")
@pytest.mark.parametrize(("switch", "code"), STRICT)
def test_python_is_strict_about_the_shape_of_a_certificate(
    switch: str, code: int, judges: Judges
) -> None:
    plan = behind(switch)
    copy, root = shown(plan), root_of(plan)

    assert judges.python(shown(behind()), root_of(behind())) == 0
    assert judges.python(copy, root) == code
    assert judges.openssl(copy, root) == 0
    assert judges.certtool(copy, root)


@pytest.mark.parametrize(
    ("switch", "start", "code"), [("root-30-years", 2010, 0), ("root-expired", None, 10)]
)
def test_the_root_is_valid_for_as_long_as_is_said(
    switch: str, start: int | None, code: int, judges: Judges
) -> None:
    plan = behind(switch)
    root = x509.load_der_x509_certificate(root_of(plan))

    assert judges.openssl(shown(plan), root_of(plan)) == code
    if start is not None:
        assert (root.not_valid_before_utc.year, root.not_valid_after_utc.year) == (start, 2040)


def test_a_switched_root_is_kept_beside_the_products_own(tmp_path: Path) -> None:
    """Who imported the one must not find it changed by a run with the other."""
    switches: tuple[tuple[str, ...], ...] = ((), ("root-expired",), (), ("root-expired",))
    own, ended, own_again, ended_again = (
        root_of(behind(*each, store=Store(tmp_path))) for each in switches
    )

    assert own == own_again
    assert ended == ended_again
    left = x509.load_der_x509_certificate(own).not_valid_after_utc
    assert x509.load_der_x509_certificate(ended).not_valid_after_utc < left


def test_who_knows_the_root_of_before_finds_no_path(judges: Judges) -> None:
    for vendor, code in (("norton", 19), ("generic", 20)):
        plan = behind("reinstalled", vendor=vendor)
        copy, old = shown(plan), root_of(plan)
        assert plan.shield is not None
        new = plan.shield.installation.roots["trusted"].certificate

        assert judges.openssl(copy, old) == code
        assert judges.openssl(copy, new) == 0
        subjects = {x509.load_der_x509_certificate(one).subject for one in (old, new)}
        assert subjects == {leaf(copy).issuer}


@pytest.mark.parametrize(("switch", "code"), [("weak-root", 67), ("weak-leaf", 68)])
def test_openssl_calls_weak_what_is_weak(switch: str, code: int, judges: Judges) -> None:
    plan = behind(switch)
    level = ("-auth_level", "2")

    assert judges.openssl(shown(plan), root_of(plan), options=level) == code
    assert judges.openssl(shown(behind()), root_of(behind()), options=level) == 0
    assert shown(plan).manner.weak


# -- leaves ----


def extension(one: x509.Certificate, kind: type[x509.ExtensionType]) -> x509.ExtensionType:
    return one.extensions.get_extension_for_class(kind).value


def test_the_key_identifier_is_the_servers_or_of_the_new_key() -> None:
    server = x509.load_der_x509_certificate(behind().door.leaf)
    new, copied = leaf(shown(behind())), leaf(shown(behind("copied-ski")))
    ski = x509.SubjectKeyIdentifier

    assert extension(new, ski) == ski.from_public_key(new.public_key())
    assert extension(copied, ski) == extension(server, ski)
    assert extension(copied, ski) != ski.from_public_key(copied.public_key())


def test_no_extension_is_critical() -> None:
    assert any(x.critical for x in leaf(shown(behind())).extensions)
    assert not any(x.critical for x in leaf(shown(behind("not-critical"))).extensions)


def test_a_bare_leaf_has_its_name_in_cn_alone(judges: Judges) -> None:
    plan = behind("bare-leaf")
    bare = leaf(shown(plan))

    assert bare.version is x509.Version.v3
    assert not list(bare.extensions)
    assert bare.subject == x509.load_der_x509_certificate(plan.door.leaf).subject
    host = ("-verify_hostname", NAME)
    assert judges.openssl(shown(plan), root_of(plan), options=host) == 0


@pytest.mark.parametrize(("sni", "seen"), [("imap.hoster.test", "imap.hoster.test"), (None, NAME)])
def test_the_name_is_the_one_that_was_asked_for(sni: str | None, seen: str) -> None:
    one = leaf(shown(behind("requested-name", scenario="wrong-host"), sni=sni))

    assert names(one) == [seen]
    assert one.subject.rfc4514_string() == f"CN={seen}"


def test_the_validity_is_the_products_own() -> None:
    one = leaf(shown(behind("own-validity", scenario="expired"), "expired"))

    assert (one.not_valid_after_utc - one.not_valid_before_utc).days == 3651


def test_one_key_serves_all_copies() -> None:
    apart = [leaf(shown(behind(scenario=x))).public_key() for x in ("healthy", "wrong-host")]
    shared = [
        leaf(shown(behind("shared-key", scenario=x))).public_key()
        for x in ("healthy", "wrong-host")
    ]

    assert apart[0] != apart[1]
    assert shared[0] == shared[1]


def test_a_serial_is_a_guid() -> None:
    number = leaf(shown(behind("guid-serial"))).serial_number

    assert uuid.UUID(bytes_le=number.to_bytes(16)).version == 4


def test_twelve_octets_are_the_serial_of_kaspersky_on_the_mac() -> None:
    assert leaf(shown(behind(vendor="kaspersky-mac-2017"))).serial_number.bit_length() in (94, 95)


def test_the_key_is_rsa_whatever_the_servers_is() -> None:
    server = x509.load_der_x509_certificate(behind().door.leaf)
    copied = leaf(shown(behind("rsa-leaf"))).public_key()

    assert not isinstance(server.public_key(), rsa.RSAPublicKey)
    assert isinstance(copied, rsa.RSAPublicKey)
    assert copied.key_size == 2048


def test_a_copy_lives_as_long_as_is_said(tmp_path: Path) -> None:
    """Within a process, and from one to the next one on the same folder."""
    store = Store(tmp_path)

    def lives(switch: str) -> tuple[bool, bool]:
        first, second = behind(switch, store=store), behind(switch, store=store)
        once, again, later = (shown(x).chain for x in (first, first, second))
        return once == again, once == later

    assert lives("leaf-per-connection") == (False, False)
    assert lives("leaf-per-process") == (True, False)
    assert lives("leaf-kept") == (True, True)


def test_every_third_connection_gets_another_hosts_leaf() -> None:
    plan = behind("wrong-leaf")
    choose = plan.choose_shield("imaps")
    seen = []
    for _ in range(7):
        identity = choose(Found(plan.door.chain), NAME)
        assert isinstance(identity, Identity)
        seen.append(NAME in names(leaf(identity)))

    assert seen == [True, True, False, True, True, False, True]


# -- chains ----


def test_openssl_numbers_an_unknown_signer_by_what_is_sent(judges: Judges) -> None:
    for switch, code in (("root-sent", 19), ("leaf-only", 20), ("unrelated-root", 20)):
        plan = behind(switch, vendor="norton")

        assert judges.openssl(shown(plan), *plan.server_roots) == code, switch
    sent = shown(plan).chain[1]
    assert judges.openssl(shown(plan), sent) == 20, "it is trusted, and has signed nothing"


def test_a_disordered_chain_still_has_its_path_for_openssl(judges: Judges) -> None:
    plan = behind("chain-disordered")
    _, root, issuer, again = shown(plan).chain

    assert root == root_of(plan)
    assert issuer == again != root
    assert judges.openssl(shown(plan), root) == 0


# -- installed again ----


def test_an_installation_made_again_has_new_keys_under_the_old_names(tmp_path: Path) -> None:
    store, norton = Store(tmp_path), loader.find_vendor("norton")
    before = behind(vendor="norton", store=store)
    old = shown(before)
    uninstall(norton, store)
    after = behind(vendor="norton", store=store)

    roots = [x509.load_der_x509_certificate(root_of(one)) for one in (before, after)]
    assert roots[0].subject == roots[1].subject
    assert roots[0].public_key() != roots[1].public_key()
    assert leaf(old).public_key() != leaf(shown(after)).public_key()
    assert leaf(old).issuer == leaf(shown(after)).issuer
