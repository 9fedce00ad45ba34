"""What is wrong with a server, told for a client that uses a name."""

from collections.abc import Mapping
from typing import Any

import pytest

from mitmail.scenario.fault import Fault, faults, reasons
from mitmail.scenario.hostname import CUSTOMER
from mitmail.scenario.model import Scenario, ScenarioFile
from mitmail.scenario.rule import to_reasons

STALE = {"leaf": {"issuer": "root"}, "more": {"old-root": {"namesake": "root"}}}
REKEYED = {"more": {"rekeyed": {"issuer": "root", "namesake": "intermediate"}}}


def scenario(server: Mapping[str, Any]) -> Scenario:
    said = ScenarioFile.model_validate(
        {"title": "A case", "why": "It hurts.", "rule": "RFC 1", "server": server,
         "expect": {"verdict": "accept"}}
    )  # fmt: skip
    return Scenario.model_construct(**dict(said), id="case", group="group", file="case.yaml")


def wrong(server: Mapping[str, Any], name: str = CUSTOMER) -> list[Fault]:
    return faults(scenario(server), name)


def fault(part: str, words: str, said: str) -> Fault:
    return Fault(part, words, to_reasons(said))


# -- no way to a trusted certificate ----

NO_WAY = [
    ({"chain": []}, fault("chain", "no certificate is sent", "malformed")),
    (
        {"leaf": {"issuer": "self"}},
        fault("leaf", "signed by its own key", "self-signed unknown-issuer"),
    ),
    (
        {"trust": ["unrelated"], "chain": ["leaf", "intermediate", "root"]},
        fault("root", "a root that is not trusted", "self-signed unknown-issuer"),
    ),
    (
        {"trust": ["unrelated"]},
        fault("intermediate", "its issuer is not known", "unknown-issuer"),
    ),
    (
        {"chain": ["leaf"]},
        fault("leaf", "its issuer is not sent", "incomplete-chain unknown-issuer"),
    ),
    (
        {"chain": ["leaf"], "trust": ["unrelated"]},
        fault("leaf", "its issuer is not known", "unknown-issuer"),
    ),
    (
        {"depth": 3, "chain": ["leaf", "intermediate", "intermediate-3"]},
        fault("intermediate", "its issuer is not sent", "incomplete-chain unknown-issuer"),
    ),
    (
        STALE | {"trust": ["old-root"]},
        fault("leaf", "its issuer's name is known with another key",
              "bad-signature unknown-issuer"),
    ),
    (
        STALE | {"trust": ["old-root"], "chain": ["leaf", "root"]},
        fault("root", "a root whose name is known with another key",
              "bad-signature self-signed unknown-issuer"),
    ),
    (
        REKEYED | {"chain": ["leaf", "rekeyed"]},
        fault("leaf", "its issuer's name is known with another key",
              "bad-signature incomplete-chain unknown-issuer"),
    ),
    (
        {"leaf": {"issuer_name": {"CN": "Somebody"}}},
        fault("leaf", "its issuer is not known", "unknown-issuer"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("server", "expected"), NO_WAY, ids=range(len(NO_WAY)))
def test_where_no_path_leads_to_trust_it_is_said_why(
    server: dict[str, Any], expected: Fault
) -> None:
    assert wrong(server) == [expected]


def test_what_else_is_wrong_up_to_the_dead_end_is_said_too() -> None:
    found = wrong({"leaf": {"not_after": "-1d"}, "intermediate": {"signature": "sha1"},
                   "root": {"not_after": "-1d"}, "trust": ["unrelated"]})  # fmt: skip
    assert [(x.part, x.words) for x in found] == [
        ("leaf", "expired: -1d"),
        ("intermediate", "signed with sha1"),
        ("intermediate", "its issuer is not known"),
    ]


# -- on the way ----


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        # The leaf's own part is told by its rules, and so is each CA's.
        ({"leaf": {"not_after": "-1h"}}, fault("leaf", "expired: -1h", "expired")),
        (
            {"intermediate": {"not_before": "+30d"}},
            fault("intermediate", "not yet valid: +30d", "not-yet-valid"),
        ),
        ({"root": {"not_after": "-48h"}}, fault("root", "expired: -2d", "expired")),
        (
            {"intermediate": {"path_length": 0}, "leaf": {"issuer": "branch"},
             "more": {"branch": {"issuer": "intermediate"}}},
            fault("intermediate", "at most 0 CAs may follow, and 1 do", "constraint"),
        ),
        (
            {"root": {"path_length": 0}},
            fault("root", "at most 0 CAs may follow, and 1 do", "constraint"),
        ),
        (
            {"root": {"path_length": 2}, "depth": 4},
            fault("root", "at most 2 CAs may follow, and 4 do", "constraint"),
        ),
        (
            {"intermediate": {"name_constraints": {"permitted": ["corp.test"]}}},
            fault("intermediate", "nameConstraints do not allow the name", "constraint"),
        ),
        (
            {"root": {"name_constraints": {"excluded": ["customer.test"]}}},
            fault("root", "nameConstraints do not allow the name", "constraint"),
        ),
        ({"depth": 10}, fault("chain", "10 intermediate CAs", "limit unknown-issuer")),
        (
            {"leaf": {"issuer": "self"}, "trust": ["leaf"]},
            fault("leaf", "a server's certificate that is itself trusted",
                  "self-signed unknown-issuer constraint"),
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_on_the_way_is_said_with_its_place(
    server: dict[str, Any], expected: Fault
) -> None:
    assert wrong(server) == [expected]


@pytest.mark.parametrize(
    "server",
    [
        {},
        {"depth": 9},
        {"root": {"path_length": 1}},
        {"root": {"signature": "md5", "damage": "signature-bit"}},
        {"leaf": {"issuer": "root"}, "intermediate": {"not_after": "-1d"}},
        {"more": {"spare": {"not_after": "-1d"}}},
        {"intermediate": {"name_constraints": {"permitted": ["customer.test"]}}},
        {"intermediate": {"name_constraints": {"permitted": ["127.0.0.0/8"]}}},
    ],
)
def test_what_no_client_meets_on_the_way_is_no_fault(server: dict[str, Any]) -> None:
    assert wrong(server) == []


def test_of_two_ways_the_better_one_counts() -> None:
    """RFC 4158: a client has to look for another path."""
    cross: dict[str, Any] = {
        "more": {
            "old-root": {"not_before": "-10y", "not_after": "-1d"},
            "cross": {"issuer": "old-root", "namesake": "root", "same_key": "root"},
        },
        "chain": ["leaf", "intermediate", "cross"],
    }
    assert wrong({**cross, "trust": ["old-root", "root"]}) == []
    # Here the shorter way is the worse one.
    renewed = {**cross, "more": cross["more"] | {"old-root": {}}, "root": {"not_after": "-1d"}}
    assert wrong({**renewed, "trust": ["old-root", "root"]}) == []
    assert wrong({**cross, "trust": ["old-root"]}) == [
        fault("old-root", "expired: -1d", "expired")
    ]


def test_a_common_name_is_held_to_the_limits_where_nothing_else_names_the_host() -> None:
    limits = {"name_constraints": {"permitted": ["corp.test"]}}
    named = {"names": [], "common_name": "{name}"}
    words = {x.words for x in wrong({"intermediate": limits, "leaf": named})}
    assert "nameConstraints do not allow the name" in words
    within = {"names": ["mail.corp.test"], "common_name": "{name}"}
    words = {x.words for x in wrong({"intermediate": limits, "leaf": within})}
    assert "nameConstraints do not allow the name" not in words


def test_an_odd_key_is_named_with_how_it_is_written() -> None:
    reasons_ = "policy weak bad-signature unknown-issuer"
    for said, words in (
        ({"key": "ed448"}, "a key that few clients take: ed448"),
        ({"key": "rsa2048", "key_form": "pss"}, "a key that few clients take: rsa2048, pss"),
    ):
        assert wrong({"root": said}) == [fault("root", words, reasons_)]


# -- names ----


@pytest.mark.parametrize(
    ("leaf", "name", "expected"),
    [
        (
            {"names": ["*.hoster.test"]}, CUSTOMER,
            fault("leaf", f"no name of it covers {CUSTOMER}", "name-mismatch"),
        ),
        (
            {"names": []}, CUSTOMER,
            fault("leaf", f"no name of it covers {CUSTOMER}", "name-mismatch"),
        ),
        (
            {"names": ["*.test"]}, "customer.test",
            fault("leaf", "*.test covers every customer of a registry", "name-mismatch"),
        ),
        (
            {"names": ["{name}", ".customer.test"]}, CUSTOMER,
            fault("leaf", "not written as a host name: '.customer.test'",
                  "malformed name-mismatch"),
        ),
        (
            {}, "my_mail.customer.test",
            fault("name", "my_mail.customer.test is no host name by the rules", "name-mismatch"),
        ),
        (
            {"names": [CUSTOMER]}, f"{CUSTOMER}.",
            fault("name", f"{CUSTOMER}. is no host name by the rules", "name-mismatch"),
        ),
        ({"names": [CUSTOMER]}, "127.0.0.1",
         fault("leaf", "no name of it covers 127.0.0.1", "name-mismatch")),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_name_is_told_for_the_name_that_is_used(
    leaf: dict[str, Any], name: str, expected: Fault
) -> None:
    found = wrong({"leaf": leaf}, name)
    # An underscore in {name} is copied into the certificate, where it is as wrong.
    assert found[-1] == expected
    assert len(found) == 1 + ("_" in name)


@pytest.mark.parametrize("name", [CUSTOMER, "127.0.0.1", "::1", "bücher.customer.test", "a.test"])
def test_the_good_server_is_good_under_every_name(name: str) -> None:
    assert wrong({}, name) == []


def test_one_server_is_right_for_one_name_and_wrong_for_another() -> None:
    server = {"leaf": {"names": ["*.hoster.test"]}}
    assert reasons(scenario(server), "srv07.hoster.test") == set()
    assert reasons(scenario(server), CUSTOMER) == {"name-mismatch"}


def test_a_wildcard_for_a_registry_is_fine_where_another_name_covers_the_host() -> None:
    assert wrong({"leaf": {"names": ["*.test", "customer.test"]}}, "customer.test") == []


@pytest.mark.parametrize(
    "leaf",
    [{"omit": ["san"]}, {"raw": {"san": "3000"}}, {"version": 1}, {"damage": "empty-extensions"}],
)
def test_names_that_do_not_stand_there_cover_nothing(leaf: dict[str, Any]) -> None:
    said = [x.words for x in wrong({"leaf": leaf})]
    assert f"no name of it covers {CUSTOMER}" in said


@pytest.mark.parametrize(
    "server",
    [
        {"leaf": {"names": [], "damage": "truncated"}},
        {"leaf": {"names": [], "damage": "random"}},
        {"leaf": {"names": []}, "chain": []},
    ],
)
def test_of_what_nobody_can_read_no_name_is_told(server: dict[str, Any]) -> None:
    assert reasons(scenario(server), CUSTOMER) == {"malformed"}


# -- TLS and staples ----


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (
            {"tls": {"versions": ["TLSv1.0", "TLSv1.1"]}},
            fault("tls", "speaks TLSv1.0, TLSv1.1 only", "tls-version weak"),
        ),
        (
            {"tls": {"groups": ["secp521r1", "x448"]}},
            fault("tls", "exchanges keys in secp521r1, x448 only", "tls-version"),
        ),
        (
            {"tls": {"ciphers": ["AES128-SHA"], "versions": ["TLSv1.2"]}},
            fault("tls", "speaks AES128-SHA only", "tls-version weak"),
        ),
        ({"staple": {"status": "unknown"}}, fault("staple", "says unknown", "policy")),
        (
            {"leaf": {"must_staple": True}},
            fault("staple", "none, though the certificate demands one", "policy"),
        ),
    ],
)
def test_what_is_wrong_beside_the_certificates_is_said_with_its_part(
    server: dict[str, Any], expected: Fault
) -> None:
    assert wrong(server) == [expected]


def test_a_good_staple_is_no_fault_whether_it_is_demanded_or_not() -> None:
    assert wrong({"staple": {}}) == []
    assert wrong({"staple": {}, "leaf": {"must_staple": True}}) == []


def test_the_reasons_are_those_of_all_faults() -> None:
    server = {"leaf": {"not_after": "-1d", "names": ["a.test"]}, "tls": {"wrong_key": True}}
    assert reasons(scenario(server), CUSTOMER) == {"expired", "name-mismatch", "bad-signature"}
