"""The certificates of a scenario: cryptography and openssl find them as the file says."""

import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from bench import need
from mitmail.errors import MitmailError
from mitmail.pki import key, validity
from mitmail.pki.authority import Authority, make_root
from mitmail.pki.certificate import pem
from mitmail.pki.keypool import KeyPool, is_slow
from mitmail.pki.name import distinguished_name
from mitmail.plan.chain import Chain, holds, slow_keys
from mitmail.plan.names import Names
from mitmail.scenario import certificate as words
from mitmail.scenario.certificate import Certificate
from mitmail.scenario.server import Server

NOW = datetime(2030, 6, 1, 12, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
POOL = KeyPool()


def chain(
    said: Mapping[str, Any],
    *,
    names: Names | None = None,
    pool: KeyPool = POOL,
    slot: str = "case",
    given: Mapping[str, Authority] | None = None,
) -> Chain:
    server = Server.model_validate(said)
    return Chain(server, names or Names(), pool, slot, NOW, given or {})


def read(octets: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(octets)


def public(certificate: bytes) -> bytes:
    """The key that a certificate certifies, by cryptography's reading."""
    return (
        read(certificate)
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )


def leaf(**said: Any) -> x509.Certificate:
    return read(chain({"leaf": said}).certificate("leaf"))


def verify(made: Chain, folder: Path, *names: str) -> str:
    """What openssl says of the first, given those between and the last to trust."""
    for number, name in enumerate(names):
        (folder / str(number)).write_bytes(pem(made.certificate(name)))
    rest = [part for n in range(1, len(names) - 1) for part in ("-untrusted", str(n))]
    at = ["-no-CApath", "-no-CAstore", "-attime", str(int(NOW.timestamp()))]
    command = [need("openssl"), "verify", *at, "-CAfile", str(len(names) - 1), *rest, "0"]
    run = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=20, check=False
    )
    return run.stdout + run.stderr


# -- keys ----


def test_every_certificate_has_a_key_of_its_own() -> None:
    made = chain({"more": {"spare": {}}, "depth": 3})
    names = [
        "leaf", "intermediate", "intermediate-2", "intermediate-3", "root", "spare", "unrelated",
    ]  # fmt: skip
    assert len({public(made.certificate(name)) for name in names}) == len(names)


def test_a_key_that_is_quick_to_make_is_no_other_scenarios() -> None:
    one, other = (chain({}, slot=slot) for slot in ("one", "other"))
    assert public(one.certificate("leaf")) != public(other.certificate("leaf"))
    again = chain({}, slot="one")
    assert public(one.certificate("leaf")) == public(again.certificate("leaf"))


def test_a_leaf_key_that_is_slow_to_make_is_shared_by_scenarios() -> None:
    slow = {"leaf": {"key": "rsa1024"}, "root": {"key": "rsa1024"}}
    one, other = (chain(slow, slot=slot) for slot in ("one", "other"))
    assert public(one.certificate("leaf")) == public(other.certificate("leaf"))
    assert public(one.certificate("leaf")) != public(one.certificate("root"))


def test_a_key_that_may_sign_for_any_name_is_never_shared_nor_kept_with_the_slow_ones() -> None:
    """Whoever imported its certificate would leave the key behind on this machine."""
    shared = KeyPool()
    pool = KeyPool(shared=shared)
    said = {name: {"key": "rsa1024"} for name in ("leaf", "intermediate", "root")}
    made = chain(said, pool=pool)
    assert list(slow_keys(Server.model_validate(said))) == [("rsa1024", "shared-leaf")]
    assert not pool.has("rsa1024", "shared-leaf")
    for name in said:
        made.certificate(name)
    assert pool.has("rsa1024", "shared-leaf")
    kept = shared.get("rsa1024", "shared-leaf")
    assert public(made.certificate("leaf")) == kept.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    assert not any(shared.has("rsa1024", f"shared-{x}") for x in ("intermediate", "root"))


def test_the_key_of_a_leaf_that_may_itself_be_trusted_is_not_shared() -> None:
    said = {"leaf": {"key": "rsa1024", "issuer": "self"}}
    assert list(slow_keys(Server.model_validate(said))) == []
    one, other = (chain(said, slot=slot) for slot in ("one", "other"))
    assert public(one.certificate("leaf")) != public(other.certificate("leaf"))


@pytest.mark.parametrize("kind", ["ec384", "ed25519", "rsa1024"])
def test_the_key_is_of_the_kind_that_was_asked_for(kind: str) -> None:
    made = chain({"leaf": {"key": kind}})
    assert key.kind_of(made.key("leaf")) == kind
    assert public(made.certificate("leaf")) == made.key("leaf").public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )


