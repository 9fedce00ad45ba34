"""What a server presented becomes a scenario of the same shape, with nobody's names in it."""

import os
import random
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from bench import catalogue, clean_environment, need
from mitmail.diagnose.keykind import key_kind
from mitmail.diagnose.presented import Presented
from mitmail.diagnose.replica import Replica, replica
from mitmail.diagnose.scenario_text import scenario_text
from mitmail.errors import MitmailError
from mitmail.pki.der import DerError
from mitmail.pki.store import Store
from mitmail.plan import plan
from mitmail.plan.names import Names
from mitmail.scenario import lint, loader
from mitmail.scenario.model import Scenario

GROUPS = (
    "control", "validity", "name", "trust", "ca", "usage", "encoding", "several", "revocation",
    pytest.param("algorithm", marks=pytest.mark.long),  # some of its keys take long to make
)  # fmt: skip
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SOON = timedelta(minutes=2)  # between the making of a certificate and the look at it
# From outside, the same as a chain whose intermediate was not sent.
ALIKE = {"av-untrusted-upstream-root", "av-untrusted-with-decoy-root"}
ROUNDS = int(os.environ.get("HOSTILE_ROUNDS", "100"))
LEVELS = ("may", "should", "must")
# The catalogue gives one fault several levels; a clone takes the weaker one, and fails nobody.
WEAKER = {
    "stale-root-both-trusted-ids", "root-ca-false", "duplicate-extension", "san-malformed",
    "dsa-leaf",
}  # fmt: skip


@cache
def store() -> Store:
    return Store(None)


def presented(said: Scenario, name: str | None = None) -> tuple[Presented, tuple[bytes, ...]]:
    """What a server of this scenario shows, and whom its client trusts."""
    names = Names(name) if name else None
    made = plan.make(said, None, store(), names=names, now=NOW, constrained=False)
    door = made.door
    seen = Presented(
        chain=door.chain, name=made.name, at=NOW + SOON, source="here", staple=door.manner.staple,
        port=993,
    )  # fmt: skip
    return seen, door.anchors


def shown(text: str, folder: Path, name: str | None = None) -> tuple[Presented, tuple[bytes, ...]]:
    """What a server of this file shows."""
    file = folder / "customer.yaml"
    head = "title: A case\nwhy: It is one.\nrule: RFC 5280\nexpect: {verdict: accept}\n"
    file.write_text(head + text, encoding="utf-8")
    return presented(loader.load(file), name)


@cache
def cloned(case: str) -> Replica:
    return replica(*presented(catalogue()[case]))


def cases(group: str) -> list[Scenario]:
    found = [x for x in catalogue().values() if x.group == group]
    assert found
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_a_clone_expects_what_its_case_expects(group: str) -> None:
    for said in cases(group):
        found = cloned(said.id).scenario.expect
        due = said.expect
        assert found.verdict == due.verdict, said.id
        if said.id not in ALIKE:
            assert set(found.reasons) == set(due.reasons), said.id
        weaker = LEVELS.index(found.level) < LEVELS.index(due.level)
        assert weaker if said.id in WEAKER else found.level == due.level, said.id


@pytest.mark.parametrize("group", GROUPS)
def test_lint_has_nothing_against_the_file_of_a_clone(group: str, tmp_path: Path) -> None:
    files = []
    for said in cases(group):
        made = cloned(said.id)
        files.append(tmp_path / f"clone-{said.id}.yaml")
        files[-1].write_text(scenario_text(made), encoding="utf-8")
        assert loader.load(files[-1]).server == made.scenario.server
    assert lint.lint(files) == []


def test_a_clone_of_a_good_server_says_nothing_of_it() -> None:
    made = cloned("healthy")
    assert set(made.document) == {"title", "why", "rule", "expect"}
    assert made.document["expect"] == {"verdict": "accept"}


def test_a_clone_says_only_what_is_wrong() -> None:
    assert cloned("int-ku-no-certsign").document["server"] == {
        "intermediate": {"key_usage": ["cRLSign"]}
    }


