"""The findings about the shipped scenarios, held against what they expect and what others say."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import catalogue, clean_environment, need
from mitmail.diagnose.client_view import SCENARIOS
from mitmail.diagnose.diagnosis import diagnose, is_grave
from mitmail.diagnose.finding import Finding
from mitmail.diagnose.presented import Presented
from mitmail.diagnose.roots import Roots
from mitmail.engine.context import is_address
from mitmail.pki.certificate import pem
from mitmail.pki.store import Store
from mitmail.plan import Plan, make
from mitmail.scenario.model import Scenario
from proof import gnutls_words, openssl_words

GROUPS = ("validity", "name", "trust", "ca", "usage")
OTHERS = ("encoding", "algorithm", "control", "several", "revocation")
CASES = {s.id: s for s in catalogue().values() if s.group in GROUPS}
SENT = {id_: s for id_, s in CASES.items() if id_ != "empty-certificate-list"}
MORE = {s.id: s for s in catalogue().values() if s.group in OTHERS}
STORE = Store(None)

# Scenarios of level "may" for which no reason is given, for no verifier of the panel refuses but
# one or two.
SILENT = {
    "ca-empty-subject": "the strict check alone names it",
    "int-bc-noncritical": "nobody but the strict check minds",
    "nc-leading-dot": "OpenSSL, GnuTLS and Go read it as it was meant",
    "root-no-basicconstraints": "a trusted root of old is taken as it is",
    "root-v1": "a trusted root of old is taken as it is",
    "subject-empty-san-noncritical": "only the strict check minds",
    "self-signed-trusted": "it is trusted; that some refuse is said without a reason",
    "time-generalized-before-2050": "only webpki and the like read the rule so",
    "validity-800d": "allowed by Apple for a private authority",
    "validity-900d": "Apple alone minds; said without a reason",
    "validity-10y": "Apple alone minds; said without a reason",
    "ec-p521": "a named curve that every library verifies",
    "rsa-pss-key": "RSA all the same, and strong enough",
    "rsa8192": "slow, and not weak",
    "sha224-leaf": "not in use, and not forged",
    "chain-depth-12": "long, and no rule is broken",
    "cn-100-chars": "nobody takes the common name",
    "country-three-letters": "nobody takes the country",
    "serial-21-octets": "nobody takes the serial number",
    "serial-negative": "nobody but Go takes the serial number",
    "serial-zero": "nobody takes the serial number",
}


def plan(scenario: Scenario) -> Plan:
    return make(scenario, None, STORE, constrained=False)


def findings(made: Plan) -> tuple[Finding, ...]:
    staple = made.door.manner.staple
    presented = Presented(
        chain=made.door.chain, name=made.name, at=made.now, source="x", staple=staple, port=993
    )
    return diagnose(presented, Roots(made.server_roots, "the roots of this test"))


def reasons(found: tuple[Finding, ...]) -> set[str]:
    return {one.reason for one in found if one.reason is not None}


def quick_and_long() -> list[Any]:
    """A half of the cases is enough for every day."""
    return [
        pytest.param(one, id=one.id, marks=[pytest.mark.long] if number % 2 else [])
        for number, one in enumerate(CASES.values())
    ] + [pytest.param(one, id=one.id, marks=pytest.mark.long) for one in MORE.values()]


@pytest.mark.parametrize("scenario", quick_and_long())
def test_the_findings_are_what_the_scenario_expects(scenario: Scenario) -> None:
    found = findings(plan(scenario))
    expected = set(scenario.expect.reasons)

    assert reasons(found) <= expected, found
    if scenario.expect.verdict == "accept":
        assert not any(map(is_grave, found))
    elif scenario.expect.level == "may":
        assert bool(reasons(found)) == (scenario.id not in SILENT)
    else:
        assert any(map(is_grave, found)), found


def test_every_exception_is_one() -> None:
    every = CASES | MORE
    assert all(every[name].expect.level == "may" for name in SILENT)


# "incomplete-chain" is for leaves that are logged (SCT), which ours are not; "unreadable" is about
# what a server sends on the wire.
ELSEWHERE = {"incomplete-chain", "unreadable"}
SHOWN = {
    id_: name for id_, name in SCENARIOS.items() if name in CASES | MORE and id_ not in ELSEWHERE
}


@pytest.mark.parametrize("id_", SHOWN)
def test_a_finding_is_reproduced_by_the_scenario_that_it_names(id_: str) -> None:
    found = findings(plan((CASES | MORE)[SHOWN[id_]]))
    assert id_ in {one.id for one in found}


# -- independent verifiers -----------------------------------------------------------------------

type Verdict = set[str] | None
"""What may be wrong by a verifier's words; None where nothing is."""