# -- names and keys that are shared on purpose ----


def test_a_namesake_has_the_name_and_another_key() -> None:
    made = chain({"more": {"old-root": {"namesake": "root"}}})
    root, old = (read(made.certificate(name)) for name in ("root", "old-root"))
    assert old.subject == old.issuer == root.subject
    assert old.public_key() != root.public_key()


def test_one_with_the_same_key_has_another_name() -> None:
    made = chain({"more": {"twin": {"same_key": "root"}}})
    root, twin = (read(made.certificate(name)) for name in ("root", "twin"))
    assert twin.public_key() == root.public_key()
    assert twin.subject != root.subject


def test_a_cross_certificate_leads_to_the_old_root(tmp_path: Path) -> None:
    cross = {"issuer": "old", "namesake": "root", "same_key": "root"}
    made = chain({"more": {"old": {}, "cross": cross}})
    assert "0: OK" in verify(made, tmp_path, "leaf", "intermediate", "root")
    assert "0: OK" in verify(made, tmp_path, "leaf", "intermediate", "cross", "old")
    # 20: unable to get local issuer certificate.
    assert "error 20 at 1" in verify(made, tmp_path, "leaf", "intermediate", "old")


def test_two_cas_have_two_names_even_in_two_scenarios() -> None:
    """Same name and another key would be a fault of its own: a bad signature in Thunderbird."""
    subjects = [
        read(chain({}, slot=slot).certificate(name)).subject
        for slot in ("one", "other")
        for name in ("intermediate", "root", "unrelated")
    ]
    assert len(set(subjects)) == len(subjects)


def test_a_chain_of_any_depth_verifies(tmp_path: Path) -> None:
    made = chain({"depth": 4})
    above = [f"intermediate-{number}" for number in (2, 3, 4)]
    assert "0: OK" in verify(made, tmp_path, "leaf", "intermediate", *above, "root")


# -- authorities that exist already ----


@pytest.fixture(scope="module")
def kept() -> Authority:
    name = distinguished_name([("O", "mitmail"), ("CN", "Kept")])
    return make_root(name, key.generate("ec256"), NOW - DAY, NOW + 90 * DAY)


def test_a_given_authority_signs_and_is_not_made_again(kept: Authority, tmp_path: Path) -> None:
    made = chain({}, given={"root": kept})
    assert made.certificate("root") == kept.certificate
    assert made.key("root") is kept.key
    assert read(made.certificate("intermediate")).issuer == read(kept.certificate).subject
    assert "0: OK" in verify(made, tmp_path, "leaf", "intermediate", "root")


def test_the_namesake_of_a_given_authority_has_its_very_name(kept: Authority) -> None:
    made = chain({"more": {"old": {"namesake": "root"}}}, given={"root": kept})
    old = read(made.certificate("old"))
    assert old.subject.public_bytes() == read(kept.certificate).subject.public_bytes()
    assert old.public_key() != read(kept.certificate).public_key()


def test_what_shares_a_given_authoritys_key_shares_it_really(kept: Authority) -> None:
    made = chain({"more": {"twin": {"same_key": "root"}}}, given={"root": kept})
    assert public(made.certificate("twin")) == public(kept.certificate)