@pytest.mark.parametrize(("ago", "due"), [(timedelta(days=3), "-3d"), (timedelta(hours=5), "-5h")])
def test_what_has_expired_stays_expired_by_as_much(ago: timedelta, due: str) -> None:
    seen, roots = presented(catalogue()["healthy"])
    late = Presented(
        chain=seen.chain, name=seen.name, at=NOW + timedelta(days=90) + ago, source="here"
    )
    server = replica(late, roots).document["server"]
    assert server["leaf"]["not_after"] == due


def test_a_certificate_that_ends_in_a_minute_has_not_expired() -> None:
    seen, roots = presented(catalogue()["healthy"])
    at = NOW + timedelta(days=90) - timedelta(seconds=40)
    late = Presented(chain=seen.chain, name=seen.name, at=at, source="here")
    made = replica(late, roots)
    assert made.document["server"]["leaf"]["not_after"] == "+40s"


CUSTOMERS = """
server:
  leaf:
    names: ["*.kunde.example", kunde.example, mx.provider.example, "email:kim@kunde.example",
            "uri:https://kim:geheim@www.kunde.example/kim", 192.0.2.7]
    subject: {C: DE, O: "Kunde & Söhne", OU: Kim Meier, CN: imap.kunde.example}
    add: [{oid: 2.16.840.1.113730.1.13, value: "16106d61646520666f72206d65696572212121"}]
  intermediate: {name_constraints: {permitted: [kunde.example, provider.example]}}
"""


def test_nobodys_names_are_in_a_clone(tmp_path: Path) -> None:
    made = replica(*shown(CUSTOMERS, tmp_path, "imap.kunde.example"))
    text = scenario_text(made)
    for word in ("kunde", "kim", "meier", "provider", "geheim", "192.0.2"):
        assert word not in text.lower()
        assert word.encode().hex() not in text


def test_names_keep_their_form_and_what_they_cover(tmp_path: Path) -> None:
    made = replica(*shown(CUSTOMERS, tmp_path, "imap.kunde.example"))
    assert made.name == "imap.customer.test"
    leaf = made.document["server"]["leaf"]
    assert leaf["names"][:4] == [
        "*.customer.test", "customer.test", "mx.hoster.test", "email:someone@customer.test"
    ]  # fmt: skip
    assert made.scenario.expect.verdict == "accept"


def test_the_name_below_another_domain_is_not_covered(tmp_path: Path) -> None:
    made = replica(*shown(CUSTOMERS, tmp_path, "imap.anderer.example"))
    assert made.scenario.expect.reasons == ("name-mismatch",)


@pytest.mark.parametrize(
    "name", ["mail.test", "imap.other.test", "nas", "10.1.2.3", "2001:db8::7"]
)
def test_what_the_client_connects_to_is_ours(name: str, tmp_path: Path) -> None:
    file = tmp_path / "clone.yaml"
    made = replica(*presented(catalogue()["healthy"], name))
    file.write_text(scenario_text(made), encoding="utf-8")
    assert lint.lint([file]) == []
    assert made.scenario.expect.verdict == "accept"


def test_a_common_name_that_is_no_host_name_is_nobodys(tmp_path: Path) -> None:
    said = "server:\n  leaf: {subject: {CN: Exchange of Kim Meier}}\n"
    made = replica(*shown(said, tmp_path))
    assert made.document["server"]["leaf"] == {"subject": {"CN": "mail server"}}


NOT_HOSTS = ("Dovecot mail server", "Müller Mail", "kim@meier.example", "Kim Meier " * 9, "x" * 90)


@pytest.mark.parametrize("names", ["[]", '["{name}"]', "[nas, meier]"])
@pytest.mark.parametrize("common", NOT_HOSTS)
def test_the_clone_of_any_common_name_is_nobodys_and_lints(
    common: str, names: str, tmp_path: Path
) -> None:
    said = f'server:\n  leaf: {{names: {names}, subject: {{CN: "{common}"}}}}\n'
    file = tmp_path / "clone.yaml"
    text = scenario_text(replica(*shown(said, tmp_path)))
    file.write_text(text, encoding="utf-8")
    assert lint.lint([file]) == []
    assert "meier" not in text.lower()
    assert "Müller" not in text