# Where a verifier accepts and a finding is grave, or the other way round, and why.
CN_ONLY = "it takes the common name where there is no name of the right kind (RFC 7817)"
HANDSHAKE = "it looks at this when the handshake is signed, not when a chain is verified"
LENIENT = "it reads the certificate all the same"
OPENSSL: dict[str, str] = {
    **dict.fromkeys(
        ("av-san-lost", "cn-matches-san-email-only", "cn-only", "cn-wildcard-no-san"), CN_ONLY
    ),
    "san-empty-sequence": CN_ONLY,
    "wildcard-partial-prefix": "it lets a star stand for a part of a label (RFC 6125)",
    "wildcard-partial-suffix": "it lets a star stand for a part of a label (RFC 6125)",
    "ip-san-bad-length": LENIENT,
    "eku-empty": "it calls an empty list of purposes a wrong purpose, we a wrong encoding",
    "ku-keyencipherment-only-ecdhe": HANDSHAKE,
    "stale-root-both-trusted": "it tries one of two namesakes, as the finding says of some",
}
GNUTLS: dict[str, str] = {
    **dict.fromkeys(
        ("av-san-lost", "cn-matches-san-email-only", "cn-only", "cn-wildcard-no-san"), CN_ONLY
    ),
    "san-empty-sequence": CN_ONLY,
    "wildcard-partial-suffix": "it lets a star stand for a part of a label (RFC 6125)",
    "ip-san-bad-length": LENIENT,
    "eku-empty": LENIENT,
    "time-utctime-no-seconds": LENIENT,
    "leaf-aki-critical": LENIENT,
    "ca-empty-subject": "it minds an authority without a name; OpenSSL's strict check alone does",
    "self-signed-trusted": "it takes no server's certificate for an authority",
    **dict.fromkeys(
        (
            "ku-certsign-only", "ku-keyencipherment-only-ecdhe", "ku-nonrepudiation-only",
            "ku-zero-bits",
        ),
        HANDSHAKE,
    ),
}  # fmt: skip


def run(*command: str, folder: Path) -> str:
    ended = subprocess.run(
        command, cwd=folder, env=clean_environment(), capture_output=True, text=True,
        errors="replace", timeout=30, check=False,
    )  # fmt: skip
    return ended.stdout + ended.stderr


def openssl(made: Plan, folder: Path) -> Verdict:
    how = "-verify_ip" if is_address(made.name) else "-verify_hostname"
    name = made.name if made.name.isascii() else made.name.encode("idna").decode()
    text = run(
        need("openssl"), "verify", "-CAfile", "roots.pem", "-untrusted", "chain.pem",
        "-partial_chain", "-purpose", "sslserver", how, name, "leaf.pem", folder=folder,
    )  # fmt: skip
    if re.search(r"leaf.pem: OK", text):
        return None
    numbers = re.findall(r"^error (\d+) at", text, re.MULTILINE)
    if not numbers:
        return {"malformed"}
    return {word for x in numbers for word in openssl_words.VERIFY_ERRORS[int(x)][1].split()}


def gnutls(made: Plan, folder: Path) -> Verdict:
    name = made.name if made.name.isascii() else made.name.encode("idna").decode()
    text = run(
        need("certtool"), "--verify", "--load-ca-certificate", "roots.pem", "--infile",
        "chain.pem", "--verify-hostname", name, "--verify-purpose", "1.3.6.1.5.5.7.3.1",
        folder=folder,
    ).lower()  # fmt: skip
    if "chain verification output: verified" in text:
        return None
    said = [words for begin, words in gnutls_words.STATUS if begin in text]
    said = said or [words for begin, words in gnutls_words.FATAL if begin.rstrip(".") in text]
    return {word for words in said for word in words.split()} or {"malformed"}


VERIFIERS: dict[str, tuple[Callable[[Plan, Path], Verdict], dict[str, str]]] = {
    "openssl": (openssl, OPENSSL),
    "gnutls": (gnutls, GNUTLS),
}


@pytest.mark.long
@pytest.mark.parametrize("verifier", VERIFIERS)
@pytest.mark.parametrize("scenario", SENT.values(), ids=SENT)
def test_an_independent_verifier_says_the_same(
    scenario: Scenario, verifier: str, tmp_path: Path
) -> None:
    ask, exceptions = VERIFIERS[verifier]
    made = plan(scenario)
    (tmp_path / "roots.pem").write_bytes(pem(*made.server_roots))
    (tmp_path / "chain.pem").write_bytes(pem(*made.door.chain))
    (tmp_path / "leaf.pem").write_bytes(pem(made.door.chain[0]))
    found, word = findings(made), ask(made, tmp_path)

    agrees = bool(word & reasons(found)) if word else not any(map(is_grave, found))
    assert agrees == (scenario.id not in exceptions), (word, found)


@pytest.mark.long
def test_openssl_is_strict_about_the_same(tmp_path: Path) -> None:
    """OpenSSL 3 of this machine lists all that its strict check minds."""
    asked = {"85", "86", "89", "92"}
    compared = 0
    for scenario in SENT.values():
        made = plan(scenario)
        found = findings(made)
        if any(map(is_grave, found)):
            continue  # OpenSSL stops there, and lists no more
        ours = {x.id.removeprefix("strict-") for x in found if x.id.startswith("strict-")}
        text = strictly(made, tmp_path)
        listed = set(re.findall(r"^error (\d+) at", text, re.MULTILINE))
        assert ours & asked == listed & asked, scenario.id
        compared += 1
    assert compared >= 40


def strictly(made: Plan, folder: Path) -> str:
    (folder / "roots.pem").write_bytes(pem(*made.server_roots))
    (folder / "chain.pem").write_bytes(pem(*made.door.chain))
    (folder / "leaf.pem").write_bytes(pem(made.door.chain[0]))
    return run(
        need("openssl"), "verify", "-x509_strict", "-CAfile", "roots.pem", "-untrusted",
        "chain.pem", "leaf.pem", folder=folder,
    )  # fmt: skip