def test_a_given_authoritys_name_can_be_written_in_another_string(kept: Authority) -> None:
    said = {"leaf": {"issuer": "root", "issuer_string": "printable"}}
    issuer = read(chain(said, given={"root": kept}).certificate("leaf")).issuer
    assert issuer == read(kept.certificate).subject  # as text
    assert issuer.public_bytes() != read(kept.certificate).subject.public_bytes()


# -- subject and issuer ----


def attributes(name: x509.Name) -> list[tuple[str, str]]:
    return [(each.rfc4514_attribute_name, str(each.value)) for each in name]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, [("CN", "mail.customer.test")]),
        ({"names": ["*.hoster.test", "b.test"]}, [("CN", "*.hoster.test")]),
        ({"names": ["email:a@b.test", "127.0.0.1", "b.test"]}, [("CN", "b.test")]),
        ({"names": ["a" * 65 + ".test", "b.test"]}, [("CN", "b.test")]),
        ({"names": ["bücher.test", " a.test", "b.test"]}, [("CN", "b.test")]),
        # openssl and GnuTLS would hold another text to the root's limits.
        ({"names": ["127.0.0.1"]}, [("O", "mitmail test server")]),
        ({"names": []}, [("O", "mitmail test server")]),
        ({"common_name": "at {name}"}, [("CN", "at mail.customer.test")]),
        (
            {"subject": {"O": "Müller", "C": "DE", "CN": "{name}"}},
            [("O", "Müller"), ("C", "DE"), ("CN", "mail.customer.test")],
        ),
        ({"subject": {}}, []),
    ],
)
@pytest.mark.filterwarnings("ignore:Attribute's length")
def test_the_subject_is_what_is_said_or_the_first_plain_dns_name(
    said: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert attributes(leaf(**said).subject) == expected


def test_what_it_says_of_its_issuer_can_be_another_name() -> None:
    made = chain({"leaf": {"issuer_name": {"O": "Somebody", "CN": "of {name}"}}})
    issuer = read(made.certificate("leaf")).issuer
    assert attributes(issuer) == [("O", "Somebody"), ("CN", "of mail.customer.test")]
    # Nothing else is wrong: the signature is the intermediate's.
    above = read(made.certificate("intermediate"))
    with pytest.raises(ValueError, match="Issuer certificate subject does not match"):
        read(made.certificate("leaf")).verify_directly_issued_by(above)


def strings(name: bytes) -> set[str]:
    shown = subprocess.run(
        [need("openssl"), "asn1parse", "-inform", "DER"],
        input=name, capture_output=True, timeout=20, check=True,
    ).stdout.decode("latin-1")  # fmt: skip
    return set(re.findall(r"prim: (\w+STRING)", shown))


def test_a_name_is_written_in_the_string_that_is_said_wherever_it_stands() -> None:
    made = chain({"intermediate": {"subject_string": "printable"}})
    own = read(made.certificate("intermediate"))
    assert strings(own.subject.public_bytes()) == {"PRINTABLESTRING"}
    assert strings(own.issuer.public_bytes()) == {"UTF8STRING"}
    below = read(made.certificate("leaf"))
    assert below.issuer.public_bytes() == own.subject.public_bytes()
    assert strings(below.subject.public_bytes()) == {"UTF8STRING"}


def test_a_leaf_may_write_its_issuers_name_in_another_string() -> None:
    made = chain({"leaf": {"issuer_string": "printable"}})
    issuer = read(made.certificate("leaf")).issuer
    assert strings(issuer.public_bytes()) == {"PRINTABLESTRING"}
    assert issuer == read(made.certificate("intermediate")).subject


# -- names, times, fields ----


def alternative_names(certificate: x509.Certificate) -> list[str]:
    said = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(each.value) for each in said]


