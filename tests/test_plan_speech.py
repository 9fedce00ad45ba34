"""How a scenario's server speaks, and what it staples: openssl is the judge of the staple."""

import re
import subprocess
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bench import need
from mitmail.errors import MitmailError
from mitmail.manner import PROPER, Instead, Manner
from mitmail.pki.certificate import pem
from mitmail.pki.store import Store
from mitmail.plan import Names, Plan, make
from mitmail.plan.chain import Chain
from mitmail.plan.server import utc_now
from mitmail.plan.speech import manner, staple
from mitmail.scenario.model import Scenario, ScenarioFile
from mitmail.scenario.server import Server
from mitmail.scenario.tls import Tls

DAY = timedelta(days=1)
NOW = utc_now()
CA_PLACES = ("intermediate", "root")


def server(**said: Any) -> Server:
    return Server.model_validate(said)


def spoken(**tls: Any) -> Manner:
    return manner(server(tls=tls), None)


# -- manners ----


def test_a_good_server_speaks_properly() -> None:
    assert manner(server(), None) == PROPER


SAID: list[tuple[str, Any, Any]] = [
    ("versions", ["TLSv1.2"], ("TLSv1.2",)),
    ("ciphers", ["RC4-SHA", "NULL-SHA"], ("RC4-SHA", "NULL-SHA")),
    ("groups", ["secp521r1"], ("secp521r1",)),
    ("dh_bits", 512, 512),
    ("client_certificate", "optional", "optional"),
    ("client_certificate", "required", "required"),
    ("wrong_key", True, True),
    ("unrecognized_name", True, True),
    ("record_size", 64, 64),
    ("segment_size", 7, 7),
    ("close_notify", False, False),
    ("renegotiate", True, True),
    ("cut", "stall", "stall"),
]


@pytest.mark.parametrize(("field", "said", "expected"), SAID)
def test_what_is_said_of_tls_is_the_manner_of_the_same_name(
    field: str, said: Any, expected: Any
) -> None:
    made = spoken(**{field: said})
    changed = {x.name for x in fields(Manner) if getattr(made, x.name) != getattr(PROPER, x.name)}
    assert getattr(made, field) == expected
    assert changed - {"weak"} == {field}


def test_no_field_of_tls_is_forgotten_here() -> None:
    assert set(Tls.model_fields) == {field for field, _, _ in SAID} | {"instead"}


def test_what_is_stapled_is_carried_as_it_is() -> None:
    assert manner(server(), b"octets").staple == b"octets"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, Instead()),
        ({"when": "connected", "then": "reset"}, Instead(when="connected", then="reset")),
        ({"offering": "TLSv1.3", "then": "stall"}, Instead(offering="TLSv1.3", then="stall")),
        # alert(21), TLS 1.2 on the record layer, two octets: fatal(2) and which (RFC 8446 5.1).
        ({"alert": 40}, Instead(octets=bytes.fromhex("15 0303 0002 02 28"))),
        ({"alert": 0}, Instead(octets=bytes.fromhex("15 0303 0002 02 00"))),
        ({"alert": 255}, Instead(octets=bytes.fromhex("15 0303 0002 02 ff"))),
        ({"text": "{greeting}"}, Instead(octets=b"{greeting}")),
        ({"text": "grüß dich\r\n"}, Instead(octets="grüß dich\r\n".encode())),
        ({"text": ""}, Instead()),
        ({"when": "secured", "then": "clear"}, Instead(when="secured", then="clear")),
        ({"octets": "16 0301"}, Instead(octets=b"\x16\x03\x01")),
    ],
)  # fmt: skip
def test_what_comes_in_place_of_tls_is_octets(said: dict[str, Any], expected: Instead) -> None:
    assert spoken(instead=said).instead == expected


# -- what the library calls weak ----


