"""What the door presents: openssl is the judge of what is wrong with it."""

import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from bench import catalogue, need
from mitmail.pki.certificate import pem
from mitmail.pki.store import Store
from mitmail.plan import Names, Plan, is_ordinary, make
from mitmail.scenario import loader
from mitmail.scenario.server import Server
from mitmail.service.orders import Orders, prepare


def verify(plan: Plan, folder: Path, name: str) -> set[int]:
    """The X509_V_ERR codes that ``openssl verify`` finds, with the server's root trusted."""
    files = {
        "root": pem(plan.server_roots[0]),
        "leaf": pem(plan.door.leaf),
        "rest": b"".join(pem(one) for one in plan.door.chain[1:]),
    }
    for part, content in files.items():
        (folder / part).write_bytes(content)
    trusted = ["-no-CApath", "-no-CAstore", "-CAfile", str(folder / "root")]
    rest = ["-untrusted", str(folder / "rest")] if files["rest"] else []
    wanted = ["-purpose", "sslserver", "-verify_hostname", name]
    run = subprocess.run(
        [need("openssl"), "verify", *trusted, *rest, *wanted, str(folder / "leaf")],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    found = {int(code) for code in re.findall(r"^error (\d+) at", run.stderr, re.MULTILINE)}
    assert (run.returncode == 0) == (not found)
    return found


# The first ten; tests/proof has all of them. X509_V_ERR_*: 9 not yet valid, 10 expired,
# 18 self-signed leaf, 20 no issuer, 62 host name.
DEFECTS = {
    "healthy": set(),
    "expired": {10},
    "not-yet-valid": {9},
    "wrong-host": {62},
    "hosting-wildcard": {62},
    "wildcard-multi-level": {62},
    "untrusted-root": {20},
    "self-signed": {18},
    "missing-intermediate": {20},
    "cn-only": set(),  # OpenSSL falls back to the CN, which RFC 9525 withdrew
}


@pytest.mark.parametrize("constrained", [True, False])
@pytest.mark.parametrize("scenario", DEFECTS)
def test_each_case_is_broken_in_exactly_one_way(
    scenario: str, constrained: bool, tmp_path: Path
) -> None:
    plan = make(loader.find(scenario), None, Store(None), constrained=constrained)

    assert verify(plan, tmp_path, plan.name) == DEFECTS[scenario]


@pytest.mark.parametrize("scenario", [x for x in DEFECTS if loader.find(x).control])
def test_under_the_controls_name_nothing_is_wrong(scenario: str, tmp_path: Path) -> None:
    plan = make(loader.find(scenario), None, Store(None))
    control = plan.scenario.control
    assert control is not None

    assert verify(plan, tmp_path, control.connect_as) == set()


def test_cn_only_has_no_subject_alternative_name() -> None:
    leaf = x509.load_der_x509_certificate(
        make(loader.find("cn-only"), None, Store(None)).door.leaf
    )

    assert "CN=mail.customer.test" in leaf.subject.rfc4514_string()
    with pytest.raises(x509.ExtensionNotFound):
        leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)


def test_the_kept_root_signs_for_test_names_only(tmp_path: Path) -> None:
    """A root that a machine trusts is dangerous: 47 is a permitted subtree violation."""
    names = Names("mail.example.com")

    kept = make(loader.find("healthy"), None, Store(None), names=names, constrained=True)
    free = make(loader.find("healthy"), None, Store(None), names=names, constrained=False)

    assert verify(kept, tmp_path, "mail.example.com") == {47}
    assert verify(free, tmp_path, "mail.example.com") == set()


def test_the_kept_root_lives_90_days() -> None:
    root = x509.load_der_x509_certificate(
        make(loader.find("healthy"), None, Store(None)).server_roots[0]
    )

    assert root.not_valid_after_utc - datetime.now(UTC) <= timedelta(days=90)


def test_a_kept_server_is_the_same_tomorrow(tmp_path: Path) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)

    today = make(loader.find("healthy"), None, Store(tmp_path), now=now)
    tomorrow = make(loader.find("healthy"), None, Store(tmp_path), now=now + timedelta(days=1))

    assert today.door.chain == tomorrow.door.chain


def test_a_kept_leaf_that_became_valid_is_made_again(tmp_path: Path) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)

    early = make(loader.find("not-yet-valid"), None, Store(tmp_path), now=now)
    later = make(loader.find("not-yet-valid"), None, Store(tmp_path), now=now + timedelta(days=31))

    leaf = x509.load_der_x509_certificate(later.door.leaf)
    assert early.door.leaf != later.door.leaf
    assert leaf.not_valid_before_utc > now + timedelta(days=31)


