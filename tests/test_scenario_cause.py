"""What the causes and speakers say is true of this catalogue, and wrong files are told so."""

import shlex
from pathlib import Path

import click
import pytest

from mitmail import shipped
from mitmail.cli import cli
from mitmail.scenario import loader
from mitmail.scenario.cause import Case, Cause, Speaker
from mitmail.scenario.fitting import misfit
from mitmail.scenario.lint import lint
from mitmail.scenario.problem import ScenarioError

CAUSES = [loader.load_cause(file) for file in loader.cause_files().values()]
SPEAKERS = [loader.load_speaker(file) for file in loader.speaker_files().values()]
CASES = {case.command: case for cause in CAUSES for case in cause.cases}


@pytest.mark.parametrize("command", CASES)
def test_the_case_to_run_is_one_that_there_is(command: str) -> None:
    case = CASES[command]

    assert case.scenario is None or loader.find(case.scenario)
    vendor = loader.find_vendor(case.antivirus) if case.antivirus else None
    for switch in case.switches:
        assert vendor is not None
        behaviour = loader.find_behaviour(switch)
        assert behaviour.is_switch
        assert misfit(behaviour, [vendor]) is None


@pytest.mark.parametrize("command", CASES)
def test_the_command_line_is_one_that_serve_takes(command: str) -> None:
    program, name, *arguments = shlex.split(command)
    serve = cli.commands[name]

    assert program == "mitmail"
    context = serve.make_context(name, arguments, resilient_parsing=False)
    assert context.params["antivirus"] == (CASES[command].antivirus or "none")
    assert isinstance(context, click.Context)


def test_every_cause_is_meant_by_some_text_but_the_one_that_an_issuer_tells() -> None:
    meant = {cause for one in SPEAKERS for saying in one.says for cause in saying.means}

    assert {cause.id for cause in CAUSES} - meant == {"antivirus-self-signed-root"}


def test_no_code_is_said_to_mean_two_things() -> None:
    said = [code.upper() for one in SPEAKERS for x in one.says for code in x.codes]

    assert sorted(said) == sorted(set(said))


def test_what_is_measured_was_met_by_a_program_of_ours() -> None:
    """A person's words, Windows' and Apple's were in no run of ours."""
    measured = {one.id for one in SPEAKERS if any(x.mark == "measured" for x in one.says)}

    assert not measured & {
        "customers",
        "outlook",
        "windows",
        "apple",
        "antivirus",
        "dotnet",
        "rust",
    }


def test_what_ships_has_nothing_to_mend() -> None:
    assert lint([Path(str(shipped.CAUSES)), Path(str(shipped.SPEAKERS))]) == []


SPEAKER = """\
title: A program
window: client
says:
- texts: [It went wrong]
  means: [{means}]
  mark: {mark}
  source: a run
"""
RIGHT = SPEAKER.format(means="expired", mark="measured")
WRONG = [
    (
        SPEAKER.format(means="expird", mark="measured"),
        r":5:11: .*no cause 'expird' \(did you mean",
    ),
    (SPEAKER.format(means="expired", mark="guessed"), ":6:9: .*must be one of measured, sourced"),
    (RIGHT.replace("texts: [It went wrong]", "texts: []"), "says nothing"),
    (RIGHT.replace("texts: [It went wrong]", "numbers: [7]"), "says numbers"),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_a_wrong_speaker_is_told_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    folder = tmp_path / "speakers"
    folder.mkdir()
    (folder / "program.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(ScenarioError, match=words):
        raise ScenarioError(lint([folder]))


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("{scenario: expird}", r"no scenario 'expird' \(did you mean 'expired'\?\)"),
        ("{antivirus: nortn}", r"no antivirus 'nortn' \(did you mean 'norton'\?\)"),
        ("{antivirus: norton, switches: [slow-scn]}", r"no switch 'slow-scn'"),
        ("{switches: [slow-scan]}", "switches are those of an antivirus"),
    ],
)
def test_a_cause_whose_case_is_not_there_is_told_so(tmp_path: Path, case: str, words: str) -> None:
    folder = tmp_path / "causes"
    folder.mkdir()
    text = f"title: t\nwords: w\nreasons: []\nfix: f\ncases: [{case}]\n"
    (folder / "odd.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(ScenarioError, match=words):
        raise ScenarioError(lint([folder]))


def test_the_command_of_a_healthy_server_names_no_scenario() -> None:
    assert Case(scenario="healthy").command == "mitmail serve"
    assert Case(scenario="expired", antivirus="norton", switches=("slow-scan",)).command == (
        "mitmail serve expired --antivirus norton --switch slow-scan"
    )


def test_causes_and_speakers_know_where_they_come_from() -> None:
    assert all(isinstance(one, Cause) and one.file.endswith(f"{one.id}.yaml") for one in CAUSES)
    assert all(
        isinstance(one, Speaker) and one.file.endswith(f"{one.id}.yaml") for one in SPEAKERS
    )
