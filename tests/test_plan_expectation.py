"""What a correct client does, as written in the scenario, and as seen through a shield."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
from cryptography import x509
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import (
    verify_certificate_hostname,
    verify_certificate_ip_address,
)

from bench import catalogue, need
from mitmail.pki.certificate import pem
from mitmail.pki.identity import Identity
from mitmail.pki.store import Store
from mitmail.plan import Expectation, Names, Plan, Trusted, make
from mitmail.plan.expectation import UNDERSTOOD, exception, found, is_understood
from mitmail.scenario import loader
from mitmail.scenario.certificate import Certificate
from mitmail.scenario.hostname import kind_of
from mitmail.scenario.model import Scenario, ScenarioFile
from mitmail.scenario.verdict import Reason

STORE = Store(None)
SERVER: frozenset[Trusted] = frozenset({"server-root"})
BOTH: frozenset[Trusted] = frozenset({"server-root", "antivirus-root"})


def plan(scenario: str, vendor: str = "none", *switches: str) -> Plan:
    profile = None if vendor == "none" else loader.find_vendor(vendor)
    return make(loader.find(scenario), profile, STORE, switches=frozenset(switches))


def expectation(verdict: str, *reasons: str, level: str = "must") -> Expectation:
    return Expectation(verdict, frozenset(reasons), level)  # type: ignore[arg-type] # words of a table


# scenario, vendor, trusted -> what a correct client does
TABLE = [
    ("healthy", "none", SERVER, expectation("accept")),
    ("healthy", "none", frozenset(), expectation("reject", "unknown-issuer")),
    ("expired", "none", SERVER, expectation("reject", "expired")),
    ("cn-only", "none", SERVER, expectation("reject", "name-mismatch", level="should")),
    # Nobody gave the client the antivirus' root.
    ("healthy", "norton", SERVER, expectation("reject", "unknown-issuer")),
    ("expired", "norton", SERVER, expectation("reject", "expired", "unknown-issuer")),
    # It did: a good server is fine, and the name is copied as wrong as it was.
    ("healthy", "norton", BOTH, expectation("accept", level="should")),  # an odd root
    ("healthy", "generic", BOTH, expectation("accept")),
    ("wrong-host", "norton", BOTH, expectation("reject", "name-mismatch")),
    ("cn-only", "norton", BOTH, expectation("reject", "name-mismatch", level="should")),
    # What norton does not trust, it signs with a root that is never installed.
    ("expired", "norton", BOTH, expectation("reject", "expired", "unknown-issuer")),
    ("untrusted-root", "norton", BOTH, expectation("reject", "unknown-issuer")),
    ("self-signed", "norton", BOTH, expectation("reject", "unknown-issuer")),
    ("missing-intermediate", "norton", BOTH, expectation("reject", "unknown-issuer")),
    # generic copies what is wrong with the leaf under the root that was imported.
    ("expired", "generic", BOTH, expectation("reject", "expired")),
    ("untrusted-root", "generic", BOTH, expectation("reject", "unknown-issuer")),
]


@pytest.mark.parametrize(("scenario", "vendor", "trusted", "expected"), TABLE)
def test_what_a_correct_client_does(
    scenario: str, vendor: str, trusted: frozenset[Trusted], expected: Expectation
) -> None:
    assert plan(scenario, vendor).expect("imaps", trusted) == expected


@pytest.mark.parametrize("trusted", [SERVER, BOTH])
@pytest.mark.parametrize("odd", ["rsa-1024", "must-staple-missing", "stale-root-both-trusted"])
def test_of_what_a_shield_makes_of_an_odd_server_nothing_is_claimed(
    odd: str, trusted: frozenset[Trusted]
) -> None:
    assert plan(odd, "norton").expect("imaps", trusted).level == "may"


@pytest.mark.parametrize("scenario", [x.id for x in catalogue().values() if x.control])
def test_under_the_controls_name_a_correct_client_accepts(scenario: str) -> None:
    """Whoever serves ``--name`` as the scenario's control must not be told of a fault."""
    said = loader.find(scenario)
    assert said.control is not None

    named = make(said, None, STORE, names=Names(said.control.connect_as))

    assert named.expect("imaps") == expectation("accept")