@pytest.mark.parametrize(
    "said",
    [
        {"leaf": {"key": "rsa1024"}},
        {"leaf": {"key": "rsa512"}},
        {"leaf": {"key": "rsa2047"}},
        {"leaf": {"key": "ec224"}},
        {"leaf": {"key": "dsa2048"}},
        {"intermediate": {"key": "rsa1024"}},
        {"leaf": {"signature": "sha1"}},
        {"leaf": {"signature": "sha224"}},
        {"intermediate": {"signature": "md5"}},
        {"tls": {"ciphers": ["RC4-SHA"]}},
        {"tls": {"versions": ["TLSv1.1", "TLSv1.2"]}},
        {"tls": {"versions": ["SSLv3"]}},
        {"root": {"key": "rsa1024"}, "chain": ["leaf", "intermediate", "root"]},
    ],
)
def test_what_is_weak_in_what_is_sent_or_spoken_needs_leave(said: dict[str, Any]) -> None:
    assert manner(server(**said), None).weak


@pytest.mark.parametrize(
    "said",
    [
        {"leaf": {"key": "rsa2048"}},
        {"leaf": {"key": "ed25519"}},
        {"leaf": {"signature": "pss-sha256"}},
        {"root": {"key": "rsa1024"}},
        {"root": {"signature": "sha1"}},
        {"intermediate": {"key": "rsa1024"}, "chain": ["leaf"]},
        {"tls": {"versions": ["TLSv1.3"]}},
        {"tls": {"groups": ["x448"], "dh_bits": 2048}},
    ],
)
def test_what_is_not_sent_need_not_be_strong(said: dict[str, Any]) -> None:
    assert not manner(server(**said), None).weak


# -- what needs the implementation that presents octets as they are ----


@pytest.mark.parametrize(
    "kind",
    ["rsa512", "ec224", "secp256k1", "brainpool256", "ed25519", "ed448", "dsa2048", "mldsa65"],
)
@pytest.mark.parametrize("place", CA_PLACES)
def test_a_signature_that_clients_rarely_list_is_presented_as_it_is(kind: str, place: str) -> None:
    """OpenSSL would end the handshake itself, as if the client had refused."""
    assert manner(server(**{place: {"key": kind}}), None).lenient


@pytest.mark.parametrize("hash_", ["md5", "sha1", "sha224", "pss-sha256"])
@pytest.mark.parametrize("place", ["leaf", "intermediate"])
def test_so_is_a_digest_that_clients_rarely_list(hash_: str, place: str) -> None:
    assert manner(server(**{place: {"signature": hash_}}), None).lenient


@pytest.mark.parametrize(
    "said",
    [
        # The leaf's own key is for the handshake, not for the chain.
        {"leaf": {"key": "ed25519"}},
        {"leaf": {"key": "ed25519", "issuer": "self"}},
        {"root": {"signature": "md5"}},
        {"root": {"key": "ec384"}, "intermediate": {"key": "rsa2048"}},
        {"leaf": {"signature": "sha512"}},
        {"leaf": {"issuer": "root"}, "intermediate": {"key": "ed448"}},
        {"chain": [], "root": {"key": "ed448"}},
        {"root": {"key": "ed448"}, "chain": ["leaf"]},
        {"leaf": {"damage": "long-length"}},
    ],
)
def test_what_signs_nothing_that_is_sent_is_nobodys_concern(said: dict[str, Any]) -> None:
    assert not manner(server(**said), None).lenient


def test_who_signed_is_the_key_even_under_another_name() -> None:
    said = {
        "leaf": {"issuer": "twin"},
        "root": {"key": "ed448"},
        "more": {"twin": {"issuer": "root", "same_key": "root"}},
    }
    assert manner(server(**said, chain=["leaf"]), None).lenient


# -- staples ----


def planned(**said: Any) -> Plan:
    whole = {"title": "A", "why": "It hurts.", "rule": "R", "expect": {"verdict": "accept"}}
    file = ScenarioFile.model_validate(whole | {"server": said})
    scenario = Scenario.model_construct(**dict(file), id="case", group="g", file="case.yaml")
    return make(scenario, None, Store(None), now=NOW, constrained=False)


