"""The rules of a good server: each one is broken by its example, and none by a good server."""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, get_args

import pytest

from bench import catalogue
from mitmail.scenario import misconduct, rule
from mitmail.scenario.certificate import Certificate
from mitmail.scenario.fault import Fault, faults
from mitmail.scenario.hostname import CUSTOMER
from mitmail.scenario.model import Scenario
from mitmail.scenario.part import UB_NAME
from mitmail.scenario.rule import Rule
from mitmail.scenario.server import Server
from mitmail.scenario.tls import Staple, Tls
from mitmail.scenario.verdict import Reason

CRITICAL = {"oid": "1.3.6.1.4.1.32473.2", "value": "0500", "critical": True}
TLS12 = {"versions": ["TLSv1.2"]}
PLACES = {"leaf": "leaf", "ca": "intermediate", "anchor": "root"}

# What a file says of a certificate that breaks the rule of these words, in any place.
CERTIFICATE: dict[str, list[dict[str, Any]]] = {
    "expired: {not_after}": [{"not_after": "-1s"}, {"not_after": "0s"}, {"not_after": "-5y"}],
    "not yet valid: {not_before}": [{"not_before": "+1s"}, {"not_before": "+30d"}],
    "a weak or odd key: {0.key}": [
        {"key": x} for x in ("rsa512", "rsa1024", "rsa2047", "rsa2048-e3")
    ],
    "extendedKeyUsage: not for servers": [
        {"extended_key_usage": ["clientAuth"]},
        {"extended_key_usage": ["emailProtection", "codeSigning"]},
    ],
    "a critical extension that nobody knows": [{"add": [CRITICAL]}],
    "the end of its validity is written wrongly: {0.time_form}": [
        {"time_form": x} for x in ("no-seconds", "offset", "fraction", "generalized", "month-13")
    ],
    "its validity ends before it begins": [{"not_before": "-1d", "not_after": "-2d"}],
    "signed with {0.signature}": [{"signature": "sha1"}, {"signature": "md5"}],
    "signed with a digest that few clients take: {0.signature}": [{"signature": "sha224"}],
    "the curve is given by explicit parameters": [{"key_form": "explicit"}],
    "an odd serial number: {0.serial}": [{"serial": "00"}, {"serial": ""}],
    "one bit of its signature is flipped": [{"damage": "signature-bit"}],
    "its two signature algorithms differ": [{"damage": "algorithm-differs"}],
    "broken encoding: {0.damage}": [
        {"damage": x}
        for x in (
            "truncated", "random", "trailing-octets", "long-length", "long-serial",
            "explicit-critical-false", "explicit-ca-false", "empty-extensions",
        )
    ],
    "authorityKeyIdentifier is critical": [{"critical": ["aki"]}],
    "authorityKeyIdentifier names another key": [{"raw": {"aki": "3000"}}],
    "version 4, which does not exist": [{"version": 4}],
    "the subject is not the UTF-8 it says": [
        {"subject": {"O": "Müller"}, "subject_string": "latin1-as-utf8"},
        {"common_name": "ü", "subject_string": "latin1-as-utf8"},
    ],
    "the subject is no PrintableString": [
        {"common_name": "qa@customer.test", "subject_string": "printable"},
        {"subject": {"O": "a_b"}, "subject_string": "printable"},
    ],
    "a country of more than two letters": [{"subject": {"C": "DEU"}}, {"subject": {"C": "D"}}],
    "a common name of more than 64 characters": [{"common_name": "a" * 65}],
    "valid for very long: {not_after}": [
        {"not_after": "+398d"},
        {"not_before": "-300d", "not_after": "+99d"},
        {"not_after": "+1000y"},
    ],
    "a very long key: {0.key}": [{"key": "rsa8192"}],
    "a key for RSASSA-PSS only": [{"key": "rsa2048", "key_form": "pss"}],
    "says that it is a CA": [{"ca": True}],
    "extendedKeyUsage: any": [{"extended_key_usage": ["anyExtendedKeyUsage"]}],
    "extendedKeyUsage: none at all": [{"extended_key_usage": []}],
    "keyUsage: not for signatures": [{"key_usage": ["keyEncipherment"]}, {"key_usage": []}],
    "keyUsage: no bit is set": [{"key_usage": []}],
    "keyUsage: for certificates, and it is no CA": [
        {"key_usage": ["digitalSignature", "keyCertSign"]}
    ],
    "version {0.version}: no place for host names": [{"version": 1}, {"version": 2}],
    "version {0.version}, which has no extensions, and some are there": [
        {"version": 1},
        {"version": 1, "omit": ["san", "bc", "ku", "eku", "ski", "aki"], "padding": 1},
    ],
    "a broken subjectAltName": [
        {"raw": {"san": "3000"}},
        {"add": [{"oid": "2.5.29.17", "value": "3000"}]},
    ],
    "an address of the wrong length": [{"names": ["{name}", "hex:8703010203"]}],
    "no subject, and subjectAltName is not critical": [{"subject": {}, "not_critical": ["san"]}],
    "{0.filler_names} more names": [{"filler_names": 5000}],
    "{0.padding} octets of padding": [{"padding": 32_000}],
    "is not a CA": [{"ca": False}, {"omit": ["bc"]}, {"version": 1}],
    "keyUsage: not for certificates": [{"key_usage": ["cRLSign"]}, {"key_usage": []}],
    "basicConstraints is not critical": [{"not_critical": ["bc"]}],
    "a CA without a name": [{"subject": {}}],
    "nameConstraints with a dot before a name": [
        {"name_constraints": {"permitted": ["a.test", ".b.test"]}},
        {"name_constraints": {"excluded": [".b.test"]}},
    ],
    "a key that few clients take: {key}": [
        {"key": x}
        for x in ("ec224", "secp256k1", "brainpool256", "ed25519", "ed448", "dsa2048", "mldsa65")
    ],
}  # fmt: skip
TLS: dict[str, list[dict[str, Any]]] = {
    "speaks {versions} only": [{"versions": ["TLSv1.0"]}, {"versions": ["SSLv3", "TLSv1.1"]}],
    "speaks {ciphers} only": [
        {"ciphers": ["RC4-SHA"], **TLS12},
        {"ciphers": ["ECDHE-ECDSA-AES128-SHA", "AES128-GCM-SHA256"], **TLS12},
    ],
    "a Diffie-Hellman group of {0.dh_bits} bits": [
        {"ciphers": ["DHE-RSA-AES128-GCM-SHA256"], "dh_bits": x, **TLS12}
        for x in (512, 1024, 2048)
    ],
    "insists on a client certificate": [{"client_certificate": "required"}],
    "signs the handshake with another key": [{"wrong_key": True}],
    "warns of an unknown name, in TLS 1.3": [
        {"unrecognized_name": True},
        {"unrecognized_name": True, "versions": ["TLSv1.3"]},
    ],
    "closes without saying so": [{"close_notify": False}],
    "asks for a new handshake": [{"renegotiate": True}],
    "breaks off in its Certificate message": [{"cut": "close"}, {"cut": "stall"}],
    "exchanges keys in {groups} only": [{"groups": ["secp521r1"]}, {"groups": ["x448"]}],
    "no TLS comes": [{"instead": {}}, {"instead": {"alert": 80}}, {"instead": {"text": "x"}}],
    "clear text comes in the midst of TLS": [
        {"instead": {"when": "secured"}},
        {"instead": {"when": "secured", "then": "clear", "text": "x"}},
    ],
    "answers with an alert about versions and ciphers": [
        {"instead": {"alert": 40}},
        {"instead": {"alert": 70}},
    ],
}
STAPLE: dict[str, list[dict[str, Any]]] = {
    "says revoked": [{"status": "revoked"}],
    "says {0.status}": [{"status": "unknown"}, {"status": "try-later"}],
    "too old": [{"next_update": "-1s"}, {"next_update": "0s"}],
    "from the future": [{"this_update": "+1s"}],
    "signed by another key": [{"signer": "stranger"}],
    "signed by a server that nobody put in charge": [{"signer": "upstart"}],
    "for another certificate": [{"about": "other"}],
}
# What is odd and breaks nothing: it is easily taken for a fault.
HARMLESS: dict[str, list[dict[str, Any]]] = {
    "leaf": [
        {"not_after": "+397d"},
        {"not_after": "never"},
        {"not_before": "0s", "not_after": "+1s"},
        {"key": "rsa4096"},
        {"key": "ec384"},
        {"signature": "pss-sha256"},
        {"signature": "sha512"},
        {"extended_key_usage": ["clientAuth", "serverAuth"]},
        {"extended_key_usage": ["clientAuth"], "omit": ["eku"]},
        {"key_usage": ["keyEncipherment"], "omit": ["ku"]},
        {"omit": ["bc", "ku", "eku", "ski", "aki"]},
        {"add": [{"oid": "1.2.3", "value": "00"}]},
        {"subject": {}},
        {"critical": ["san", "eku"]},
        {"subject": {"O": "Muller"}, "subject_string": "latin1-as-utf8"},
        {"subject_string": "latin1-as-utf8"},
        {"common_name": "{name}", "subject_string": "printable"},
        {"subject": {"C": "DE"}},
        {"common_name": "a" * 64},
        {"padding": 31_999},
        {"filler_names": 4999},
        {"must_staple": True},
    ],
    "ca": [
        {"key": "ec521"},
        {"key": "rsa8192"},
        {"not_after": "+30y"},
        {"omit": ["ku", "ski", "aki"]},
        {"path_length": 7},
        {"extended_key_usage": ["anyExtendedKeyUsage"]},
        {"name_constraints": {"permitted": ["customer.test"], "critical": False}},
    ],
    # Nobody needs to look at more than its name and its key (RFC 5280 section 6.1).
    "anchor": [
        {"signature": "md5"},
        {"damage": "signature-bit"},
        {"serial": "00"},
        {"not_critical": ["bc", "ku"]},
        {"not_after": "+30y"},
        {"omit": ["ku", "ski"]},
    ],
}
HARMLESS_TLS: list[dict[str, Any]] = [
    {"versions": ["TLSv1.0", "TLSv1.2"]},
    {"groups": ["secp521r1", "x25519"]},
    {"client_certificate": "optional"},
    {"unrecognized_name": True, "versions": ["TLSv1.2"]},
    {"unrecognized_name": True, "versions": ["TLSv1.1", "TLSv1.2"]},
    {"ciphers": ["ECDHE-ECDSA-AES256-GCM-SHA384"], **TLS12},
    {"ciphers": ["RC4-SHA", "ECDHE-RSA-CHACHA20-POLY1305"], **TLS12},
    # A client of TLS 1.3 never meets the ciphers and groups of TLS 1.2.
    {"ciphers": ["RC4-SHA"]},
    {"ciphers": ["DHE-RSA-AES128-GCM-SHA256"], "dh_bits": 512},
    # Without ciphers there are better ones than those that need the group.
    {"dh_bits": 512, **TLS12},
    {"record_size": 1},
    {"segment_size": 1},
]
HARMLESS_STAPLES: list[dict[str, Any]] = [{}, {"signer": "delegate"}, {"this_update": "0s"}]


