"""``mitmail exec``: one client in one case, and each odd one is reported for what it is."""

import asyncio
import json
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types

from bench import clean_environment, ends, need
from mitmail.cli import cli
from mitmail.errors import CannotJudgeError, MitmailError
from mitmail.judge import driver
from mitmail.judge.schema import DOCUMENTS

pytestmark = pytest.mark.long  # real programs, for many seconds: `make test` has five minutes

PRETENDER = str(Path(__file__).parent / "programs" / "pretender.py")


@dataclass(frozen=True)
class Told:
    code: int
    text: str


def mitmail_exec(*arguments: str) -> Told:
    ended = CliRunner().invoke(cli, ["exec", *arguments])
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return Told(ended.exit_code, ended.output)


def asked(case: str, *character: str, seconds: str = "10") -> Told:
    client = (sys.executable, "-I", PRETENDER, *character)
    return mitmail_exec(case, "--timeout", seconds, "--", *client)


@pytest.mark.parametrize(
    ("case", "character", "code", "why"),
    [
        ("expired@imaps", "honest", 0, "pass      as expected"),
        ("expired@imaps", "blind", 1, "fail      expected reject (expired)"),
        ("healthy@imaps", "paranoid", 1, "fail      expected accept (nothing is wrong)"),
        ("expired@imaps", "paranoid", 3, "refuses a server with which nothing is wrong"),
        ("expired@imaps", "liar", 3, "the client says accept, we saw reject"),
        ("expired@imaps", "crashing", 3, "the client failed: ended by signal 11"),
        ("expired@imaps", "absent", 3, "the client never connected"),
        ("expired@imaps", "flooding", 0, "pass      as expected"),
    ],
)
def test_each_client_is_reported_for_what_it_is(
    case: str, character: str, code: int, why: str
) -> None:
    told = asked(case, character)

    assert told.code == code, told.text
    assert why in told.text
    assert len(told.text) < 2000


def test_a_client_that_hangs_is_ended_and_could_not_be_judged() -> None:
    told = asked("expired@imaps", "hanging", seconds="0.5")

    assert told.code == 3
    assert "error     already where nothing is wrong: the client failed" in told.text
    assert "the client did not end in time" in told.text


@pytest.mark.parametrize(
    ("character", "code", "why"),
    [
        ("telling", 0, "it says   reject (expired), exit code 0: certificate has expired"),
        ("contradicting", 3, "it ended with 4 although it said 'accept'"),
        ("babbling", 3, "the client's reason is 'it-was-raining': use null, or one of expired"),
    ],
)
def test_a_json_line_is_the_clients_word(character: str, code: int, why: str) -> None:
    told = asked("expired@imaps", character)

    assert (told.code, why in told.text) == (code, True), told.text


@pytest.mark.skipif(sys.platform != "linux", reason="no pidfd")
def test_what_a_client_started_is_ended_with_it(tmp_path: Path) -> None:
    told = asked("healthy@imaps", "mother", str(tmp_path / "pid"))

    assert told.code == 0
    assert ends(int((tmp_path / "pid").read_text()))


MINE = """\
title: Our own mailer
command: {python} -I {pretender} telling
protocols: [imap]
modes: [implicit]
verifies: full
"""


def test_five_lines_make_a_client_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "our-mailer.yaml"
    file.write_text(MINE.format(python=sys.executable, pretender=PRETENDER))

    told = mitmail_exec("expired", "--client", str(file), "--json")

    document = json.loads(told.text)
    Draft202012Validator(DOCUMENTS["exec"]).validate(document)
    assert document["client"]["name"] == "our-mailer"
    assert [(x["endpoint"], x["outcome"]) for x in document["answers"]] == [("imaps", "pass")]


def test_a_known_client_is_asked_on_what_it_speaks() -> None:
    need("curl")
    told = mitmail_exec("expired@993", "--client", "curl", "--antivirus", "norton", "--json")

    answer = json.loads(told.text)["answers"][0]
    assert (told.code, answer["outcome"]) == (0, "pass")
    assert answer["said"]["reason"] == "unknown-issuer"