def test_fillers_stand_before_the_names_and_differ() -> None:
    found = alternative_names(leaf(filler_names=100, names=["b.test", "{name}"]))
    assert found[-2:] == ["b.test", "mail.customer.test"]
    assert len(set(found)) == 102
    assert all(re.fullmatch(r"filler-\d{5}\.customer\.test", each) for each in found[:100])


def test_a_ca_has_the_names_that_it_says_and_no_other() -> None:
    made = chain({"intermediate": {"names": ["{name}", "ca.test"]}})
    names = alternative_names(read(made.certificate("intermediate")))
    assert names[1] == "ca.test"
    with pytest.raises(x509.ExtensionNotFound):
        alternative_names(read(made.certificate("root")))


@pytest.mark.parametrize(
    ("said", "begin", "end"),
    [
        ({}, NOW - DAY, NOW + 90 * DAY),
        ({"not_before": "-10y", "not_after": "-1s"}, NOW - 3650 * DAY, NOW - timedelta(seconds=1)),
        ({"not_before": "+1h"}, NOW + HOUR, NOW + 90 * DAY),
        ({"not_after": "-2d"}, NOW - DAY, NOW - 2 * DAY),
        ({"not_after": "never"}, NOW - DAY, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_the_times_are_as_far_from_now_as_is_said(
    said: dict[str, Any], begin: datetime, end: datetime
) -> None:
    made = leaf(**said)
    assert (made.not_valid_before_utc, made.not_valid_after_utc) == (begin, end)


def test_serial_version_and_hash_are_those_that_are_said() -> None:
    made = leaf(serial="0102", signature="sha384")
    assert made.serial_number == 0x0102
    assert made.signature_hash_algorithm is not None
    assert made.signature_hash_algorithm.name == "sha384"
    assert leaf(version=1, omit=["san", "bc", "ku", "eku", "ski", "aki"]).version.name == "v1"


def test_a_serial_is_random_unless_it_is_said() -> None:
    assert leaf().serial_number != leaf().serial_number


def test_a_certificate_is_made_once() -> None:
    made = chain({})
    assert made.certificate("leaf") is made.certificate("leaf")


# -- every word that a file may say can be made ----


def make(**said: Any) -> bytes:
    return chain({"leaf": said}).certificate("leaf")


def words_of(alias: Any) -> tuple[Any, ...]:
    return get_args(alias.__value__)


def test_files_and_mint_have_the_same_words() -> None:
    assert set(words_of(words.KeyKind)) == set(key.KINDS)
    assert set(words_of(words.KeyForm)) == set(key.FORMS)
    assert set(words_of(words.TimeForm)) == set(validity.FORMS)


@pytest.mark.parametrize("kind", [x for x in words_of(words.KeyKind) if not is_slow(x)])
def test_every_quick_key_can_be_a_leafs(kind: str) -> None:
    assert len(make(key=kind)) > 300


@pytest.mark.parametrize("word", words_of(words.Damage))
def test_every_damage_can_be_done(word: str) -> None:
    assert make(damage=word)


@pytest.mark.parametrize("word", words_of(words.TimeForm))
def test_every_form_of_time_can_be_written(word: str) -> None:
    assert make(time_form=word) != make()


@pytest.mark.parametrize("word", words_of(words.StringType))
def test_every_string_can_hold_a_subject(word: str) -> None:
    assert leaf(subject_string=word).subject.get_attributes_for_oid(NameOID.COMMON_NAME)


@pytest.mark.parametrize("word", words_of(words.AttributeType))
def test_every_attribute_can_be_in_a_subject(word: str) -> None:
    assert attributes(leaf(subject={word: "DE"}).subject) == [(word, "DE")]


@pytest.mark.parametrize("word", words_of(words.SignatureHash))
def test_an_rsa_ca_signs_with_every_hash(word: str) -> None:
    said = {"leaf": {"signature": word}, "intermediate": {"key": "rsa1024"}}
    shown = subprocess.run(
        [need("openssl"), "x509", "-inform", "DER", "-noout", "-text"],
        input=chain(said).certificate("leaf"), capture_output=True, timeout=20, check=True,
    ).stdout.decode()  # fmt: skip
    wanted = "rsassaPss" if word == "pss-sha256" else f"{word}WithRSAEncryption"
    assert shown.count(wanted) == 2


@pytest.mark.parametrize("usage", words_of(words.KeyUsage))
def test_every_usage_can_be_said(usage: str) -> None:
    assert make(key_usage=[usage])


@pytest.mark.parametrize("usage", words_of(words.ExtendedKeyUsage))
def test_every_purpose_can_be_said(usage: str) -> None:
    assert make(extended_key_usage=[usage])


@pytest.mark.parametrize(
    "said",
    [
        {"leaf": {"signature": "md5"}},
        {"leaf": {"names": ["ip:x"]}},
        {"leaf": {"names": ["bücher..test"]}},
        {"leaf": {"subject": {"C": "Č"}}},
        {"leaf": {"subject": {"O": "Ω"}, "subject_string": "latin1-as-utf8"}},
        {"leaf": {"not_after": "never", "time_form": "offset"}},
        {"leaf": {"damage": "explicit-ca-false", "omit": ["bc"]}},
        {"leaf": {"damage": "algorithm-differs"}, "intermediate": {"key": "ed25519"}},
    ],
)
def test_what_cannot_be_made_is_said(said: dict[str, Any]) -> None:
    with pytest.raises(MitmailError):
        chain(said).certificate("leaf")


# -- whether a kept certificate still says what the scenario says ----


def kept_for(age: timedelta, **said: Any) -> bool:
    """Whether one that was made so long ago still holds."""
    certificate = Certificate.model_validate(said)
    made = read(chain({"leaf": said}).certificate("leaf"))
    times = (made.not_valid_before_utc, made.not_valid_after_utc)
    return holds(certificate, times, NOW + age)


AGES: list[tuple[dict[str, Any], timedelta, timedelta]] = [
    # what is said; the oldest that still holds; the youngest that does not
    ({}, 88 * DAY, 89 * DAY),
    ({"not_after": "+2h"}, HOUR - MINUTE, HOUR),
    ({"not_after": "+10y"}, 3648 * DAY, 3649 * DAY),
    # An exception that a person stored shall hold for a while.
    ({"not_after": "-1d"}, 90 * DAY - MINUTE, 90 * DAY),
    ({"not_before": "-9d", "not_after": "-2d"}, 90 * DAY - MINUTE, 90 * DAY),
    # Years old is not decades old.
    ({"not_before": "-10y", "not_after": "-5y"}, 5 * 365 * DAY - MINUTE, 5 * 365 * DAY),
    # An hour ago is soon of another age.
    ({"not_after": "-1h"}, HOUR - MINUTE, HOUR),
    ({"not_after": "-1s"}, timedelta(0), timedelta(seconds=1)),
    # What becomes valid is made anew before it does.
    ({"not_before": "+30d"}, 29 * DAY - MINUTE, 29 * DAY),
    ({"not_before": "+2h"}, HOUR - MINUTE, HOUR),
]


@pytest.mark.parametrize(("said", "old", "too_old"), AGES)
def test_a_kept_certificate_holds_until_its_times_say_something_else(
    said: dict[str, Any], old: timedelta, too_old: timedelta
) -> None:
    assert kept_for(timedelta(0), **said)
    assert kept_for(old, **said)
    assert not kept_for(too_old, **said)


def test_one_without_an_end_holds_for_ever() -> None:
    assert kept_for(1000 * 365 * DAY, not_after="never")


def test_one_that_expires_now_is_always_made_anew() -> None:
    assert not kept_for(timedelta(0), not_after="0s")


@pytest.mark.parametrize("said", [{}, {"not_after": "-1d"}, {"not_before": "-9d"}])
def test_after_the_clock_was_set_back_one_from_the_future_does_not_hold(
    said: dict[str, Any],
) -> None:
    assert not kept_for(-10 * DAY, **said)