def test_a_kept_leaf_that_will_soon_be_valid_is_made_again(tmp_path: Path) -> None:
    """It would become a good certificate while it is being served."""
    now = datetime(2030, 1, 1, tzinfo=UTC)
    future = loader.find("not-yet-valid").server.leaf.not_before

    early = make(loader.find("not-yet-valid"), None, Store(tmp_path), now=now)
    eve = now + future - timedelta(minutes=1)
    later = make(loader.find("not-yet-valid"), None, Store(tmp_path), now=eve)

    assert early.door.leaf != later.door.leaf


def test_the_address_in_the_leaf_does_not_change_the_name_that_a_case_is_about() -> None:
    """Under mail.customer.test the wildcard of this case would be right."""
    plan = make(loader.find("wildcard-multi-level"), None, Store(None), also=("192.0.2.7",))

    assert plan.name == "imap.mail.customer.test"


def test_a_kept_root_near_its_end_is_replaced_with_all_below_it(tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    old = make(loader.find("healthy"), None, Store(tmp_path), now=now - timedelta(days=85))

    new = make(loader.find("healthy"), None, Store(tmp_path), now=now)

    assert new.server_roots[0] != old.server_roots[0]
    assert verify(new, tmp_path, new.name) == set()


def test_the_customers_own_name_and_the_address_are_in_the_leaf(tmp_path: Path) -> None:
    names = Names("mail.example.com", also=("192.0.2.7",))
    plan = make(loader.find("healthy"), None, Store(None), names=names, constrained=False)

    said = x509.load_der_x509_certificate(plan.door.leaf).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )

    assert plan.name == "mail.example.com"
    assert [str(name.value) for name in said.value] == ["mail.example.com", "192.0.2.7"]


def test_two_installations_have_roots_of_different_names() -> None:
    """Same name and another key would be a fault of its own: a bad signature in Thunderbird."""
    one, other = (
        x509.load_der_x509_certificate(
            make(loader.find("healthy"), None, Store(None)).server_roots[0]
        )
        for _ in range(2)
    )

    assert one.subject != other.subject


# -- what can stand below the kept root ----

CUSTOMER = Names()


def server(**said: Any) -> Server:
    return Server.model_validate(said)


@pytest.mark.parametrize(
    ("said", "names"),
    [
        (server(), CUSTOMER),
        (server(), Names("a.hoster.test")),
        (server(), Names("expired.mitmail.test")),
        (server(), Names("127.0.0.1", also=("::1",))),
        (server(), Names("bücher.customer.test")),
        (server(trust=["unrelated"]), CUSTOMER),
        (server(trust=["root", "unrelated"]), CUSTOMER),
        (server(leaf={"names": ["*.hoster.test", "{name}", "127.0.0.2"]}), CUSTOMER),
        (server(leaf={"names": []}), Names("mail.example.com")),
        (server(leaf={"names": [], "common_name": "{name}"}), CUSTOMER),
        (server(leaf={"subject": {"O": "Anybody at all", "CN": "{name}"}}), CUSTOMER),
        (server(leaf={"key": "rsa1024", "not_after": "-1d", "damage": "random"}), CUSTOMER),
        (server(intermediate={"ca": False}, more={"spare": {"key": "ed448"}}), CUSTOMER),
        # It is odd, but nobody is told to trust it.
        (server(root={"key": "ed448"}, trust=["unrelated"]), CUSTOMER),
        (server(leaf={"issuer": "self"}), CUSTOMER),
    ],
)
def test_a_good_root_and_test_names_are_ordinary(said: Server, names: Names) -> None:
    assert is_ordinary(said, names)