@pytest.mark.long  # each looks for its client's version first, and Java starts slowly
@pytest.mark.parametrize(
    ("client", "program", "case", "reason"),
    [
        ("jakarta-mail", "java", "not-yet-valid@imaps", "not-yet-valid"),
        ("jakarta-mail", "java", "expired@imaps", "expired"),
        ("gnutls-cli", "gnutls-cli", "ku-keyencipherment-only-ecdhe@imaps", "usage"),
        ("getmail6", "getmail", "wildcard-not-leftmost@imaps", "name-mismatch"),
        ("getmail6", "getmail", "tls-v1-0@imaps", None),
        ("mbsync", "mbsync", "wildcard-partial-suffix@imaps", "name-mismatch"),
        ("offlineimap3", "offlineimap", "tls-v1-0@imaps", None),
    ],
)
def test_what_a_client_says_names_its_reason(
    client: str, program: str, case: str, reason: str | None
) -> None:
    need(program)
    told = mitmail_exec(case, "--client", client, "--json")

    answer = json.loads(told.text)["answers"][0]
    assert (answer["outcome"], answer["said"]["verdict"]) == ("pass", "reject"), answer
    assert answer["said"]["reason"] == reason


def test_who_trusts_the_antivirus_accepts_it_under_the_customers_own_name() -> None:
    need("curl")
    options = ("--antivirus", "norton", "--trust-antivirus", "--name", "mail.example.com")

    assert mitmail_exec("healthy@imaps", "--client", "curl", *options).code == 0
    assert mitmail_exec("healthy@imaps", "--client", "curl", "--antivirus", "norton").code == 0


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("expired", "--client", "crul"), MitmailError, "did you mean 'curl'"),
        (("expired@imapz", "--client", "curl"), MitmailError, "no endpoint 'imapz'"),
        (("exipred", "--client", "curl"), MitmailError, "did you mean 'expired'"),
        (("expired@imaps", "--client", "msmtp"), MitmailError, "it speaks smtp, smtps"),
        (("expired", "--", "no-such-mailer"), CannotJudgeError, "cannot run no-such-mailer"),
        (("expired", "--", "true", "{hots}"), MitmailError, "did you mean 'hosts'"),
        (("healthy", "--client", "curl", "--trust-antivirus"), MitmailError, "--antivirus norton"),
    ],
)
def test_what_a_user_mistypes_is_one_line(
    arguments: tuple[str, ...], error: type[MitmailError], words: str
) -> None:
    with pytest.raises(error, match=words):
        mitmail_exec(*arguments)


@pytest.mark.long
def test_a_command_is_judged_in_many_cases(tmp_path: Path) -> None:
    client = f"{sys.executable} -I {PRETENDER} telling"
    judge = [sys.executable, "-m", "mitmail", "judge", "--command", client]
    ended = subprocess.run(
        [
            *judge,
            "--endpoint",
            "imaps",
            "--only",
            "command/expired/*",
            "-o",
            str(tmp_path / "out"),
        ],
        env=clean_environment(MITMAIL_HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (ended.returncode, "1 pass" in ended.stdout) == (0, True), ended
    record = json.loads((tmp_path / "out" / "results.ndjson").read_text().splitlines()[1])
    assert record["said"]["reason"] == "expired"
    assert shlex.join(["--command", client]) in record["reproduce"]


@pytest.mark.parametrize("text", ["'", ""])
def test_a_command_that_is_none_is_said_to_be_that(text: str) -> None:
    with pytest.raises(MitmailError, match="the command"):
        asyncio.run(driver.load(driver.COMMAND + text))


def test_the_exit_code_reaches_the_shell(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mitmail", "exec", "expired@imaps", "--"]
    ended = subprocess.run(
        [*command, sys.executable, "-I", PRETENDER, "blind"],
        env=clean_environment(MITMAIL_HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (1, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_ends_the_client_too_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    """CI ends a job with SIGTERM, a terminal that is closed with SIGHUP."""
    if sys.platform != "linux":
        pytest.skip("no pidfd")
    number = getattr(signal, name)
    pipe = tmp_path / "pid"
    os.mkfifo(pipe)
    running = subprocess.Popen(
        [sys.executable, "-m", "mitmail", "exec", "healthy@imaps", "--timeout", "60", "--",
         need("sh"), "-c", f"sleep 300 & echo $! >{pipe}; wait"],
        env=clean_environment(MITMAIL_HOME=str(tmp_path), TMPDIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    pid = int(pipe.read_text())

    running.send_signal(number)
    said, _ = running.communicate(timeout=30)

    assert (running.returncode, said) == (128 + number, "")
    assert ends(pid)
    assert [x.name for x in tmp_path.iterdir()] == ["pid"]