def said_of(role: str, said: Mapping[str, Any]) -> Certificate:
    """What is said of a certificate in this place, with all that a good one says there."""
    place = PLACES.get(role, "leaf")
    return Server.model_validate({place: said}).certificates[place]


def broken[T](rules: Iterable[Rule[T]], part: T) -> set[str]:
    return {one.words for one in rules if one.broken(part)}


EVERY_PLACE: dict[str, tuple[Rule[Certificate], ...]] = {
    "leaf": rule.CERTIFICATE["leaf"],
    "ca": rule.CERTIFICATE["ca"],
    "anchor": rule.CERTIFICATE["anchor"],
    "trusted leaf": rule.TRUSTED_LEAF,
}


@pytest.mark.parametrize("role", EVERY_PLACE)
def test_no_rule_is_broken_by_a_good_certificate(role: str) -> None:
    assert broken(EVERY_PLACE[role], said_of(role, {})) == set()


def test_no_rule_is_broken_by_a_server_that_speaks_tls_properly_and_staples() -> None:
    assert broken(rule.TLS, Tls()) == set()
    assert broken(rule.STAPLE, Staple()) == set()


@pytest.mark.parametrize(
    ("role", "words"), [(role, one.words) for role in EVERY_PLACE for one in EVERY_PLACE[role]]
)
def test_each_rule_for_a_certificate_is_broken_by_its_examples(role: str, words: str) -> None:
    for said in CERTIFICATE[words]:
        assert words in broken(EVERY_PLACE[role], said_of(role, said)), said