@pytest.mark.parametrize(
    ("said", "names"),
    [
        # Somebody else's names, which the kept root is not made for.
        (server(), Names("mail.example.com")),
        (server(), Names("192.0.2.7")),
        (server(), Names(also=("192.0.2.7",))),
        (server(leaf={"names": ["a.example.com", "{name}"]}), CUSTOMER),
        (server(leaf={"names": ["*.test"]}), CUSTOMER),
        (server(leaf={"names": ["evil.test"]}), CUSTOMER),
        (server(leaf={"names": ["email:qa@corp.test"]}), CUSTOMER),
        (server(leaf={"names": ["dns:{name}"]}), Names("127.0.0.1")),
        (server(leaf={"names": [], "common_name": "{name}"}), Names("127.0.0.1")),
        (server(leaf={"common_name": "the mail server"}), CUSTOMER),
        (server(leaf={"subject": {"CN": "mail.example.com"}}), CUSTOMER),
        # A client may find more wrong with these below limits than without.
        (server(leaf={"names": ["{name}", ".customer.test"]}), CUSTOMER),
        (server(leaf={"names": ["utf8:bücher.customer.test"]}), CUSTOMER),
        (server(), Names("my_mail.customer.test")),
        # A root that is odd itself.
        (server(root={"key": "rsa2048"}), CUSTOMER),
        (server(root={"not_after": "-1d"}), CUSTOMER),
        (server(root={"omit": ["ski"]}), CUSTOMER),
        (server(root={"subject": {"CN": "Root"}}), CUSTOMER),
        (server(leaf={"issuer": "self"}, trust=["leaf"]), CUSTOMER),
        (server(trust=["intermediate"]), CUSTOMER),
        (server(more={"old": {}}, trust=["old", "root"]), CUSTOMER),
        (server(more={"old": {"namesake": "root"}}, trust=["root", "old"]), CUSTOMER),
    ],
)
def test_other_names_and_odd_roots_are_not(said: Server, names: Names) -> None:
    assert not is_ordinary(said, names)


ODD = [
    x.id for x in catalogue().values()
    if not is_ordinary(x.server, Names(x.connect_as or "mail.customer.test"))
    and not is_ordinary(x.server, CUSTOMER)
]  # fmt: skip


def is_constrained(certificate: x509.Certificate) -> bool:
    return any(one.oid == x509.NameConstraints.oid for one in certificate.extensions)


def kept_certificates(folder: Path) -> list[x509.Certificate]:
    return [
        certificate
        for file in folder.rglob("*.pem")
        if b"BEGIN CERTIFICATE" in file.read_bytes()
        for certificate in x509.load_pem_x509_certificates(file.read_bytes())
    ]


def test_there_are_odd_ones_among_the_shipped_scenarios() -> None:
    assert {"expired-root", "self-signed-trusted", "stale-root-both-trusted"} <= {*ODD}
    assert "healthy" not in ODD


def test_of_an_odd_server_nothing_lands_in_the_kept_store_but_slow_keys(tmp_path: Path) -> None:
    """Somebody may have imported what lies there."""
    for scenario in ODD:
        bench = prepare(Orders(scenario=scenario), tmp_path)
        assert bench.kept_in is not None
        assert bench.kept_in not in bench.root_file.parents
        shown = bench.root_file.read_bytes()
        assert shown == b"".join(map(pem, bench.plan.server_roots))
        assert kept_certificates(bench.kept_in) == []
        keys = {file.name.split(".")[1] for file in bench.kept_in.glob("keys/*.pem")}
        assert keys <= {"rsa1024"}
        kept = {file.suffix for file in bench.kept_in.iterdir() if file.is_file()}
        assert kept <= {".secret", ".lock"}


def test_an_odd_server_leaves_a_kept_root_alone(tmp_path: Path) -> None:
    before = prepare(Orders(), tmp_path)
    assert before.kept_in is not None
    kept = set(kept_certificates(before.kept_in))

    prepare(Orders(scenario="expired-root"), tmp_path)
    prepare(Orders(name="mail.example.com"), tmp_path)

    assert set(kept_certificates(before.kept_in)) == kept
    assert prepare(Orders(), tmp_path).plan.server_roots == before.plan.server_roots


@pytest.mark.parametrize("scenario", ["healthy", "expired", "untrusted-root", "root-included"])
def test_whatever_root_is_kept_is_constrained(scenario: str, tmp_path: Path) -> None:
    bench = prepare(Orders(scenario=scenario), tmp_path)
    assert bench.kept_in is not None

    kept = kept_certificates(bench.kept_in)
    roots = [each for each in kept if each.issuer == each.subject]
    assert roots
    assert all(map(is_constrained, roots))


@pytest.mark.parametrize("scenario", ["self-signed-trusted", "self-signed-ca-true-trusted"])
def test_the_certificate_to_trust_is_the_one_that_is_sent_also_when_it_was_kept(
    scenario: str, tmp_path: Path
) -> None:
    """openssl knows a trusted leaf by its octets: 18 is a self-signed one that is not trusted."""
    store = Store(None)
    for _ in range(2):
        plan = make(loader.find(scenario), None, store, constrained=False)
        assert plan.server_roots == (plan.door.leaf,)
        assert verify(plan, tmp_path, plan.name) == set()