@pytest.mark.parametrize("endpoint", ["imap", "imaps"])
@pytest.mark.parametrize(
    "switch",
    [
        "masks-starttls", "starttls-refused", "starttls-refused-for-now", "strips-starttls",
        "starttls-towards-server-only",
    ],
)  # fmt: skip
def test_where_a_product_refuses_starttls_a_correct_client_leaves(
    endpoint: str, switch: str
) -> None:
    expected = plan("healthy", "generic", switch).expect(endpoint, BOTH)
    starttls = endpoint == "imap"
    assert expected == (expectation("reject", "starttls") if starttls else expectation("accept"))


@pytest.mark.parametrize("switch", ["old-tls-towards-client", "text-in-handshake"])
def test_what_a_product_does_to_tls_is_no_fault_of_a_client(switch: str) -> None:
    """A client may insist on TLS 1.3."""
    assert plan("healthy", "generic", switch).expect("imaps", BOTH).level == "may"


@pytest.mark.parametrize(
    "scenario",
    ["wildcard-bare", "wildcard-double", "wildcard-not-leftmost", "wildcard-ip", "ip-as-dnsname"],
)
def test_a_right_name_beside_a_badly_written_one_leaves_it_open(scenario: str) -> None:
    """openssl and certtool accept such a copy, service-identity does not."""
    assert plan(scenario, "generic", "mask-faults").expect("imaps", BOTH).level == "may"
    assert plan("wrong-host", "generic", "mask-faults").expect("imaps", BOTH).level == "must"


@pytest.mark.parametrize("scenario", ["healthy", "expired", "rsa-1024", "starttls-refused-454"])
@pytest.mark.parametrize("trusted", [SERVER, BOTH, frozenset()])
def test_a_protocol_that_a_product_leaves_alone_is_as_without_it(
    scenario: str, trusted: frozenset[Trusted]
) -> None:
    for endpoint in ("smtp", "smtps"):
        without = make(loader.find(scenario), None, STORE).expect(endpoint, trusted)
        assert plan(scenario, "eset").expect(endpoint, trusted) == without


def test_the_switch_changes_implicit_tls_only() -> None:
    """SIG-4: "port 587 works, 465 does not"."""
    switched = plan("healthy", "norton", "untrusted-on-implicit-tls")

    assert switched.expect("smtp", BOTH) == expectation("accept", level="should")
    assert switched.expect("smtps", BOTH) == expectation("reject", "unknown-issuer")


@pytest.mark.parametrize(
    ("version", "known"), [((3, 12, 9), False), ((3, 13, 0), True), ((3, 14, 1), True)]
)
def test_python_is_strict_about_nortons_root_since_3_13(
    version: tuple[int, ...], known: bool
) -> None:
    healthy = plan("healthy", "norton")

    excuse = exception(healthy.scenario, healthy.shield, "imaps", BOTH, ("python", version))

    assert (excuse is not None) == known


def test_an_exception_needs_the_root_that_it_is_about() -> None:
    for scenario, vendor, trusted in (
        ("healthy", "norton", SERVER),
        ("healthy", "generic", BOTH),
        ("untrusted-root", "norton", BOTH),
        ("healthy", "none", SERVER),
    ):
        one = plan(scenario, vendor)
        client = ("python", (3, 13, 0))
        assert exception(one.scenario, one.shield, "imaps", trusted, client) is None


# -- whether it is known what a shield makes of a server ----

FACES = ("expired", "not-yet-valid", "wrong-host", "hosting-wildcard", "cn-only", "self-signed",
         "untrusted-root", "untrusted-root-sent", "missing-intermediate", "ok-direct-root",
         "notafter-9999", "multi-untrusted-expired-wronghost", "chain-duplicates")  # fmt: skip
ODDITIES = ("rsa-1024", "rsa2048", "must-staple-missing", "must-staple-good", "ocsp-staple-good",
            "validity-10y", "eku-client-only", "sha1-leaf", "sha384", "bad-signature-leaf",
            "tls-v1-0", "tls-v1-2", "record-fragment-1", "expired-root", "expired-intermediate",
            "self-signed-trusted", "chain-depth-9", "empty-certificate-list", "no-subject",
            "san-critical-nonempty-subject", "1000-sans", "av-gen-root-shape",
            "client-cert-optional", "stale-root-both-trusted", "leaf-no-aki")  # fmt: skip


