"""policies.json: a root is added to it, and it is as before when the root is gone again."""

import json
from pathlib import Path

import pytest

import nss
from mitmail.errors import MitmailError
from mitmail.trust.nss import Database
from mitmail.trust.policy import Policies
from trusting import keeper, root

# As an administrator may have left it: tabs, no final newline, letters beyond ASCII.
ODD = '{\n\t"policies": {\n\t\t"DisableAppUpdate": true,\r\n\t\t"Note": "für alle 😀"\n\t}\n}'
FULL = '{"policies": {"Certificates": {"ImportEnterpriseRoots": true, "Install": ["theirs.pem"]}}}'
EMPTY = '{"policies": {"Certificates": {}}}'


def tree(folder: Path) -> dict[str, bytes]:
    return {str(x.relative_to(folder)): x.read_bytes() for x in folder.rglob("*") if x.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "etc"
    found.mkdir()
    return found


@pytest.mark.parametrize("content", [ODD, FULL, EMPTY, "{}", "\ufeff{}", None])
def test_a_file_is_as_before_to_the_octet(
    folder: Path, tmp_path: Path, content: str | None
) -> None:
    path = folder / "policies.json"
    if content is not None:
        path.write_bytes(content.encode())
    before = tree(folder)

    assert keeper(tmp_path).install(root(), Policies(path))
    between = json.loads(path.read_text(encoding="utf-8-sig"))
    (undone,) = keeper(tmp_path).cleanup()

    (name, *theirs) = reversed(between["policies"]["Certificates"]["Install"])
    assert theirs == (["theirs.pem"] if content == FULL else [])
    assert Path(name).parent == folder
    assert (undone.result, undone.words, tree(folder)) == ("done", "taken out", before)


def test_everything_else_in_the_file_stays(folder: Path, tmp_path: Path) -> None:
    (folder / "policies.json").write_text(ODD)

    keeper(tmp_path).install(root(), Policies(folder))

    text = (folder / "policies.json").read_text()
    between = json.loads(text)
    assert between["policies"].pop("Certificates")["Install"]
    assert between == json.loads(ODD)
    assert '\n\t\t"Note": "für alle 😀"' in text


def test_a_folder_that_was_not_there_goes_again(folder: Path, tmp_path: Path) -> None:
    keeper(tmp_path).install(root(), Policies(folder / "distribution" / "policies.json"))
    assert (folder / "distribution").is_dir()

    list(keeper(tmp_path).cleanup())

    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_two_roots_go_in_any_order(folder: Path, tmp_path: Path, order: tuple[int, int]) -> None:
    before = tree(folder)
    for number in (1, 2):
        keeper(tmp_path).install(root(number), Policies(folder))

    for number in order:
        keeper(tmp_path).uninstall(root(number).sha256, Policies(folder))

    assert tree(folder) == before
    assert keeper(tmp_path).journal.changes() == []


def test_what_an_administrator_has_added_since_stays(folder: Path, tmp_path: Path) -> None:
    path = folder / "policies.json"
    keeper(tmp_path).install(root(), Policies(path))
    document = json.loads(path.read_text())
    document["policies"]["DisableTelemetry"] = True
    document["policies"]["Certificates"]["Install"].insert(0, "theirs.pem")
    path.write_text(json.dumps(document))

    list(keeper(tmp_path).cleanup())

    after = json.loads(path.read_text())["policies"]
    assert after == {"Certificates": {"Install": ["theirs.pem"]}, "DisableTelemetry": True}
    assert [x.name for x in folder.iterdir()] == ["policies.json"]


def test_a_file_that_is_gone_is_said(folder: Path, tmp_path: Path) -> None:
    (folder / "policies.json").write_text(FULL)
    keeper(tmp_path).install(root(), Policies(folder))
    (folder / "policies.json").unlink()

    (undone,) = keeper(tmp_path).cleanup()

    assert (undone.result, undone.words) == ("changed", f"{folder}/policies.json is gone")
    assert tree(folder) == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("not JSON", "no policies can be read"),
        ("[]", "no object holds policies"),
        ('{"policies": {"Certificates": {"Install": "a.pem"}}}', "Install is no list"),
        ('{"policies": {"Certificates": 7}}', "Install is no list"),
        ('{"policies": {}, "policies": {"A": 1}}', "a name stands twice"),
        ('{"policies": {"A": NaN}}', "NaN is no JSON"),
        ('{"policies": {"A": "\\ud800"}}', "surrogates not allowed"),
        ("[" * 200_000, "nested too deeply"),
        ('{"a":' * 2000 + "1" + "}" * 2000, "nested too deeply"),
    ],
)
def test_a_file_that_would_lose_something_is_left_alone(
    folder: Path, tmp_path: Path, content: str, said: str
) -> None:
    (folder / "policies.json").write_text(content)
    before = tree(folder)

    with pytest.raises(MitmailError, match=said):
        keeper(tmp_path).install(root(), Policies(folder))

    assert tree(folder) == before


def test_the_copy_that_a_program_has_made_goes_too(folder: Path, tmp_path: Path) -> None:
    """Thunderbird copies the roots of its policies into its profile, and keeps them there."""
    thunderbird = tmp_path / "home" / ".thunderbird"
    for name in ("copied", "had"):
        nss.database(thunderbird / name)
    sections = (f"[Profile{n}]\nName={x}\nPath={x}\n" for n, x in enumerate(("copied", "had")))
    (thunderbird / "profiles.ini").write_text("".join(sections))
    nss.put(thunderbird / "had", root().certificate, "C,,", "by hand")
    keeper(tmp_path).install(root(), Policies(folder))
    nss.put(thunderbird / "copied", root().certificate, "CT,C,", "by Thunderbird")

    (undone,) = keeper(tmp_path).cleanup()

    assert undone.words == (
        f"taken out; so are the copies that the program had made in nss:{thunderbird / 'copied'}"
    )
    assert Database(thunderbird / "copied").certificates() == []
    assert nss.listing(thunderbird / "had") == {"by hand": "C,,"}


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """Thunderbird's only profile."""
    base = tmp_path / "home" / ".thunderbird"
    found = nss.database(base / "one")
    (base / "profiles.ini").write_text("[Profile0]\nName=one\nPath=one\n")
    return found


def test_a_root_that_a_person_had_stays_whatever_else_was_in_the_file(
    folder: Path, profile: Path, tmp_path: Path
) -> None:
    """Of each root the profiles that had it are known, also when the change before goes first."""
    nss.put(profile, root(2).certificate, "CT,C,", "as a program would copy it")
    for number in (1, 2):
        keeper(tmp_path).install(root(number), Policies(folder))

    keeper(tmp_path).uninstall(root(1).sha256, Policies(folder))
    list(keeper(tmp_path).cleanup())

    assert nss.listing(profile) == {"as a program would copy it": "CT,C,"}
    assert tree(folder) == {}


def test_what_a_person_has_imported_since_is_no_copy(
    folder: Path, profile: Path, tmp_path: Path
) -> None:
    keeper(tmp_path).install(root(), Policies(folder))
    nss.put(profile, root().certificate, "C,,", "by hand")

    (undone,) = keeper(tmp_path).cleanup()

    assert nss.listing(profile) == {"by hand": "C,,"}
    assert undone.words == (
        f"taken out; left, for no program copies it with these trust bits: nss:{profile}"
    )
