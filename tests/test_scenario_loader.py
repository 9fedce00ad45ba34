"""Finding and loading: the shipped files, the user's own, and what nobody can find."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from mitmail.errors import MitmailError
from mitmail.scenario import loader
from mitmail.scenario.problem import ScenarioError
from mitmail.shipped import SCENARIOS

GOOD = "title: A case\nwhy: It hurts.\nrule: RFC 1\nexpect: {verdict: accept}\n"


def own(tmp_path: Path, *names: str, text: str = GOOD) -> Path:
    for name in names:
        file = tmp_path / "own" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "own"


def test_the_first_ten_keep_their_ids_and_groups() -> None:
    first = {
        "healthy": "control",
        "expired": "validity",
        "not-yet-valid": "validity",
        "wrong-host": "name",
        "hosting-wildcard": "name",
        "wildcard-multi-level": "name",
        "cn-only": "name",
        "untrusted-root": "trust",
        "self-signed": "trust",
        "missing-intermediate": "trust",
    }
    assert first.items() <= {s.id: s.group for s in loader.load_all().values()}.items()


def test_at_least_two_hundred_cases_of_certificates_and_tls_are_shipped() -> None:
    groups = [
        "validity", "name", "trust", "ca", "usage", "algorithm", "encoding", "revocation", "tls",
        "several",
    ]  # fmt: skip
    assert sum(s.group in groups for s in loader.load_all().values()) >= 200


@pytest.mark.parametrize(
    ("scenario_id", "verdict", "reasons", "level"),
    [
        ("healthy", "accept", set(), "must"),
        ("expired", "reject", {"expired"}, "must"),
        ("not-yet-valid", "reject", {"not-yet-valid"}, "must"),
        ("wrong-host", "reject", {"name-mismatch"}, "must"),
        ("hosting-wildcard", "reject", {"name-mismatch"}, "must"),
        ("wildcard-multi-level", "reject", {"name-mismatch"}, "must"),
        ("cn-only", "reject", {"name-mismatch"}, "should"),
        ("untrusted-root", "reject", {"unknown-issuer"}, "must"),
        ("self-signed", "reject", {"self-signed", "unknown-issuer"}, "must"),
        ("missing-intermediate", "reject", {"incomplete-chain", "unknown-issuer"}, "must"),
    ],
)
def test_a_shipped_scenario_expects_what_a_correct_client_does(
    scenario_id: str, verdict: str, reasons: set[str], level: str
) -> None:
    expect = loader.find(scenario_id).expect
    assert (expect.verdict, set(expect.reasons), expect.level) == (verdict, reasons, level)


def test_a_scenario_knows_where_it_comes_from() -> None:
    found = loader.find("hosting-wildcard")
    assert (found.id, found.group) == ("hosting-wildcard", "name")
    assert found.file == str(SCENARIOS / "name" / "hosting-wildcard.yaml")
    assert found.server.leaf.names == ("*.hoster.test", "hoster.test")
    assert found.control is not None
    assert found.control.connect_as == "srv07.hoster.test"
    assert pickle.loads(pickle.dumps(found)) == found


def test_whatever_takes_an_id_takes_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = own(tmp_path, "mine/odd.yaml")
    assert loader.find(str(folder / "mine" / "odd.yaml")).id == "odd"
    assert loader.find("odd", [folder]).group == "mine"
    monkeypatch.chdir(folder / "mine")
    assert loader.find("odd.yaml").group == "mine"
    profile = loader.find_vendor("norton").file
    assert loader.find_vendor(profile).id == "norton"


def test_a_file_may_lie_in_the_folder_itself(tmp_path: Path) -> None:
    folder = own(tmp_path, "odd.yaml", ".hidden.yaml", "x/.y.yaml", "notes.md", "x/deep/er.yaml")
    assert loader.files([folder]).keys() - loader.files().keys() == {"odd"}


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("helthy", "no scenario 'helthy' (did you mean 'healthy'?)"),
        ("Expired", "no scenario 'Expired' (did you mean 'expired'?)"),
        ("qqq", "no scenario 'qqq'"),
        ("", "no scenario ''"),
        ("a\nb", r"no scenario 'a\nb'"),
    ],
)
def test_an_unknown_id_is_answered_with_the_nearest_one(wanted: str, message: str) -> None:
    with pytest.raises(MitmailError) as caught:
        loader.find(wanted)
    assert str(caught.value) == message
    assert caught.value.exit_code == 2


def test_an_unknown_vendor_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(MitmailError, match=r"^no vendor profile 'nortn' \(did you mean 'norton'"):
        loader.find_vendor("nortn")
    with pytest.raises(MitmailError, match=r"^no vendor profile 'none'"):
        loader.find_vendor("none")


def test_a_path_that_leads_nowhere_is_named() -> None:
    nowhere = Path("x") / "nowhere.yaml"
    with pytest.raises(ScenarioError) as file:
        loader.find(str(nowhere))
    assert str(file.value) == f"{nowhere}:1:1: cannot be read: No such file or directory"
    with pytest.raises(MitmailError) as folder:
        loader.find("expired", [Path("nowhere")])
    assert str(folder.value).startswith("nowhere: cannot be read as a folder: ")


def test_an_id_that_is_there_twice_names_both_files(tmp_path: Path) -> None:
    folder = own(tmp_path, "a/expired.yaml", "b/odd.yaml", "c/odd.yaml")
    with pytest.raises(ScenarioError) as caught:
        loader.find("healthy", [folder])
    assert str(caught.value).splitlines() == [
        f"{folder / 'a' / 'expired.yaml'}:1:1: the id 'expired' is already taken by "
        f"{SCENARIOS / 'validity' / 'expired.yaml'}; ids are unique across folders",
        f"{folder / 'c' / 'odd.yaml'}:1:1: the id 'odd' is already taken by "
        f"{folder / 'b' / 'odd.yaml'}; ids are unique across folders",
    ]


def test_the_same_folder_twice_is_no_clash(tmp_path: Path) -> None:
    folder = own(tmp_path, "a/odd.yaml")
    assert "odd" in loader.files([folder, folder / "a" / ".."])


def test_one_broken_file_does_not_keep_the_others_from_being_found(tmp_path: Path) -> None:
    folder = own(tmp_path, "a/broken.yaml", text="title: [")
    assert loader.find("expired", [folder]).id == "expired"
    with pytest.raises(ScenarioError, match=r"broken\.yaml:1:9: the file ends within a value"):
        loader.load_all([folder])


@pytest.mark.parametrize("name", ["My Case.yaml", "a_b.yaml", "-a.yaml", f"{'x' * 64}.yaml"])
def test_an_id_is_lower_case_words_joined_by_hyphens(tmp_path: Path, name: str) -> None:
    file = own(tmp_path, name) / name
    with pytest.raises(ScenarioError) as caught:
        loader.load(file)
    assert str(caught.value).startswith(f"{file}:1:1: the file's name is the id: lower-case words")


def test_an_error_survives_the_way_to_another_process(tmp_path: Path) -> None:
    """pytest-xdist and multiprocessing pickle what is raised."""
    with pytest.raises(ScenarioError) as caught:
        loader.load(own(tmp_path, "x.yaml", text="titel: x") / "x.yaml")
    twin = pickle.loads(pickle.dumps(caught.value))
    assert str(twin) == str(caught.value)
    assert twin.errors == caught.value.errors


def test_the_package_itself_costs_nothing_to_import() -> None:
    """``mitmail --help`` must not pay for pydantic and ruamel.yaml."""
    program = (
        "import sys, mitmail.scenario, mitmail.shipped, mitmail.scenario.problem;"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert "mitmail" in run.stdout.split()
    assert not {"pydantic", "pydantic_core", "ruamel"} & set(run.stdout.split())


def test_the_layer_knows_no_certificates_and_no_network() -> None:
    program = "import sys, mitmail.scenario.lint; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    above = {"cryptography", "OpenSSL", "mitmproxy", "mitmail.pki", "mitmail.engine"}
    assert not above & set(run.stdout.split())


def test_a_file_of_that_name_beside_the_user_is_pointed_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(own(tmp_path, "my-server.yaml"))

    for find in (loader.find, loader.find_vendor, loader.find_client):
        with pytest.raises(MitmailError, match=r"'my-server': for the file say ./my-server\.yaml"):
            find("my-server")
        with pytest.raises(MitmailError, match=r"'another'$"):
            find("another")
