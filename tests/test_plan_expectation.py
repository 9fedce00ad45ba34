"""What a correct client does, as written in the scenario, and as seen through a shield."""

import pytest

from mitmail.pki.store import Store
from mitmail.plan import Expectation, Names, Plan, Trusted, make
from mitmail.plan.expectation import exception
from mitmail.scenario import loader

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
    ("healthy", "norton", BOTH, expectation("accept")),
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


@pytest.mark.parametrize("scenario", [x for x in loader.shipped() if loader.find(x).control])
def test_under_the_controls_name_a_correct_client_accepts(scenario: str) -> None:
    """Whoever serves ``--name`` as the scenario's control must not be told of a fault."""
    found = loader.find(scenario)
    assert found.control is not None

    named = make(found, None, STORE, names=Names(found.control.connect_as))

    assert named.expect("imaps") == expectation("accept")


def test_the_switch_changes_implicit_tls_only() -> None:
    """SIG-4: "port 587 works, 465 does not"."""
    switched = plan("healthy", "norton", "untrusted-on-implicit-tls")

    assert switched.expect("smtp", BOTH) == expectation("accept")
    assert switched.expect("smtps", BOTH) == expectation("reject", "unknown-issuer")


@pytest.mark.parametrize(
    ("version", "known"), [((3, 12, 9), False), ((3, 13, 0), True), ((3, 14, 1), True)]
)
def test_python_is_strict_about_nortons_root_since_3_13(
    version: tuple[int, ...], known: bool
) -> None:
    healthy = plan("healthy", "norton")

    found = exception(healthy.scenario, healthy.shield, "imaps", BOTH, ("python", version))

    assert (found is not None) == known


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
