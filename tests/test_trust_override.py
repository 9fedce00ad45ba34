"""Stored exceptions: shown, a named one taken out, and put back as it was."""

from pathlib import Path

import pytest

import nss
from mitmail.errors import MitmailError
from mitmail.trust import override
from trusting import keeper

OID, ONE, TWO = "OID.2.16.840.1.101.3.4.2.1", "AB:" * 31 + "AB", "CD:" * 31 + "CD"
# As Thunderbird 153 writes it, an older one, IPv6, an account of a container, and what is none.
CONTENT = (
    "# PSM Certificate Override Settings file\n"
    "# This is a generated file!  Do not edit.\n"
    f"mail.customer.test:993:\t{OID}\t{ONE}\t\n"
    f"mail.customer.test:465:\t{OID}\t{ONE}\t\n"
    f"Old.customer.test:993\t{OID}\t{TWO}\tMU\tAAAA\n"
    f"[::1]:3993:\t{OID}\t{TWO}\t\n"
    f"other.test:443:^userContextId=2\t{OID}\t{TWO}\t\n"
    "no exception at all\n"
)


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    folder = nss.database(tmp_path / "profile")
    (folder / override.FILE).write_text(CONTENT)
    return folder


def text(profile: Path) -> str:
    return (profile / override.FILE).read_text()


def test_every_stored_exception_is_shown(profile: Path) -> None:
    found = [(one.place, one.sha256[:4]) for one in override.overrides(profile)]

    assert found == [
        ("mail.customer.test:993", "abab"), ("mail.customer.test:465", "abab"),
        ("old.customer.test:993", "cdcd"), ("[::1]:3993", "cdcd"), ("other.test:443", "cdcd"),
    ]  # fmt: skip


def test_one_goes_and_the_others_stay_to_the_octet(profile: Path, tmp_path: Path) -> None:
    keeper(tmp_path).remove_exception(profile, "mail.customer.test:993", for_good=False)
    assert text(profile) == CONTENT.replace(f"mail.customer.test:993:\t{OID}\t{ONE}\t\n", "")

    (undone,) = keeper(tmp_path).cleanup()

    assert (undone.words, text(profile)) == ("put back", CONTENT)


def test_one_that_goes_for_good_is_not_put_back(profile: Path, tmp_path: Path) -> None:
    keeper(tmp_path).remove_exception(profile, "[::1]:3993", for_good=True)

    assert list(keeper(tmp_path).cleanup()) == []
    assert "[::1]" not in text(profile)


def test_what_the_program_has_stored_since_stays(profile: Path, tmp_path: Path) -> None:
    keeper(tmp_path).remove_exception(profile, "mail.customer.test:993", for_good=False)
    since = text(profile) + f"new.test:993:\t{OID}\t{TWO}\t"
    (profile / override.FILE).write_text(since)

    list(keeper(tmp_path).cleanup())

    assert text(profile) == f"{since}\nmail.customer.test:993:\t{OID}\t{ONE}\t\n"


def test_a_newer_exception_for_the_same_place_is_not_overwritten(
    profile: Path, tmp_path: Path
) -> None:
    keeper(tmp_path).remove_exception(profile, "mail.customer.test:993", for_good=False)
    since = text(profile) + f"mail.customer.test:993:\t{OID}\t{TWO}\t\n"
    (profile / override.FILE).write_text(since)

    (undone,) = keeper(tmp_path).cleanup()

    assert "there is another one for the same host and port" in undone.words
    assert text(profile) == since


def test_one_that_is_not_there_is_said_with_those_that_are(profile: Path, tmp_path: Path) -> None:
    with pytest.raises(MitmailError, match=r"no exception for mail\.customer\.test:995; there is"):
        keeper(tmp_path).remove_exception(profile, "mail.customer.test:995", for_good=False)
    (profile / override.FILE).unlink()
    with pytest.raises(MitmailError, match="there is none at all"):
        keeper(tmp_path).remove_exception(profile, "mail.customer.test:993", for_good=False)
    assert keeper(tmp_path).journal.changes() == []