def judged(plan: Plan, folder: Path) -> str:
    """What ``openssl ocsp`` says of the staple; the server's root is all that it trusts."""
    assert plan.door.manner.staple is not None
    issuer = plan.door.chain[1] if len(plan.door.chain) > 1 else plan.server_roots[0]
    (folder / "response").write_bytes(plan.door.manner.staple)
    for name, content in {
        "leaf": plan.door.leaf, "issuer": issuer, "root": plan.server_roots[0],
    }.items():  # fmt: skip
        (folder / name).write_bytes(pem(content))
    # -VAfile would trust whoever signed; with -verify_other the issuer only completes the path.
    trusted = ["-CAfile", "root", "-no-CApath", "-no-CAstore", "-verify_other", "issuer"]
    asked = ["-respin", "response", "-no_nonce", "-issuer", "issuer", "-cert", "leaf"]
    run = subprocess.run(
        [need("openssl"), "ocsp", *asked, *trusted],
        cwd=folder, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    return run.stdout + run.stderr


OK, FAILED = "Response verify OK", "Response Verify Failure"
OUT_OF_TIME = {"status expired", "status not yet valid"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, {OK, "leaf: good"}),
        ({"status": "revoked"}, {OK, "leaf: revoked", "Reason: keyCompromise"}),
        ({"status": "unknown"}, {OK, "leaf: unknown"}),
        ({"status": "try-later"}, {"Responder Error: trylater (3)"}),
        (
            {"this_update": "-9d", "next_update": "-2d"},
            {OK, "leaf: WARNING: Status times invalid.", "status expired"},
        ),
        ({"this_update": "+1d"}, {OK, "status not yet valid"}),
        ({"signer": "stranger"}, {FAILED}),
        ({"signer": "delegate"}, {OK, "leaf: good"}),
        ({"signer": "upstart"}, {FAILED, "missing ocspsigning usage"}),
        ({"about": "other"}, {OK, "leaf: ERROR: No Status found."}),
    ],
)
@pytest.mark.parametrize("leaf", [{}, {"issuer": "root"}], ids=["usual", "below the root"])
def test_openssl_says_of_the_staple_what_the_scenario_says(
    leaf: dict[str, Any], said: dict[str, Any], expected: set[str], tmp_path: Path
) -> None:
    found = judged(planned(leaf=leaf, staple=said), tmp_path)
    assert {each for each in expected if each in found} == expected, found
    assert ("WARNING" in found) == bool(expected & OUT_OF_TIME)


def test_the_times_of_a_staple_are_as_far_from_now_as_is_said(tmp_path: Path) -> None:
    found = judged(planned(staple={"this_update": "-3d", "next_update": "+4d"}), tmp_path)
    times = re.findall(r"(This|Next) Update: (.*) GMT", found)
    at = {"This": NOW - 3 * DAY, "Next": NOW + 4 * DAY}
    assert times == [(word, f"{t:%b} {t.day:2} {t:%H:%M:%S %Y}") for word, t in at.items()]


def test_a_kept_server_staples_about_the_leaf_that_it_sends(tmp_path: Path) -> None:
    """The chain is made anew with each plan; what is sent is the one that was kept."""
    store = Store(tmp_path / "store")
    file = planned(staple={}, leaf={"key": "ec384"}).scenario
    once, again = (make(file, None, store, now=NOW + n * DAY) for n in (-1, 0))
    assert once.door.leaf == again.door.leaf
    for plan in (once, again):
        assert "leaf: good" in judged(plan, tmp_path)


def test_without_a_staple_nothing_is_stapled() -> None:
    assert planned().door.manner.staple is None


def test_a_staple_about_a_leaf_that_nobody_can_read_is_refused() -> None:
    said = server(staple={}, leaf={"damage": "truncated"})
    chain = Chain(said, Names(), Store(None).keys, "case", NOW, {})
    assert said.staple is not None
    with pytest.raises(MitmailError, match=r"not an X\.509 certificate"):
        staple(said.staple, said, chain, NOW, leaf=chain.certificate("leaf"))