@pytest.mark.parametrize("words", [one.words for one in rule.TLS])
def test_each_rule_for_tls_is_broken_by_its_examples(words: str) -> None:
    for said in TLS[words]:
        assert words in broken(rule.TLS, Tls.model_validate(said)), said


@pytest.mark.parametrize("words", [one.words for one in rule.STAPLE])
def test_each_rule_for_a_staple_is_broken_by_its_examples(words: str) -> None:
    for said in STAPLE[words]:
        assert broken(rule.STAPLE, Staple.model_validate(said)) == {words}, said


@pytest.mark.parametrize(
    ("role", "said"), [(role, said) for role in HARMLESS for said in HARMLESS[role]]
)
def test_what_is_odd_and_allowed_breaks_no_rule(role: str, said: dict[str, Any]) -> None:
    assert broken(EVERY_PLACE[role], said_of(role, said)) == set()


@pytest.mark.parametrize("said", HARMLESS_TLS)
def test_what_is_odd_in_tls_and_allowed_breaks_no_rule(said: dict[str, Any]) -> None:
    assert broken(rule.TLS, Tls.model_validate(said)) == set()


@pytest.mark.parametrize("said", HARMLESS_STAPLES)
def test_what_is_odd_in_a_staple_and_allowed_breaks_no_rule(said: dict[str, Any]) -> None:
    assert broken(rule.STAPLE, Staple.model_validate(said)) == set()


