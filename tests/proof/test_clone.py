"""A clone is the case again: served beside it, no verifier can tell the two apart.

Each case is served as users serve it, cloned from what came over the wire, with the roots that it
says are trusted, and the clone is served. The verifiers are told each one's own roots.
"""

import re
from collections.abc import Iterator

import pytest

from bench import catalogue, need
from proof import panel
from proof.cloning import Cloning, findings
from proof.verifier import Verifier, Word

GROUPS = ("validity", "name", "trust", "ca", "usage")
VERIFIERS = ("openssl", "gnutls", "go", "python")
QUICK = ("expired", "hosting-wildcard", "missing-intermediate", "nc-permitted-mismatch")
# Cases that no clone is made of, and why.
UNCLONED = {
    "empty-certificate-list": "there is no certificate to copy",
    "10000-sans": "OpenSSL, by which all of us look, takes no message of 250 KB",
}
EVERY = 12  # of all cases that many are skipped before the clone command goes to one by itself
# OpenSSL 4 in the wheel of cryptography reads no such time, and so never sees the certificate.
UNREACHED = ("time-utctime-no-seconds",)
# CAs are called by their key's first octets, and kept ones by what they are kept for.
_CA = re.compile(r"mitmail [A-Za-z ]+ [0-9a-f]{6}")


def cases() -> list[str]:
    return [
        x.id for x in catalogue().values()
        if x.group in GROUPS and "imaps" in x.endpoints and x.id not in UNCLONED
    ]  # fmt: skip


@pytest.fixture(scope="module", params=["quick", pytest.param("all", marks=pytest.mark.long)])
def cloning(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloning]:
    need("openssl")
    chosen = cases() if request.param == "all" else list(QUICK)
    reached = {*chosen[::EVERY], *QUICK[:2]} - {*UNREACHED}
    with Cloning(tmp_path_factory.mktemp("clone"), chosen, reached) as made:
        yield made


def told(word: Word) -> tuple[str, list[str]]:
    return word.verdict, sorted(_CA.sub("a CA", error.says) for error in word.errors)


def verifier(name: str) -> Verifier:
    found = next((each for each in panel.found() if each.name == name), None)
    if found is None:
        panel.lacks(name)
    return found


def test_every_case_is_cloned_to_its_last_part(cloning: Cloning) -> None:
    without = {x.case: x.said for x in cloning.clones.values() if x.file is None}
    assert without == {}
    assert [x.case for x in cloning.clones.values() if "Not copied" in x.said] == []


def test_a_clone_expects_what_its_case_expects(cloning: Cloning) -> None:
    different = {}
    for case, clone in cloning.scenarios().items():
        due, expect = catalogue()[case].expect, clone.expect
        if (due.verdict, set(due.reasons)) != (expect.verdict, set(expect.reasons)):
            different[case] = expect
    assert set(different) <= set(ALIKE)


# From outside, these are the same as a chain whose intermediate was not sent; a clone says so.
ALIKE = ("av-untrusted-upstream-root", "av-untrusted-with-decoy-root")


@pytest.mark.parametrize("name", VERIFIERS)
def test_a_verifier_says_the_same_of_a_case_and_of_its_clone(cloning: Cloning, name: str) -> None:
    different = [
        f"{case}: {told(first)}, of the clone {told(second)}"
        for case, first, second in cloning.words(verifier(name))
        if told(first) != told(second)
    ]
    assert different == []


def test_check_finds_the_same_in_a_case_and_in_its_clone(cloning: Cloning) -> None:
    different = {}
    for case in cloning.clones:
        first, second = findings(cloning.original(case)), findings(cloning.clone(case))
        if first != second:
            different[case] = first ^ second
    assert different == {}