@pytest.mark.parametrize("word", ["kimmeier", "Plesk", "kim_meier", "kim*", "meier-müller"])
def test_a_name_without_a_domain_is_nobodys(word: str, tmp_path: Path) -> None:
    kind = "" if word.isascii() else "utf8:"
    made = replica(*shown(f'server:\n  leaf: {{names: ["{kind}{word}"]}}\n', tmp_path))
    text = scenario_text(made).lower()
    assert not [x for x in ("kim", "meier", "plesk") if x in text]
    assert ("*" in word) == ("*" in text)
    assert ("_" in word) == ("_" in text)


def test_names_without_a_domain_are_told_apart(tmp_path: Path) -> None:
    said = "server:\n  leaf: {names: [nas, Plesk, mail.nas.example], subject: {CN: plesk}}\n"
    leaf = replica(*shown(said, tmp_path, "mail.nas.example")).document["server"]["leaf"]
    assert leaf["names"] == ["host.test", "HOST-2.test", "{name}"]
    assert leaf["common_name"] == "host-2.test"


@pytest.mark.parametrize("upn", ["kimmeier", "Kim Meier", "kim.m.meier", "kim@meier.example"])
def test_a_principal_name_is_nobodys(upn: str, tmp_path: Path) -> None:
    made = subprocess.run(
        [need("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null",
         "-subj", "/CN=mail.example.com", "-addext",
         f"subjectAltName=DNS:mail.example.com,otherName:msUPN;UTF8:{upn}",
         "-days", "9", "-outform", "DER"],
        capture_output=True, check=True, env=clean_environment(),
    )  # fmt: skip
    assert upn.encode() in made.stdout
    seen = Presented(
        chain=(made.stdout,), name="mail.example.com", at=datetime.now(UTC), source="x"
    )
    names = replica(seen).document["server"]["leaf"]["names"]
    octets = b"".join(bytes.fromhex(x[4:]) for x in names if x.startswith("hex:"))
    assert b"someone" in octets
    assert b"kim" not in octets.lower()
    assert b"meier" not in octets.lower()


@pytest.mark.parametrize("year", [1, 9999])
def test_a_time_that_no_offset_reaches_is_one_clear_line(year: int) -> None:
    seen, roots = presented(catalogue()["healthy"])
    with pytest.raises(MitmailError, match=f"the year {year} is out of range"):
        replica(replace(seen, at=datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)), roots)


def test_an_rsa_key_without_its_numbers_is_one_clear_line() -> None:
    rsa = "300d06092a864886f70d0101010500"
    for content in ("3000", "0500", "3003020103", "30060401010201 03", "3009020101020103020105"):
        bits = f"00{content.replace(' ', '')}"
        tail = f"03{len(bits) // 2:02x}{bits}"
        spki = bytes.fromhex(f"30{(len(rsa) + len(tail)) // 2:02x}{rsa}{tail}")
        with pytest.raises(DerError):
            key_kind(spki)


def test_exact_names_are_kept(tmp_path: Path) -> None:
    seen, roots = shown(CUSTOMERS, tmp_path, "imap.kunde.example")
    made = replica(seen, roots, exact=True)
    assert made.document["server"]["leaf"]["names"][0] == "*.kunde.example"
    assert made.document["connect_as"] == "imap.kunde.example"


def test_without_roots_the_root_is_taken_to_be_good_and_trusted() -> None:
    seen, _ = presented(catalogue()["expired-root"])
    made = replica(seen)
    assert made.scenario.expect.verdict == "accept"
    assert made.assumed == ("The root was not sent: it is taken to be good and trusted.",)
    assert made.assumed[0] in " ".join(scenario_text(made).split())


def test_one_certificate_of_a_chain_is_not_taken_for_all_of_it() -> None:
    seen, _ = presented(catalogue()["healthy"])
    leaf = Presented(
        chain=seen.chain[:1], name=seen.name, at=seen.at, source="here", only_leaf=True
    )
    assert replica(leaf).scenario.expect.verdict == "accept"


