"""What the door presents: openssl is the judge of what is wrong with it."""

import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from bench import need
from mitmail.pki.certificate import pem
from mitmail.pki.store import Store
from mitmail.plan import Names, Plan, make
from mitmail.scenario import loader


def verify(plan: Plan, folder: Path, name: str) -> set[int]:
    """The X509_V_ERR codes that ``openssl verify`` finds, with the server's root trusted."""
    files = {
        "root": pem(plan.server_root.certificate),
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


# X509_V_ERR_*: 9 not yet valid, 10 expired, 18 self-signed leaf, 20 no issuer, 62 host name.
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


def test_the_table_has_every_shipped_scenario() -> None:
    assert set(DEFECTS) == set(loader.shipped())


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
        make(loader.find("healthy"), None, Store(None)).server_root.certificate
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
    old = make(
        loader.find("healthy"), None, Store(tmp_path), now=now - timedelta(days=85)
    ).server_root

    new = make(loader.find("healthy"), None, Store(tmp_path), now=now)

    assert new.server_root.certificate != old.certificate
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
    one, other = (make(loader.find("healthy"), None, Store(None)).server_root for _ in range(2))

    assert one.subject != other.subject
