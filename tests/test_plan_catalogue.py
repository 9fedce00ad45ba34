"""The catalogue by name: openssl is the judge of whether a case is still the same case."""

import re
import subprocess
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from bench import need
from mitmail.errors import MitmailError
from mitmail.pki.certificate import pem
from mitmail.pki.keypool import KeyPool
from mitmail.pki.store import Store
from mitmail.plan import Plan, make
from mitmail.plan.catalogue import Catalogue
from mitmail.plan.chain import slow_keys
from mitmail.scenario import loader
from mitmail.scenario.model import Scenario
from mitmail.scenario.problem import ScenarioError

NOW = datetime.now(UTC).replace(microsecond=0)
WARM = 5.0  # seconds of processor time for all chains when the slow keys are there
# What nobody need find by name: its client uses another one, or none comes in time.
APART = {
    "wildcard-multi-level", "wildcard-partial-prefix", "wildcard-ok", "ip-as-dnsname", "ip-san-ok",
    "close-on-connect",
}  # fmt: skip
BY_NAME = {"healthy", "expired", "self-signed", "untrusted-root", "hosting-wildcard", "wrong-host"}


@pytest.fixture(scope="module")
def scenarios() -> dict[str, Scenario]:
    """Every shipped scenario that loads, but for keys above 4096 bits."""
    found = {}
    for scenario_id, file in loader.shipped().items():
        try:
            found[scenario_id] = loader.load(file)
        except ScenarioError:  # that is for the lint test to say
            continue
    return {id_: x for id_, x in found.items() if not _is_huge(x)}


def _is_huge(said: Scenario) -> bool:
    return any(kind == "rsa8192" for kind, _ in slow_keys(said.server))


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where keys that take long are kept."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def catalogue(scenarios: dict[str, Scenario], slow: Path) -> Catalogue:
    return Catalogue(scenarios, lasting_keys(slow), constrained=False, now=NOW)


def minted(catalogue: Catalogue) -> dict[str, MitmailError]:
    """Make every plan now; the ids that cannot be made, and why."""
    catalogue.make_slow_keys()
    failed = {}
    for scenario_id in catalogue.scenarios:
        try:
            catalogue.plan(scenario_id)
        except MitmailError as error:
            failed[scenario_id] = error
    return failed


def lasting_keys(folder: Path) -> Store:
    return Store(None, KeyPool(shared=KeyPool(folder)))


def few(*ids: str) -> dict[str, Scenario]:
    return {id_: loader.find(id_) for id_ in ids}


# -- which case stays what it is by which name ----


def test_a_case_about_another_name_stands_apart(catalogue: Catalogue) -> None:
    assert {*catalogue.apart} >= APART
    assert {*catalogue.by_name} >= BY_NAME
    assert {*catalogue.apart} | {*catalogue.by_name} == {*catalogue.scenarios}
    assert not {*catalogue.apart} & {*catalogue.by_name}


def own(folder: Path, server: str, expect: str) -> dict[str, Scenario]:
    """A scenario of the user's own."""
    text = f"title: Mine\nwhy: It is.\nrule: none\nserver: {server}\nexpect: {expect}\n"
    (folder / "mine.yaml").write_text(text)
    return {"mine": loader.load(folder / "mine.yaml")}


