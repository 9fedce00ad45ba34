"""The simulated products on the wire, before programs that know nothing of mitmail."""

import asyncio
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from bench import need
from clients.house import House, Site
from mitmail.pki.store import Store
from mitmail.plan import Expectation, Trusted, make
from mitmail.scenario import loader
from proof import panel
from proof.verifier import Target, Word
from serve.serving import Place
from serve.tls_client import chain

NEEDED = {"curl": "curl", "gnutls": "gnutls-cli", "nss": "tstclnt", "node": "node"}
BOTH: frozenset[Trusted] = frozenset({"server-root", "antivirus-root"})
strict = pytest.mark.skipif(sys.version_info < (3, 13), reason="strict since Python 3.13")


def opened(
    house: House, product: str, *switches: str, scenario: str = "rsa2048", exact: bool = False
) -> Site:
    """A product in front of a server; an RSA one, as NSS wants another key usage for such."""
    plan = make(
        loader.find(scenario), loader.find_vendor(product), house.store,
        switches=frozenset(switches), exact_names=exact,
    )  # fmt: skip
    return house.open(plan)


def target(house: House, site: Site, *also: bytes) -> Target:
    """Its implicit-TLS endpoint of IMAP, for who trusts the product's root alone."""
    one, root = site.served["imaps"], site.plan.antivirus_root
    assert root is not None
    return Target(one.host, one.port, site.plan.name, house.roots(root.certificate, *also))


def asked(house: House, verifier: str, targets: Sequence[Target]) -> list[Word]:
    """What a program of the panel says, while the house is open."""
    if verifier in NEEDED:
        need(NEEDED[verifier])
    (found,) = [one for one in panel.found() if one.name == verifier]
    return house.run(asyncio.to_thread(found.ask, targets))


def says(word: Word) -> str:
    """The first word of its first error, ``accept`` when there is none."""
    return word.errors[0].says.split()[0] if word.errors else word.verdict


PRODUCTS = {
    "norton": "89",
    "avast": "89",
    "eset": "86",
    "kaspersky-mac-2017": "85",
    "generic": "accept",
}


@strict
def test_python_refuses_and_the_others_accept(house: House) -> None:
    """The root is trusted; what Python minds is the shape of root or leaf."""
    targets = [target(house, opened(house, product)) for product in PRODUCTS]

    refused = dict(zip(PRODUCTS, map(says, asked(house, "python", targets)), strict=True))
    assert refused == PRODUCTS
    for verifier in ("curl", "gnutls", "node", "nss"):
        assert {says(word) for word in asked(house, verifier, targets)} == {"accept"}, verifier


@pytest.mark.parametrize("verifier", ["curl", "gnutls", "node"])
def test_the_untrusted_root_stays_unknown_although_the_trusted_one_is_imported(
    house: House, verifier: str
) -> None:
    good, bad = (opened(house, "norton", scenario=x) for x in ("healthy", "untrusted-root"))
    words = asked(house, verifier, [target(house, good), target(house, bad)])

    assert [word.verdict for word in words] == ["accept", "reject"]
    assert "unknown-issuer" in words[1].classes


def test_an_expired_server_is_masked(house: House) -> None:
    sites = [
        opened(house, "generic", *switches, scenario="expired")
        for switches in ((), ("mask-faults",))
    ]
    words = asked(house, "gnutls", [target(house, site) for site in sites])

    assert [word.verdict for word in words] == ["reject", "accept"]


@pytest.mark.long  # databases of NSS
def test_a_stale_root_is_a_bad_signature_for_nss(house: House) -> None:
    """Where no key identifier tells the roots apart; else it is an unknown issuer."""
    sites = [
        opened(house, product, "reinstalled")
        for product in ("eset", "kaspersky-mac-2017", "generic", "norton")
    ]
    words = asked(house, "nss", [target(house, site) for site in sites])

    assert [says(word) for word in words] == [
        "SEC_ERROR_BAD_SIGNATURE", "SEC_ERROR_BAD_SIGNATURE",
        "SEC_ERROR_UNKNOWN_ISSUER", "SEC_ERROR_UNTRUSTED_ISSUER",
    ]  # fmt: skip


@pytest.mark.long  # databases of NSS
def test_nss_sees_a_serial_again(house: House) -> None:
    """The first leaf is stored, as clients do who make an exception; then comes another one."""
    words = {}
    for switches in (("leaf-per-connection",), ("leaf-per-connection", "reused-serial")):
        site = opened(house, "generic", *switches)
        one = site.served["imaps"]
        stored = house.run(asyncio.to_thread(chain, Place("imaps", one.port, one.host)))[0]
        first = house.roots()
        trusted = target(house, site).roots
        first.write_bytes(trusted.read_bytes() + stored)
        again = Target(one.host, one.port, site.plan.name, first)
        (words[switches],) = asked(house, "nss", [again])

    assert [says(word) for word in words.values()] == [
        "accept", "SEC_ERROR_REUSED_ISSUER_AND_SERIAL",
    ]  # fmt: skip


# -- all of them, before all programs here ----

# What is said of correct clients, and who is known to do otherwise: strict verifiers of a shape.
STRICT = {"python", "pyca"}
SHAPES = {"root-not-critical", "root-without-ski", "root-without-key-usage",
          "norton", "avast", "avg", "eset", "zscaler", "self-signed-signer"}  # fmt: skip
# NSS' older verifier wants keyEncipherment of every RSA key, and the server's is not one.
RSA = {"rsa-leaf", "self-signed-signer", *loader.vendor_files()} - {
    "generic",
    "kaspersky-mac-2017",
}
# It has no root that a client could know.
UNTOLD = {"norton-2002"}


def cases() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Products as they are, and each behaviour on a product that it fits."""
    shown: dict[str, tuple[str, tuple[str, ...]]] = {
        product: (product, ()) for product in loader.vendor_files() if product not in UNTOLD
    }
    for name in loader.behaviour_files():
        if loader.find_behaviour(name).is_switch:
            shown[name] = ("norton" if name == "self-signed-signer" else "generic", (name,))
    return shown


@pytest.mark.long
def test_what_is_said_of_correct_clients_is_true_of_all_here(house: House) -> None:
    house.store = Store(None)
    sites = {x: opened(house, *y[:1], *y[1], scenario="healthy") for x, y in cases().items()}
    targets = [target(house, site) for site in sites.values()]
    verifiers = panel.found()

    def ask() -> list[list[Word]]:
        with ThreadPoolExecutor(3) as pool:
            return list(pool.map(lambda one: one.ask(targets), verifiers))

    wrong = []
    for verifier, words in zip(verifiers, house.run(asyncio.to_thread(ask)), strict=True):
        for (name, site), word in zip(sites.items(), words, strict=True):
            expected = site.plan.expect("imaps", BOTH)
            excused = (verifier.name in STRICT and name in SHAPES) or (
                verifier.name == "nss" and name in RSA
            )
            if not excused and not _as_expected(expected, word):
                wrong.append(f"{verifier}: {name}: {word.verdict} {word.errors}")
    assert len(targets) > 30
    assert not wrong


def _as_expected(expected: Expectation, word: Word) -> bool:
    if expected.level == "may" or word.verdict == "error":
        return True
    if expected.level == "should" and expected.verdict == "reject":
        return True
    if word.verdict == "reject" and expected.verdict == "reject":
        return bool(word.classes & expected.reasons)
    return word.verdict == expected.verdict