def test_a_gap_in_a_text_is_not_copied() -> None:
    seen, _ = presented(catalogue()["root-included"])
    leaf, _, root = seen.chain
    gap = replace(seen, chain=(leaf, root), port=None)
    made = replica(replace(gap, partial=True))

    assert replica(gap).scenario.expect.reasons == ("incomplete-chain", "unknown-issuer")
    assert made.scenario.expect.verdict == "accept"
    assert "the others are taken to be good" in made.assumed[0]


def test_what_a_listing_has_and_the_text_has_not_is_said() -> None:
    seen, _ = presented(catalogue()["healthy"])
    made = replica(replace(seen, port=None, partial=True, listed=3))

    assert "The listing shows 3 certificates, and 2 are known" in made.assumed[0]
    assert made.scenario.expect.verdict == "accept"


def test_a_paste_shows_no_staple_and_so_none_is_missed() -> None:
    seen, roots = presented(catalogue()["must-staple-missing"])
    pasted = replica(replace(seen, port=None), roots)
    assert pasted.scenario.expect.verdict == "accept"
    assert "taken to do so" in " ".join(pasted.assumed)
    assert replica(seen, roots).scenario.expect.reasons == ("policy",)


def test_without_a_name_the_certificates_own_is_taken() -> None:
    seen, roots = presented(catalogue()["hosting-wildcard"])
    made = replica(Presented(chain=seen.chain, name=None, at=seen.at, source="here"), roots)
    assert made.name == "mail.hoster.test"
    assert made.scenario.expect.verdict == "accept"


def test_what_has_no_word_is_named_and_stood_in_for(tmp_path: Path) -> None:
    made = subprocess.run(
        [need("openssl"), "req", "-x509", "-newkey", "rsa:1536", "-nodes", "-keyout", "/dev/null",
         "-subj", "/CN=mail.example.com", "-addext", "subjectAltName=DNS:mail.example.com",
         "-days", "9", "-outform", "DER"],
        capture_output=True, check=True, env=clean_environment(),
    )  # fmt: skip
    at = datetime.now(UTC)
    found = replica(Presented(chain=(made.stdout,), name="mail.example.com", at=at, source="x"))
    assert found.lost == ("leaf: an RSA key with 1536 bits (rsa1024 stands in for it)",)
    assert found.scenario.server.leaf.key == "rsa1024"
    assert found.name == "mail.customer.test"
    assert set(found.scenario.expect.reasons) >= {"self-signed", "unknown-issuer", "weak"}
    file = tmp_path / "clone.yaml"
    file.write_text(scenario_text(found), encoding="utf-8")
    assert file.read_text(encoding="utf-8").startswith("# Not copied: leaf: an RSA key with 1536")
    assert lint.lint([file]) == []


def garbled(chance: random.Random, chain: tuple[bytes, ...]) -> tuple[bytes, ...]:
    octets = [bytearray(each) for each in chain]
    broken = chance.choice(octets)
    for _ in range(chance.randint(1, 3)):
        broken[chance.randrange(len(broken))] = chance.randrange(256)
    return tuple(map(bytes, octets))


def refusal(seen: Presented, roots: tuple[bytes, ...]) -> str | None:
    try:
        made = replica(seen, roots)
        plan.make(made.scenario, None, store(), now=NOW, constrained=False)
        assert scenario_text(made)
    except MitmailError as error:
        return str(error)
    return None


def test_broken_octets_are_copied_or_refused_in_one_line() -> None:
    chance = random.Random(7)
    whole = [presented(catalogue()[case]) for case in ("healthy", "several-harmless", "rsa2048")]
    refused = []
    for _ in range(ROUNDS):
        seen, roots = chance.choice(whole)
        refused.append(refusal(replace(seen, chain=garbled(chance, seen.chain)), roots))
    said = [each for each in refused if each is not None]
    assert all("cannot be copied" in each and "\n" not in each for each in said), said
    assert ROUNDS // 20 < len(said) < ROUNDS * 9 // 10
