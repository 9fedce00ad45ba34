"""Profiles are found where programs keep them, by their own list of them."""

from pathlib import Path

import pytest

import nss
from mitmail.errors import MitmailError
from mitmail.trust.address import Machine
from mitmail.trust.profiles import choose, homes, profiles

INI = """[Install4F96D1932A9F858E]
Default=abc.default-release
Locked=1

[Profile1]
Name=default
IsRelative=1
Path=old.default
Default=1

[Profile0]
Name=default-release
IsRelative=1
Path=abc.default-release

[Profile2]
Name=100% elsewhere
IsRelative=0
Path={elsewhere}

[Profile3]
Name=gone
Path=gone

[General]
StartWithLastProfile=1
Version=2
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    base = tmp_path / ".thunderbird"
    for folder in (base / "old.default", base / "abc.default-release", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
    (base / "profiles.ini").write_text(INI.format(elsewhere=tmp_path / "elsewhere"))
    return tmp_path


def chosen(home: Path, name: str | None) -> Path:
    return choose("thunderbird", name, {"HOME": str(home)}, "linux").folder


def test_the_profile_that_the_program_opens_by_itself_is_meant(home: Path) -> None:
    assert chosen(home, None) == home / ".thunderbird" / "abc.default-release"
    assert chosen(home, "default") == home / ".thunderbird" / "old.default"
    assert chosen(home, "100% elsewhere") == home / "elsewhere"


def test_a_profile_whose_folder_is_gone_is_none(home: Path) -> None:
    with pytest.raises(MitmailError, match=r"there is none\. Name one of these: thunderbird:def"):
        chosen(home, "gone")


def test_two_programs_of_one_name_are_not_guessed_between(home: Path) -> None:
    snap = home / "snap/thunderbird/common/.thunderbird"
    (snap / "one").mkdir(parents=True)
    (snap / "profiles.ini").write_text("[Profile0]\nName=default\nPath=one\nDefault=1\n")

    with pytest.raises(MitmailError, match=f"there are several.*nss:{snap / 'one'}"):
        chosen(home, None)


@pytest.mark.parametrize(
    ("program", "platform", "environ", "where"),
    [
        ("thunderbird", "linux", {}, ".thunderbird"),
        ("thunderbird", "linux", {}, "snap/thunderbird/common/.thunderbird"),
        ("thunderbird", "linux", {}, ".var/app/org.mozilla.Thunderbird/.thunderbird"),
        ("firefox", "linux", {}, ".mozilla/firefox"),
        ("firefox", "linux", {}, ".config/mozilla/firefox"),
        ("firefox", "linux", {"XDG_CONFIG_HOME": "{home}/own"}, "own/mozilla/firefox"),
        ("thunderbird", "darwin", {}, "Library/Thunderbird"),
        ("firefox", "darwin", {}, "Library/Application Support/Firefox"),
        ("thunderbird", "win32", {"APPDATA": "{home}/Roaming"}, "Roaming/Thunderbird"),
        ("firefox", "win32", {"APPDATA": "{home}/Roaming"}, "Roaming/Mozilla/Firefox"),
    ],
)
def test_profiles_are_found_where_each_system_has_them(
    tmp_path: Path, program: str, platform: str, environ: dict[str, str], where: str
) -> None:
    folder = tmp_path / where / "one"
    folder.mkdir(parents=True)
    (tmp_path / where / "profiles.ini").write_text("[Profile0]\nName=it\nPath=one\nDefault=1\n")
    said = {k: v.format(home=tmp_path) for k, v in environ.items()} | {"HOME": str(tmp_path)}

    (found,) = profiles(program, said, platform)

    assert found.folder == folder
    assert tmp_path / where in homes(program, said, platform)


def test_without_a_profile_the_places_are_named(tmp_path: Path) -> None:
    with pytest.raises(MitmailError, match=r"no profile of firefox found below .*\.mozilla"):
        choose("firefox", None, {"HOME": str(tmp_path)}, "linux")


def test_a_list_that_cannot_be_read_is_named(home: Path) -> None:
    (home / ".thunderbird" / "profiles.ini").write_text("no section")

    with pytest.raises(MitmailError, match=r"profiles\.ini: cannot be read"):
        chosen(home, None)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("system:x", "no such store"), ("nss", "no such store"), ("nss:", "nothing behind"),
        ("windows", "no such store"), ("Thunderbird", "no such store"),
    ],
)  # fmt: skip
def test_a_word_that_names_no_store_is_answered_with_those_that_do(word: str, said: str) -> None:
    with pytest.raises(MitmailError, match=f"--store {word}: {said}.*policies:FILE"):
        Machine({"HOME": "/nonexistent"}, "linux").store(word)


def test_every_store_is_found_by_itself(home: Path) -> None:
    nss.database(home / ".thunderbird" / "old.default")

    found = dict(Machine({"HOME": str(home)}, "linux").found())

    profile = home / ".thunderbird" / "old.default"
    assert found["thunderbird:default"].word == f"nss:{profile}"
    assert "thunderbird:default-release" not in found
