"""What a shield presents for what it finds."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from mitmail.errors import MitmailError
from mitmail.interception import Block, Ending, PassThrough, Popup
from mitmail.pki.identity import Identity
from mitmail.pki.store import Store
from mitmail.plan import Plan, make
from mitmail.scenario import loader
from mitmail.scenario.vendor import Vendor

STORE = Store(None)


@dataclass(frozen=True)
class Found:
    chain: tuple[bytes, ...]
    errors: tuple[str, ...] = ()
    alpn: bytes | None = None


def behind(vendor: str, *switches: str) -> Plan:
    profile = loader.find_vendor(vendor)
    return make(loader.find("healthy"), profile, STORE, switches=frozenset(switches))


def issuer(plan: Plan, endpoint: str, *errors: str) -> str:
    """Who signed what is presented on an endpoint when the upstream has these errors."""
    identity = plan.choose_shield(endpoint)(Found(plan.door.chain, errors), "mail.customer.test")
    assert isinstance(identity, Identity)
    return x509.load_der_x509_certificate(identity.leaf).issuer.rfc4514_string()


@pytest.mark.parametrize(
    ("errors", "root"),
    [
        ((), "Shield Root"),
        (("name-mismatch",), "Shield Root"),
        (("unknown-issuer",), "Untrusted Root"),
        (("self-signed",), "Self-signed Root"),
        (("expired",), "Untrusted Root"),
        (("weak",), "Untrusted Root"),
        (("name-mismatch", "self-signed"), "Self-signed Root"),
    ],
)
def test_norton_signs_by_what_it_finds(errors: tuple[str, ...], root: str) -> None:
    assert root in issuer(behind("norton"), "imap", *errors)


def test_a_good_server_gets_the_trusted_root_on_all_six_endpoints() -> None:
    plan = behind("norton")

    for endpoint in ("imap", "imaps", "pop3", "pop3s", "smtp", "smtps"):
        assert "Shield Root (simulated)" in issuer(plan, endpoint)


def test_switched_on_implicit_tls_gets_the_untrusted_root() -> None:
    plan = behind("norton", "untrusted-on-implicit-tls")

    assert "Untrusted Root" in issuer(plan, "imaps")
    assert "Untrusted Root" not in issuer(plan, "imap")


def test_an_unknown_switch_is_refused_with_the_known_ones() -> None:
    with pytest.raises(MitmailError, match="untrusted-on-implicit-tls"):
        behind("norton", "no-such-switch")


def test_norton_sends_its_trusted_root_whoever_signed() -> None:
    plan = behind("norton")
    choose = plan.choose_shield("imaps")

    for errors in ((), ("self-signed",)):
        identity = choose(Found(plan.door.chain, errors), None)
        assert isinstance(identity, Identity)
        assert plan.antivirus_root is not None
        assert identity.chain[1:] == (plan.antivirus_root.certificate,)


def test_the_same_upstream_is_presented_the_same_again() -> None:
    """Clients bind their exceptions to the leaf."""
    plan = behind("norton")
    choose = plan.choose_shield("imaps")

    once, again = (choose(Found(plan.door.chain), None) for _ in range(2))

    assert once == again


def own_norton(folder: Path) -> Vendor:
    """The user's own profile, called as the shipped one."""
    file = folder / "norton.yaml"
    file.write_bytes(Path(loader.find_vendor("norton").file).read_bytes())
    return loader.load_vendor(file)


def test_a_users_own_profile_of_the_same_name_has_its_own_root(tmp_path: Path) -> None:
    """Else it would serve the shipped product's kept root, or replace one that was imported."""
    store, healthy = Store(tmp_path), loader.find("healthy")
    own = own_norton(tmp_path)

    roots = [
        make(healthy, vendor, store).antivirus_root
        for vendor in (loader.find_vendor("norton"), own, loader.find_vendor("norton"))
    ]

    first, other, again = (root.certificate for root in roots if root)
    assert first == again != other


def test_who_edits_a_profile_sees_the_new_copy(tmp_path: Path) -> None:
    store, healthy = Store(tmp_path), loader.find("healthy")
    own = own_norton(tmp_path)
    other = own.model_copy(update={"chain": ("leaf",)})

    chains = []
    for vendor in (own, other):
        plan = make(healthy, vendor, store)
        identity = plan.choose_shield("imaps")(Found(plan.door.chain), None)
        assert isinstance(identity, Identity)
        chains.append(len(identity.chain))

    assert chains == [2, 1]


@pytest.mark.parametrize("seen", [None, Found(())])
def test_without_an_upstream_certificate_there_is_nothing_to_present(seen: Found | None) -> None:
    assert behind("norton").choose_shield("imaps")(seen, None) is None


# -- and where it does something else than sign ----


def answer(policy: dict[str, object], *errors: str, **said: object) -> object:
    """What norton does on imaps when it says this otherwise, and the upstream has these errors."""
    vendor = loader.find_vendor("norton").also({"policy": policy, **said})
    plan = make(loader.find("healthy"), vendor, STORE)
    return plan.choose_shield("imaps")(Found(plan.door.chain, errors), None)


@pytest.mark.parametrize("ending", ["close", "reset", "stall"])
def test_what_is_blocked_ends_as_the_policy_says(ending: Ending) -> None:
    assert answer({"expired": ending}, "expired") == Block(ending)
    assert isinstance(answer({"expired": ending}), Identity)


def test_what_is_passed_through_is_not_copied() -> None:
    assert answer({"expired": "pass-through"}, "expired") == PassThrough()


def test_a_revoked_server_is_a_pop_up_that_names_it_and_a_reset() -> None:
    shown = answer({}, "revoked", popups={"revoked": "{brand}: {server}, signed by {issuer}"})

    assert isinstance(shown, Popup)
    assert shown.words.startswith("Norton: mail.customer.test, signed by O=mitmail, CN=mitmail")
    assert (shown.seconds, shown.then) == (0.0, Block("reset"))


def test_who_is_asked_and_does_not_answer_gets_what_follows() -> None:
    ask = {"seconds": 9, "then": "untrusted"}
    shown = answer({"expired": "ask"}, "expired", ask=ask, popups={"expired": "Let it?"})

    assert isinstance(shown, Popup)
    assert (shown.words, shown.seconds) == ("Let it?", 9)
    assert isinstance(shown.then, Identity)
    signer = x509.load_der_x509_certificate(shown.then.leaf).issuer.rfc4514_string()
    assert "Untrusted Root" in signer