def understood(server: dict[str, Any], *reasons: str) -> bool:
    verdict = "reject" if reasons else "accept"
    said = {"title": "A", "why": "It hurts.", "rule": "R", "server": server,
            "expect": {"verdict": verdict, "reasons": reasons}}  # fmt: skip
    file = ScenarioFile.model_validate(said)
    return is_understood(
        Scenario.model_construct(**dict(file), id="case", group="g", file="case.yaml")
    )


@pytest.mark.parametrize("scenario", ["healthy", *FACES])
def test_of_names_times_and_who_signed_it_is_known(scenario: str) -> None:
    assert is_understood(loader.find(scenario))


@pytest.mark.parametrize("scenario", ODDITIES)
def test_of_anything_else_that_is_odd_it_is_not(scenario: str) -> None:
    assert not is_understood(loader.find(scenario))


# A value for each field of a certificate that is not the usual one.
OTHER: dict[str, Any] = {
    "issuer": "unrelated", "namesake": "unrelated", "same_key": "unrelated", "subject": {"O": "x"},
    "common_name": "x", "subject_string": "printable", "issuer_name": {"O": "x"},
    "issuer_string": "printable", "names": ["a.test"], "filler_names": 1, "not_before": "-2d",
    "not_after": "+9d", "time_form": "fraction", "key": "ec384", "key_form": "explicit",
    "signature": "sha384", "version": 1, "serial": "01", "ca": True, "path_length": 1,
    "key_usage": [], "extended_key_usage": [], "name_constraints": {}, "must_staple": True,
    "omit": ["ski"], "critical": ["san"], "not_critical": ["bc"], "raw": {"san": "3000"},
    "add": [{"oid": "1.2.3", "value": ""}], "padding": 1, "damage": "random",
}  # fmt: skip


def test_each_field_of_a_certificate_is_tried_here() -> None:
    assert set(OTHER) == set(Certificate.model_fields)


@pytest.mark.parametrize("field", OTHER)
@pytest.mark.parametrize("place", ["leaf", "intermediate", "root"])
def test_of_all_that_is_said_of_certificates_it_is_names_times_and_issuer_of_the_leaf(
    place: str, field: str
) -> None:
    plain = place == "leaf" and field in UNDERSTOOD
    assert understood({place: {field: OTHER[field]}}) == plain


@pytest.mark.parametrize(
    "server",
    [
        {"tls": {"close_notify": False}},
        {"tls": {"versions": ["TLSv1.3"]}},
        {"staple": {}},
        {"depth": 2},
        {"more": {"spare": {}}},
        {"trust": ["root", "unrelated"]},
    ],
)
def test_of_another_server_it_is_not_known(server: dict[str, Any]) -> None:
    assert understood({})
    assert not understood(server)


@pytest.mark.parametrize("server", [{"chain": ["leaf"]}, {"trust": ["unrelated"]}])
def test_what_is_sent_and_trusted_may_vary(server: dict[str, Any]) -> None:
    assert understood(server, "unknown-issuer")


@pytest.mark.parametrize("reason", get_args(Reason.__value__))
def test_reasons_that_a_copy_does_not_carry_are_not_understood(reason: str) -> None:
    known = {"expired", "not-yet-valid", "name-mismatch",
             "self-signed", "unknown-issuer", "incomplete-chain"}  # fmt: skip
    assert understood({}, reason) == (reason in known)


def test_it_does_not_matter_whether_somebody_looked_at_the_server_before() -> None:
    looked = loader.find("expired")
    assert looked.server.certificates
    assert looked.server.sent
    assert is_understood(looked)


# -- and what is claimed then is true: openssl and service_identity judge the copy ----


def is_accepted(plan: Plan, copy: tuple[bytes, ...], folder: Path) -> bool:
    """Whether a client that trusts both roots finds trust, times and name in order."""
    assert plan.antivirus_root is not None
    roots = (*plan.server_roots, plan.antivirus_root.certificate)
    for name, certificates in {"roots": roots, "leaf": copy[:1], "rest": copy[1:]}.items():
        (folder / name).write_bytes(b"".join(map(pem, certificates)))
    rest = ["-untrusted", "rest"] if copy[1:] else []
    trusted = ["-no-CApath", "-no-CAstore", "-CAfile", "roots", *rest, "-purpose", "sslserver"]
    run = subprocess.run(
        [need("openssl"), "verify", *trusted, "leaf"],
        cwd=folder, capture_output=True, timeout=20, check=False,
    )  # fmt: skip
    leaf = x509.load_der_x509_certificate(copy[0])
    try:
        if is_ip(plan.name):
            verify_certificate_ip_address(leaf, plan.name)
        else:
            verify_certificate_hostname(leaf, plan.name.encode("idna").decode())
    except (VerificationError, CertificateError):
        return False
    return run.returncode == 0