def test_a_case_about_the_dialogue_before_any_name_stands_apart(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    cases = own(tmp_path, "{dialogue: {login: true}}", "{verdict: accept}")

    assert Catalogue(cases, Store(None), constrained=False).apart == ("mine",)
    assert {*catalogue.apart} >= {x for x in catalogue.scenarios if x.startswith("starttls-")}


def test_a_wildcard_that_covers_the_cases_own_name_alone_stands_apart(tmp_path: Path) -> None:
    """By its own name this server would be right."""
    cases = own(
        tmp_path,
        '{leaf: {names: ["*.mitmail.test"]}}',
        "{verdict: reject, reasons: [name-mismatch]}",
    )

    assert Catalogue(cases, Store(None), constrained=False).apart == ("mine",)


def test_a_client_that_trusts_two_good_roots_is_told_of_both(tmp_path: Path) -> None:
    cases = own(tmp_path, "{trust: [root, unrelated]}", "{verdict: accept}")
    catalogue = Catalogue(cases, Store(tmp_path / "kept"), constrained=True)

    assert catalogue.roots("mine") == catalogue.plan("mine").server_roots
    assert len(catalogue.roots("mine")) == 2


def test_a_client_uses_the_cases_own_name_and_apart_the_usual_one(catalogue: Catalogue) -> None:
    assert catalogue.name("expired") == "expired.mitmail.test"
    assert catalogue.name("wildcard-multi-level") == "imap.mail.customer.test"
    assert catalogue.name("wildcard-ok") == "mail.customer.test"


@pytest.mark.parametrize("sni", ["expired.mitmail.test", "EXPIRED.Mitmail.Test"])
def test_a_name_chooses_its_case(sni: str, catalogue: Catalogue) -> None:
    assert catalogue.chosen(sni) == catalogue.scenarios["expired"]


@pytest.mark.parametrize(
    "sni",
    ["", "expired", "expird.mitmail.test", "expired.customer.test", "x.expired.mitmail.test",
     "mitmail.test", ".mitmail.test", "expired.mitmail.test.", "mail.customer.test"],
)  # fmt: skip
def test_no_other_name_chooses_any(sni: str, catalogue: Catalogue) -> None:
    assert catalogue.chosen(sni) is None


def verify(plan: Plan, folder: Path) -> tuple[bool, set[int]]:
    """Whether ``openssl verify`` accepts, and the X509_V_ERR codes that it finds."""
    parts: Mapping[str, Iterable[bytes]] = {
        "roots": plan.server_roots, "leaf": plan.door.chain[:1], "rest": plan.door.chain[1:],
    }  # fmt: skip
    folder.mkdir()
    for part, certificates in parts.items():
        (folder / part).write_bytes(b"".join(map(pem, certificates)))
    rest = ["-untrusted", "rest"] if plan.door.chain[1:] else []
    trusted = ["-no-CApath", "-no-CAstore", "-CAfile", "roots", *rest]
    wanted = ["-purpose", "sslserver", "-auth_level", "2", "-verify_hostname", plan.name]
    command = [need("openssl"), "verify", *trusted, *wanted, "leaf"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=20)
    return run.returncode == 0, {int(x) for x in re.findall(r"^error (\d+) at", run.stderr, re.M)}


@pytest.mark.parametrize(
    "constrained",
    [pytest.param(False, id="free"), pytest.param(True, id="constrained", marks=pytest.mark.long)],
)
def test_openssl_finds_the_same_wrong_under_the_cases_own_name(
    scenarios: dict[str, Scenario], slow: Path, constrained: bool, tmp_path: Path
) -> None:
    catalogue = Catalogue(scenarios, lasting_keys(slow), constrained=constrained, now=NOW)
    store = lasting_keys(slow)

    def differs(scenario_id: str) -> bool:
        usual = make(scenarios[scenario_id], None, store, now=NOW, constrained=False)
        found = [
            verify(plan, tmp_path / f"{scenario_id}-{number}")
            for number, plan in enumerate((usual, catalogue.plan(scenario_id)))
        ]
        return found[0] != found[1]

    asked = [x for x in catalogue.by_name if scenarios[x].server.sent]
    with ThreadPoolExecutor() as threads:
        differing = list(threads.map(differs, asked))
    assert [id_ for id_, one in zip(asked, differing, strict=True) if one] == []


# -- what is made, when, and where it is kept ----


def test_a_plan_is_made_when_it_is_first_asked_for_and_once() -> None:
    catalogue = Catalogue(few("expired", "healthy"), Store(None), constrained=False)

    assert catalogue.made("expired") is None
    assert catalogue.plan("expired") is catalogue.plan("expired") is catalogue.made("expired")
    assert catalogue.made("healthy") is None


def test_the_name_is_in_the_certificate() -> None:
    catalogue = Catalogue(few("healthy"), Store(None), constrained=False)

    leaf = x509.load_der_x509_certificate(catalogue.plan("healthy").door.leaf)
    said = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert said.get_values_for_type(x509.DNSName) == ["healthy.mitmail.test"]


@pytest.mark.parametrize("constrained", [False, True], ids=["free", "constrained"])
def test_the_roots_that_are_said_are_those_of_the_plan(
    scenarios: dict[str, Scenario], slow: Path, constrained: bool
) -> None:
    catalogue = Catalogue(scenarios, lasting_keys(slow), constrained=constrained, now=NOW)

    said = {id_: catalogue.roots(id_) for id_ in scenarios}

    assert {id_: catalogue.plan(id_).server_roots for id_ in scenarios} == said
    assert sum(roots == (catalogue.common_root,) for roots in said.values()) > len(said) / 2


def test_the_roots_of_most_cases_are_said_before_anything_else_is_made() -> None:
    catalogue = Catalogue(few("expired", "untrusted-root"), Store(None), constrained=False)

    assert catalogue.roots("expired") == catalogue.roots("untrusted-root")
    assert catalogue.made("expired") is None


def is_constrained(root: bytes) -> bool:
    read = x509.load_der_x509_certificate(root).extensions
    return any(one.oid == x509.NameConstraints.oid for one in read)


def test_only_constrained_roots_are_kept_and_no_odd_ones(tmp_path: Path) -> None:
    """Someone may trust it: what plays other names, or is odd, ends with the catalogue."""
    cases = few("healthy", "self-signed-trusted", "expired-root", "wildcard-double")
    catalogue = Catalogue(cases, Store(tmp_path), constrained=True, now=NOW)
    assert minted(catalogue) == {}

    kept = [x509.load_pem_x509_certificate(x.read_bytes()) for x in tmp_path.glob("*root*.pem")]
    again = Catalogue(cases, Store(tmp_path), constrained=True, now=NOW)

    assert [root.public_bytes(Encoding.DER) for root in kept].count(catalogue.common_root) == 1
    assert all(is_constrained(root.public_bytes(Encoding.DER)) for root in kept)
    assert again.common_root == catalogue.common_root
    for scenario_id in ("self-signed-trusted", "expired-root", "wildcard-double"):
        assert not is_constrained(catalogue.roots(scenario_id)[0])
        assert again.roots(scenario_id) != catalogue.roots(scenario_id)


def test_of_what_is_thrown_away_only_slow_keys_are_kept(tmp_path: Path) -> None:
    cases = few("root-rsa-1024", "rsa-1024", "self-signed-trusted")
    keys = tmp_path / "keys"

    def served() -> set[str]:
        minted(Catalogue(cases, lasting_keys(keys), constrained=False))
        return {file.name for file in keys.glob("*.pem")}

    first = served()
    assert {name.split(".")[1] for name in first} == {"rsa1024"}
    assert served() == first


def test_of_a_kept_catalogue_nothing_more_is_kept_the_second_time(tmp_path: Path) -> None:
    cases = few("expired", "rsa-1024", "root-rsa-1024", "self-signed-trusted")

    def served() -> set[Path]:
        assert minted(Catalogue(cases, Store(tmp_path), constrained=True)) == {}
        return {file.relative_to(tmp_path) for file in tmp_path.rglob("*")}

    assert served() == served()


def test_a_slow_key_is_lacking_until_it_was_made(tmp_path: Path) -> None:
    first = Catalogue(few("rsa-1024"), lasting_keys(tmp_path), constrained=False)

    assert first.lacks_slow_keys()
    first.make_slow_keys()
    assert not first.lacks_slow_keys()
    again = Catalogue(few("rsa-1024", "expired"), lasting_keys(tmp_path), constrained=False)
    assert not again.lacks_slow_keys()


def test_all_chains_are_made_in_seconds_once_the_slow_keys_are_there(
    scenarios: dict[str, Scenario], slow: Path
) -> None:
    Catalogue(scenarios, lasting_keys(slow), constrained=False).make_slow_keys()
    before = time.process_time()

    later = Catalogue(
        scenarios, lasting_keys(slow), constrained=False, now=NOW + timedelta(days=1)
    )
    assert minted(later) == {}
    assert time.process_time() - before < WARM
