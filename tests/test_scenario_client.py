"""Client files: a few lines are enough, and what is wrong in them is said at its place."""

from pathlib import Path

import pytest

from mitmail.scenario import loader
from mitmail.scenario.client import DescribedClient
from mitmail.scenario.problem import ScenarioError

SMALL = "title: Ours\ncommand: ours --host {host} 'a b'\nprotocols: [imap]\n"


def load(folder: Path, text: str) -> DescribedClient:
    file = folder / "ours.yaml"
    file.write_text(text)
    return loader.load_client(file)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ScenarioError) as found:
        load(folder, text)
    return [str(each).removeprefix(f"{folder}/") for each in found.value.errors]


def test_three_lines_are_a_client_and_its_command_is_split_as_a_shell_does(tmp_path: Path) -> None:
    said = load(tmp_path, SMALL)

    assert said.id == "ours"
    assert said.command == ("ours", "--host", "{host}", "a b")
    assert load(tmp_path, SMALL.replace("ours --host {host} 'a b'", "[ours, a b]")).command == (
        "ours", "a b",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("comand: x", "ours.yaml:4:1: comand: unknown key (did you mean 'command'?)"),
        ("verifies: some", "ours.yaml:4:11: verifies.otherwise: must be one of none, chain, full"),
        ("refuses: [{text: '('}]", "ours.yaml:4:18: refuses[0].text: no regular expression: "),
        (
            "refuses: [{reason: expird}]",
            "ours.yaml:4:20: refuses[0].reason: unknown: 'expird' (did you mean 'expired'?)",
        ),
        ("files: {../x: y}", "ours.yaml:4:9: files.'../x': use a path inside of the client's own"),
        (
            "arguments: {imap: ['{hots}']}",
            "ours.yaml:4:20: arguments.imap[0]: unknown placeholder {hots} (did you mean 'hosts'",
        ),
        (
            "arguments: {imapz: [x]}",
            "ours.yaml:4:13: arguments.imapz: unknown key (did you mean 'imap'?)",
        ),
        ("words: {port: {imap: x}}", "ours.yaml:4:15: words.port: is a placeholder already"),
        (
            "batch: true",
            "ours.yaml:2:10: command[2]: {host} is told to a batch client cell by cell",
        ),
        ("environment: {A=B: x}", "ours.yaml:4:15: environment.'A=B': no variable has a = in its"),
        (
            'environment: {A: "\\0"}',
            "ours.yaml:4:18: environment.A: no program can be given a NUL",
        ),
        ('arguments: {imap: ["\\0"]}', "ours.yaml:4:20: arguments.imap[0]: no program can be"),
        ('words: {x: {imap: "\\0"}}', "ours.yaml:4:19: words.x.imap: no program can be given"),
        ('files: {"a\\0": x}', "ours.yaml:4:9: files.'a\\x00': no program can be given a NUL"),
        ('files: {a: "\\ud800"}', "ours.yaml:4:12: files.a: holds half of a surrogate pair"),
        ('give: "\\ud800"', "ours.yaml:4:7: give: holds half of a surrogate pair"),
        ("give: 5", "ours.yaml:4:7: give: must be text, not the number 5: put it in quotes"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(tmp_path: Path, more: str, problem: str) -> None:
    found = problems(tmp_path, SMALL + more + "\n")

    assert len(found) == 1
    assert found[0].startswith(problem)


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, "title: ''\ncommand: \"it's\"\nprotocols: [imap, imap, http]\n")

    assert [each.split(": ")[1] for each in found] == ["title", "command", "protocols[2]"]


def test_other_words_in_braces_are_the_clients_own(tmp_path: Path) -> None:
    text = SMALL.replace("{host}", "${HOME} {x} {}")

    assert load(tmp_path, text).command[2:5] == ("${HOME}", "{x}", "{}")


@pytest.mark.parametrize("name", loader.client_files())
def test_each_shipped_client_says_what_to_install_and_its_version(name: str) -> None:
    said = loader.find_client(name)

    assert said.package
    assert said.version
    assert said.refuses