def is_ip(name: str) -> bool:
    return kind_of(name)[0] == "ip"


@dataclass(frozen=True)
class Found:
    chain: tuple[bytes, ...]
    errors: tuple[str, ...]
    alpn: bytes | None = None


@pytest.mark.parametrize("vendor", ["norton", "generic"])
def test_of_every_shipped_scenario_that_is_understood_the_claim_is_true(
    vendor: str, tmp_path: Path
) -> None:
    # host-trailing-dot is level may: what a client makes of the dot is its own affair.
    cases = [x for x in catalogue().values() if is_understood(x) and x.expect.level != "may"]
    wrong = []
    for case in cases:
        one = make(case, loader.find_vendor(vendor), STORE, constrained=False)
        seen = Found(one.door.chain, found(case))
        identity = one.choose_shield("imaps")(seen, one.name)
        assert isinstance(identity, Identity)
        claimed = one.expect("imaps", BOTH).verdict == "accept"
        if is_accepted(one, identity.chain, tmp_path) != claimed:
            wrong.append(case.id)
    assert len(cases) > 40
    assert wrong == []


# -- what else a product may do than sign a copy ----

UNKNOWN, NAMES = "unknown-issuer", "name-mismatch"
# scenario, vendor, switches, trusted -> what a correct client does
BEHAVIOURS = [
    # It is masked, for those who know the root.
    ("expired", "generic", ["mask-faults"], BOTH, expectation("accept")),
    ("wrong-host", "generic", ["mask-faults"], BOTH, expectation("accept")),
    ("untrusted-root", "generic", ["mask-faults"], BOTH, expectation("accept")),
    ("expired", "generic", ["mask-faults"], SERVER, expectation("reject", UNKNOWN)),
    # Nobody gets a handshake, whatever they trust.
    ("expired", "zscaler", [], BOTH, expectation("reject", "transport")),
    ("expired", "zscaler", [], SERVER, expectation("reject", "transport")),
    # The server's own TLS comes through.
    ("expired", "bitdefender", [], SERVER, expectation("reject", "expired")),
    ("expired", "bitdefender", [], frozenset(), expectation("reject", "expired", UNKNOWN)),
    ("healthy", "norton-2002", [], SERVER, expectation("accept")),
    ("wrong-host", "norton-2002", [], BOTH, expectation("reject", NAMES)),
    # A pop-up asks: what comes of it is open.
    ("untrusted-root", "eset", [], BOTH, expectation("reject", "transport", level="may")),
    # The device's own certificate.
    ("expired", "fortinet", [], BOTH, expectation("reject", NAMES, UNKNOWN)),
    ("healthy", "generic", ["device-certificate"], BOTH, expectation("accept")),
    # Whom the product trusts.
    ("healthy", "generic", ["stale-trust-list"], BOTH, expectation("reject", UNKNOWN)),
    ("untrusted-root", "generic", ["extra-trust-list"], BOTH, expectation("accept")),
    # Names and times of its own.
    ("wrong-host", "generic", ["requested-name"], BOTH, expectation("accept")),
    ("expired", "generic", ["own-validity"], BOTH, expectation("accept", level="may")),
    ("wrong-host", "generic", ["own-validity"], BOTH, expectation("reject", NAMES)),
    # Without a subjectAltName, and what goes with it.
    ("healthy", "kaspersky-mac-2017", [], BOTH,
     expectation("reject", NAMES, "constraint", level="should")),
    ("expired", "kaspersky-mac-2017", [], BOTH,
     expectation("reject", "expired", NAMES, "constraint")),
    # Roots and what is above the leaf.
    ("healthy", "generic", ["reinstalled"], BOTH, expectation("reject", "bad-signature", UNKNOWN)),
    ("healthy", "generic", ["intermediate"], BOTH, expectation("accept")),
    ("healthy", "generic", ["intermediate-omitted"], BOTH,
     expectation("reject", "incomplete-chain", UNKNOWN)),
    ("healthy", "generic", ["root-expired"], BOTH, expectation("reject", "expired", level="may")),
    ("healthy", "generic", ["root-expired"], SERVER, expectation("reject", UNKNOWN, "expired")),
    ("expired", "generic", ["weak-leaf"], BOTH, expectation("reject", "expired", "weak")),
    ("healthy", "generic", ["weak-root"], BOTH, expectation("accept", level="may")),
    ("healthy", "generic", ["root-without-ski"], BOTH, expectation("accept", level="should")),
    ("healthy", "generic", ["chain-disordered"], BOTH, expectation("accept", level="should")),
    # What another connection brings is open.
    ("healthy", "generic", ["wrong-leaf"], BOTH, expectation("accept", level="may")),
    ("healthy", "generic", ["reused-serial"], BOTH, expectation("accept", level="may")),
]  # fmt: skip