@pytest.mark.parametrize("role", ["ca", "anchor"])
@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"key": "rsa2048", "key_form": "pss"}, "a key that few clients take: {key}"),
        ({"key": "ed448"}, "a key that few clients take: {key}"),
        ({"key_form": "explicit"}, "the curve is given by explicit parameters"),
    ],
)
def test_the_key_of_every_ca_has_to_be_understood_the_trusted_ones_too(
    role: str, said: dict[str, Any], words: str
) -> None:
    """RFC 5280 section 6.1.1 (d): the anchor's key and its parameters are input to the path."""
    assert broken(EVERY_PLACE[role], said_of(role, said)) == {words}


def test_the_curve_of_a_trusted_leaf_has_to_be_understood() -> None:
    said = said_of("leaf", {"key_form": "explicit"})
    assert broken(rule.TRUSTED_LEAF, said) == {"the curve is given by explicit parameters"}


def test_a_response_that_says_try_later_says_nothing_else() -> None:
    """RFC 6960 section 4.2.1: without responseBytes it has no times, no signer and no subject."""
    for said in (
        {"next_update": "-1d"}, {"this_update": "+1d"}, {"signer": "stranger"},
        {"signer": "upstart"}, {"about": "other"},
    ):  # fmt: skip
        staple = Staple.model_validate({"status": "try-later", **said})
        assert broken(rule.STAPLE, staple) == {"says {0.status}"}, said


def test_only_a_response_that_says_revoked_lets_a_client_say_revoked() -> None:
    said = [one.words for one in rule.STAPLE if "revoked" in one.reasons]
    assert said == ["says revoked"]


