"""What a file may say about one certificate, and what does not fit together."""

from datetime import timedelta
from typing import Any, get_args

import pytest
from cryptography import x509
from pydantic import ValidationError

from mitmail.scenario import certificate
from mitmail.scenario.certificate import MAX_FILLERS, MAX_PADDING, Added, Certificate
from mitmail.scenario.offset import NEVER


def said(**fields: Any) -> Certificate:
    return Certificate.model_validate(fields)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"common_name": "a", "subject": {"CN": "a"}}, "say common_name or subject, not both"),
        ({"common_name": "a", "subject": {}}, "say common_name or subject, not both"),
        ({"namesake": "root", "subject": {}}, "leave subject and common_name out"),
        ({"namesake": "root", "common_name": "a"}, "leave subject and common_name out"),
        ({"issuer_name": {}, "issuer_string": "utf8"}, "say issuer_name or issuer_string"),
        ({"key_form": "pss"}, "key_form pss needs an RSA key: say key: rsa2048"),
        ({"key_form": "pss", "key": "ed25519"}, "needs an RSA key"),
        ({"key_form": "explicit", "key": "ec384"}, "known for key: ec256 only"),
    ],
)
def test_what_contradicts_itself_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        said(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"key_form": "pss", "key": "rsa2048"},
        {"key_form": "explicit"},
        {"namesake": "root", "same_key": "root"},
        {"issuer_name": {}},
        {"subject": {}},
        {"subject": {"C": "DE", "CN": "{name}"}},
        {"names": [], "common_name": "{name}"},
        {"filler_names": MAX_FILLERS},
        {"padding": MAX_PADDING},
        {"not_after": "never"},
        {"serial": ""},
        {"raw": {"san": ""}},
        {"omit": ["san", "bc", "ku", "eku", "ski", "aki", "nc", "tlsfeature"]},
    ],
)
def test_what_fits_together_is_taken(fields: dict[str, Any]) -> None:
    said(**fields)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"key": "rsa"}, "Input should be 'ec256'"),
        ({"key_form": "compressed"}, "Input should be 'plain', 'pss' or 'explicit'"),
        ({"signature": "sha3"}, "Input should be 'sha256'"),
        ({"version": 0}, "Input should be 1, 2, 3 or 4"),
        ({"version": 5}, "Input should be 1, 2, 3 or 4"),
        ({"serial": "123"}, "pairs of hexadecimal digits"),
        ({"serial": 5}, "valid string"),
        ({"subject": {"DC": "test"}}, "Input should be 'CN', 'O'"),
        ({"subject": {"CN": ""}}, "at least 1 character"),
        ({"subject_string": "bmp"}, "Input should be 'utf8', 'printable' or 'latin1-as-utf8'"),
        ({"common_name": "{host}"}, "unknown placeholder '{host}': the only one is {name}"),
        ({"common_name": ""}, "at least 1 character"),
        ({"names": "mail.customer.test"}, "valid tuple"),
        ({"names": ["{name}", "{}"]}, "unknown placeholder '{}'"),
        ({"filler_names": -1}, "greater than or equal to 0"),
        ({"filler_names": MAX_FILLERS + 1}, "less than or equal to 20000"),
        ({"padding": MAX_PADDING + 1}, "less than or equal to 1000000"),
        ({"padding": True}, "valid integer"),
        ({"not_before": "never"}, "use a duration such as"),
        ({"not_after": "tomorrow"}, "or never"),
        ({"time_form": "roman"}, "Input should be 'no-seconds'"),
        ({"ca": "yes"}, "valid boolean"),
        ({"path_length": "0"}, "valid integer"),
        ({"key_usage": ["digitalSignature", "digitalSignature"]}, "named more than once"),
        ({"key_usage": ["contentCommitment"]}, "Input should be 'digitalSignature'"),
        ({"extended_key_usage": ["ipsec"]}, "Input should be 'serverAuth'"),
        ({"name_constraints": {"permitted": [""]}}, "at least 1 character"),
        ({"name_constraints": {"allowed": []}}, "Extra inputs"),
        ({"omit": ["crldp"]}, "Input should be 'san'"),
        ({"critical": ["bc", "bc"]}, "named more than once"),
        ({"raw": {"san": "0"}}, "pairs of hexadecimal digits"),
        ({"raw": {"aia": "00"}}, "Input should be 'san'"),
        ({"add": [{"oid": "1.2.3"}]}, "Field required"),
        ({"damage": "dent"}, "Input should be 'signature-bit'"),
        ({"issuer": " "}, "at least 1 character"),
    ],
)
def test_what_cannot_be_made_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        said(**fields)


OIDS = [
    "0.0", "0.39.1", "1.2.3", "1.39", "1.3.6.1.4.1.32473.2", "2.5.29.17", "2.999.1", "2.40", "2.0",
    "1.40", "0.40.1", "1.99.1", "3.1", "1", "", "1.", ".1", "1..2", "1.2.-1", "1.2.a",
    "1 .2", "1.2 ", "1.2\n", "\u0661.2",
]  # fmt: skip


@pytest.mark.parametrize("oid", OIDS)
def test_an_object_identifier_is_what_cryptography_takes_for_one(oid: str) -> None:
    def taken(read: Any) -> bool:
        try:
            read()
        except ValueError:
            return False
        return True

    ours = taken(lambda: Added.model_validate({"oid": oid, "value": ""}))
    assert ours == taken(lambda: x509.ObjectIdentifier(oid))


@pytest.mark.parametrize("oid", ["1.02", "01.2", "1.2.03", "1.2.00"])
def test_an_object_identifier_has_one_spelling(oid: str) -> None:
    with pytest.raises(ValidationError, match="match pattern"):
        Added.model_validate({"oid": oid, "value": ""})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, timedelta(days=91)),
        ({"not_before": "-10d", "not_after": "-1d"}, timedelta(days=9)),
        ({"not_after": "-2d"}, timedelta(days=-1)),
        ({"not_after": "never"}, NEVER),
        ({"not_before": "-1000y", "not_after": "never"}, NEVER),
    ],
)
def test_it_lives_from_its_first_to_its_last_second(
    fields: dict[str, Any], expected: timedelta
) -> None:
    assert said(**fields).lives == expected


def test_each_usual_extension_can_be_left_out_marked_and_given_raw() -> None:
    words = set(get_args(certificate.ExtensionWord.__value__))
    for field in ("omit", "critical", "not_critical"):
        assert set(getattr(said(**{field: list(words)}), field)) == words
    assert set(said(raw=dict.fromkeys(words, "00")).raw) == words