@pytest.mark.parametrize(("scenario", "vendor", "switches", "trusted", "expected"), BEHAVIOURS)
def test_what_a_correct_client_does_with_what_else_a_product_does(
    scenario: str,
    vendor: str,
    switches: list[str],
    trusted: frozenset[Trusted],
    expected: Expectation,
) -> None:
    assert plan(scenario, vendor, *switches).expect("imaps", trusted) == expected


def test_who_is_strict_may_also_name_what_is_wrong_for_all() -> None:
    """The strict check comes before that of the times, or of the name."""
    one = plan("expired", "generic", "root-not-critical")

    known = exception(one.scenario, one.shield, "imaps", BOTH, ("python", (3, 13, 0)))

    assert known is not None
    assert known.reasons == ("constraint", "expired")


def test_a_switch_brings_its_exception_with_it() -> None:
    client = ("python", (3, 13, 0))
    for switches, codes in (
        ([], set()),
        (["root-without-ski"], {86}),
        (["bare-leaf"], {85}),
    ):
        one = plan("healthy", "generic", *switches)
        known = exception(one.scenario, one.shield, "imaps", BOTH, client)
        assert ({known.code} if known else set()) == codes


# -- and how it treats connections and the dialogue ----


def told(product: str, said: dict[str, Any], endpoint: str) -> Expectation:
    """What is expected of a client of a good server, when the product says this otherwise."""
    vendor = loader.find_vendor(product).also(said)
    return make(loader.find("healthy"), vendor, STORE).expect(endpoint, BOTH)


def test_a_client_that_gets_no_starttls_gives_up() -> None:
    refused = {"conversation": {"answer": "500 No\r\n"}}

    assert told("generic", refused, "smtp") == expectation("reject", "starttls")
    assert told("generic", refused, "smtps") == expectation("accept")


@pytest.mark.parametrize(
    "said",
    [
        {"transport": {"intercepted": 50}},
        {"transport": {"ipv6": False}},
        {"transport": {"fails_first": "close"}},
        {"legs": {"client": {"versions": ["TLSv1.0"]}}},
        {"legs": {"client": {"close_notify": False}}},
        {"legs": {"server": {"ciphers": ["ECDHE-RSA-AES128-SHA"]}}},
        {"conversation": {"claim": {"imap": ["ID"]}, "refuse": ["ID"]}},
    ],
    ids=str,
)
def test_what_differs_by_connection_or_client_is_left_open(said: dict[str, Any]) -> None:
    assert told("generic", said, "imaps").level == "may"


@pytest.mark.parametrize(
    "said",
    [
        {"transport": {"not_mail": "close"}},
        {"legs": {"server": {"status_request": "ask", "alpn": "mirror", "ciphers": "mirror"}}},
        {"legs": {"server": {"ciphers": ["AES128-SHA", "ECDHE-ECDSA-AES128-GCM-SHA256"]}}},
        {"legs": {"client": {"versions": ["TLSv1.0", "TLSv1.2", "TLSv1.3"]}}},
        {"conversation": {"drop": {"imap": ["IDLE"]}, "greeting": "Hello"}},
    ],
    ids=str,
)
def test_what_no_verdict_hangs_on_is_not(said: dict[str, Any]) -> None:
    assert told("generic", said, "imaps") == expectation("accept")
