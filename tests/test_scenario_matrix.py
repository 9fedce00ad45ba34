"""The matrix file: every slip is named at its place, and what it selects is what is meant."""

from pathlib import Path

import pytest

from mitmail.scenario import loader, sets
from mitmail.scenario.matrix import MatrixFile
from mitmail.scenario.matrix_loader import load, selected
from mitmail.scenario.problem import ScenarioError

CLIENTS = ("curl", "openssl", "python")


def file(folder: Path, text: str) -> Path:
    path = folder / "ours.mitmail-matrix.yaml"
    path.write_text(text)
    return path


def matrix(folder: Path, text: str) -> MatrixFile:
    return load(file(folder, text), CLIENTS)


def refused(folder: Path, text: str) -> list[str]:
    """What is said of a wrong file, without its name."""
    with pytest.raises(ScenarioError) as caught:
        matrix(folder, text)
    return [
        str(one).removeprefix(f"{folder}/ours.mitmail-matrix.yaml:") for one in caught.value.errors
    ]


def test_every_slip_is_named_at_once_with_what_was_meant(tmp_path: Path) -> None:
    said = refused(
        tmp_path,
        "clients: [curl, opensssl]\n"
        "select:\n"
        "  sets: [qick]\n"
        "  ids: [expird]\n"
        "  groups: [nam]\n"
        "  globs: ['nothing-*']\n"
        "antiviruses: [nortn, none+imported]\n",
    )

    assert said == [
        "1:17: clients[1]: no client 'opensssl' (did you mean 'openssl'?)",
        "3:10: select.sets[0]: no set 'qick' (did you mean 'quick'?)",
        "4:9: select.ids[0]: no scenario 'expird' (did you mean 'expired'?)",
        "5:12: select.groups[0]: no group 'nam' (did you mean 'name'?)",
        "6:11: select.globs[0]: no scenario is called nothing-*",
        "7:15: antiviruses[0]: no antivirus 'nortn' (did you mean 'norton'?)",
        "7:22: antiviruses[1]: there is no root to import without an antivirus",
    ]


EXPIRED = "select: {ids: [expired]}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("select: {}", "1:9: select: selects nothing: name sets, ids, groups or globs"),
        ("clients: [curl]", "1:1: select: missing: Which scenarios"),
        (f"{EXPIRED}endpoint: [x]", "2:1: endpoint: unknown key (did you mean 'endpoints'?)"),
        (f"{EXPIRED}endpoints: [imapz]", "2:13: endpoints[0]: "),
        (f"{EXPIRED}xfail: [{{client: curl}}]", "2:9: xfail[0].reason: missing: Why, with its"),
        (f"{EXPIRED}exclude: [{{client: a/b}}]", "2:20: exclude[0].client: use a pattern"),
    ],
)
def test_what_a_matrix_may_not_say(tmp_path: Path, text: str, said: str) -> None:
    (found,) = refused(tmp_path, text)

    assert found.startswith(said)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{client: culr}", "client: matches no client of this matrix (did you mean 'curl'?)"),
        (
            "{case: expird+norton}",
            "case: matches no case of this matrix (did you mean 'expired'?)",
        ),
        ("{endpoint: smtp}", "endpoint: matches no endpoint of this matrix"),
    ],
)
def test_a_pattern_that_can_match_nothing_is_a_slip(tmp_path: Path, entry: str, said: str) -> None:
    text = f"select: {{ids: [expired]}}\nendpoints: [imap]\nexclude: [{entry}]\n"

    (found,) = refused(tmp_path, text)

    assert found.partition("exclude[0].")[2].startswith(said)


def test_what_is_selected_is_all_that_any_word_names(tmp_path: Path) -> None:
    text = "select: {sets: [demo], ids: [rsa-1024], groups: [control], globs: ['sha1-*']}"
    found = set(selected(matrix(tmp_path, text).select))

    assert found >= {*sets.load("demo"), "rsa-1024", "sha1-leaf"}
    assert {id_ for id_ in found if loader.find(id_).group == "control"} == {
        id_ for id_, file in loader.files().items() if Path(str(file)).parent.name == "control"
    }
    assert "starttls-stripped" not in found


def test_paths_are_those_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.set").write_text("expired\n")
    text = (
        "clients: [./ours.yaml]\nselect: {sets: [mine.set]}\nantiviruses: [./av.yaml+imported]\n"
    )
    found = matrix(tmp_path, text)

    assert found.clients == (str(tmp_path / "ours.yaml"),)
    assert found.antiviruses == (str(tmp_path / "av.yaml+imported"),)
    assert list(selected(found.select)) == ["expired"]


def test_what_is_wrong_in_a_set_is_said_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "mine.set").write_text("expird\n")
    with pytest.raises(ScenarioError, match=r"mine\.set:1:1: .*expired"):
        matrix(tmp_path, "select: {sets: [mine.set]}")