def test_every_rule_has_an_example_here_and_every_example_a_rule() -> None:
    every = {one.words for rules in EVERY_PLACE.values() for one in rules}
    assert set(CERTIFICATE) == every
    assert set(TLS) == {one.words for one in rule.TLS}
    assert set(STAPLE) == {one.words for one in rule.STAPLE}


def test_the_limits_are_those_of_their_sources() -> None:
    """Baseline Requirements 6.3.2; ub-common-name of RFC 5280 appendix A.1; RFC 8446 6.2."""
    assert timedelta(days=398) == rule.LONGEST_LIFE
    assert UB_NAME == 64
    assert {40, 70} == rule.VERSION_ALERTS


# -- reasons ----

TABLES: dict[str, tuple[Rule[Any], ...]] = {
    **EVERY_PLACE, "tls": rule.TLS, "staple": rule.STAPLE, "dialogue": misconduct.DIALOGUE,
}  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
def test_every_rule_has_reasons_of_the_closed_list_and_words_of_its_own(table: str) -> None:
    words = [one.words for one in TABLES[table]]
    assert len(set(words)) == len(words)
    for one in TABLES[table]:
        assert one.reasons
        assert one.reasons <= set(get_args(Reason.__value__)), one.words


# -- the shipped scenarios ----


@pytest.fixture(scope="module")
def scenarios() -> Mapping[str, Scenario]:
    return catalogue()


@pytest.fixture(scope="module")
def found(scenarios: Mapping[str, Scenario]) -> dict[str, list[Fault]]:
    """What is said to be wrong with each shipped scenario's server."""
    return {x.id: faults(x, x.connect_as or CUSTOMER) for x in scenarios.values()}


def is_about(fault: Fault, one: Rule[Any], said: Scenario) -> bool:
    """Whether this fault is said because this rule is broken."""
    server = said.server
    dialogue = server.dialogue.on(said.endpoints) if server.dialogue is not None else None
    parts: dict[str, object] = {
        **server.certificates, "tls": server.tls, "staple": server.staple, "dialogue": dialogue,
    }  # fmt: skip
    words = re.sub(r"\\{.*?\\}", ".+", re.escape(one.words))
    same = re.fullmatch(words, fault.words) and fault.reasons == one.reasons
    return bool(same and one.broken(parts[fault.part]))


# The same words may stand in two tables with other reasons: that is another rule.
EVERY_RULE = {
    f"{one.words}: {' '.join(sorted(one.reasons))}": one
    for rules in TABLES.values()
    for one in rules
}


@pytest.mark.parametrize("one", EVERY_RULE.values(), ids=EVERY_RULE)
def test_each_rule_is_broken_by_a_shipped_scenario(
    one: Rule[Any], scenarios: dict[str, Scenario], found: dict[str, list[Fault]]
) -> None:
    assert any(is_about(fault, one, scenarios[id_]) for id_ in found for fault in found[id_])


def test_no_placeholder_is_left_in_what_is_said(found: dict[str, list[Fault]]) -> None:
    said = [fault.words for each in found.values() for fault in each]
    assert [words for words in said if re.search(r"[{}<>]|timedelta|None", words)] == []


@pytest.mark.parametrize("good", ["healthy", "ecc256", "ok-direct-root", "several-harmless"])
def test_no_rule_is_broken_by_the_controls(good: str, found: dict[str, list[Fault]]) -> None:
    assert found[good] == []


def test_each_file_expects_the_reasons_of_the_rules_that_its_server_breaks(
    scenarios: dict[str, Scenario], found: dict[str, list[Fault]]
) -> None:
    said = {id_: {x for fault in each for x in fault.reasons} for id_, each in found.items()}
    assert said == {x.id: set(x.expect.reasons) for x in scenarios.values()}
    refused = {x.id for x in scenarios.values() if x.expect.verdict == "reject"}
    assert {id_ for id_, each in found.items() if each} == refused
