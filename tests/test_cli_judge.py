"""``mitmail judge`` and ``mitmail merge`` at the command line: exits, slips, progress."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mitmail.cli import cli
from mitmail.cli.conclusion import exit_code, held_against, update
from mitmail.cli.outcome import print_outcomes
from mitmail.cli.progress import Progress
from mitmail.judge.merging import write
from report.runs import cell, run


def told(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


@pytest.mark.parametrize(
    ("outcomes", "strict", "code"),
    [
        (("pass", "xfail", "skip"), False, 0),
        (("pass", "warn"), False, 0),
        (("pass", "warn"), True, 1),
        (("fail", "pass"), False, 1),
        (("error", "pass"), False, 3),
        (("error", "warn"), True, 1),
        (("error", "fail"), False, 1),
    ],
)
def test_the_exit_code_is_that_of_the_worst(
    outcomes: tuple[str, ...], strict: bool, code: int
) -> None:
    cells = [cell(f"curl/case-{number}/imaps", word) for number, word in enumerate(outcomes)]

    assert exit_code(run(*cells, strict=strict)) == code


def test_nothing_selected_is_exit_code_5() -> None:
    found = told("judge", "--client", "python", "--only", "nobody/*")

    assert found.exit_code == 5
    assert found.stderr.startswith("Nothing selected")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--client", "pythn"], "no client 'pythn' (did you mean 'python'?)"),
        (["--set", "qick"], "no set 'qick' (did you mean 'quick'?)"),
        (["--antivirus", "nortn", "--client", "python"], "no vendor profile 'nortn'"),
        (["--endpoint", "imapz"], "no endpoint 'imapz'"),
        (["--report", "html"], "--report needs a folder"),
        (["--update-baseline"], "--update-baseline needs the file"),
        (["missing.mitmail-matrix.yaml"], "missing.mitmail-matrix.yaml:1:1: cannot be read"),
    ],
)
def test_a_slip_is_one_line(words: list[str], said: str) -> None:
    found = told("judge", *words)

    assert said in str(found.exception)
    assert getattr(found.exception, "exit_code", None) == 2


def test_a_client_that_is_not_here_is_exit_code_3(tmp_path: Path) -> None:
    """In CI a client that was not installed must not look like one that passes."""
    file = tmp_path / "gone.yaml"
    file.write_text("title: Gone\ncommand: [/nowhere/gone]\nprotocols: [imap]\n")

    found = told("judge", "--client", str(file))

    assert getattr(found.exception, "exit_code", None) == 3
    assert "the client gone is not here" in str(found.exception)


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "a/b", "1/2/3", "-1/2"])
def test_a_shard_that_is_none_says_how_one_is_written(shard: str) -> None:
    found = told("judge", "--shard", shard)

    assert found.exit_code == 2
    assert "use I/N, from 1/4 to 4/4 for four" in found.stderr


def test_a_format_that_is_none_is_a_slip() -> None:
    assert "no format 'pdf': use html, md, github" in told("judge", "--report", "pdf").stderr


def test_what_is_known_fails_no_run_and_what_is_new_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = run(cell("curl/expired/imaps", "fail"))
    new = run(cell("curl/expired/imaps", "fail"), cell("curl/wrong-host/imaps", "fail"))
    unjudged = run(cell("curl/expired/imaps", "error"))
    file = tmp_path / "known.txt"
    update(old, file)

    assert [held_against(one, file) for one in (old, new, unjudged)] == [0, 1, 3]
    assert "new    curl/wrong-host/imaps" in capsys.readouterr().out


def test_merging_ends_as_the_whole_run_would(tmp_path: Path) -> None:
    from mitmail.judge.grid import digest

    names = ["curl/expired/imaps"]
    write(run(cell(names[0], "fail"), names=names, plan=digest(names)), tmp_path / "one.ndjson")

    found = told("merge", str(tmp_path), "-o", str(tmp_path / "out" / "all.ndjson"))

    assert found.exit_code == 1
    assert "fail   curl/expired on imaps: expected reject (expired)" in found.stdout
    assert (tmp_path / "out" / "all.ndjson").is_file()


def test_endpoints_that_say_the_same_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Also where a client names the port, which is another one each time."""
    ports = [("imap", "at 127.0.0.1:40123"), ("imaps", "at 127.0.0.1:50123")]
    print_outcomes([cell(f"curl/expired/{x}", "error", why=why) for x, why in ports])

    assert "error  curl/expired on imap, imaps: at 127.0.0.1:40123\n" in capsys.readouterr().out


def test_nobody_has_to_read_a_thousand_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_outcomes([cell(f"curl/case-{number}/imap", "fail") for number in range(1000)])

    said = capsys.readouterr().out
    assert len(said.splitlines()) < 70
    assert "and 940 more lines" in said


def test_without_a_terminal_each_client_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    cells = [cell("curl/a/imap"), cell("go/a/imap", "fail"), cell("curl/b/imap", "warn")]
    with Progress(one.client for one in cells) as progress:
        for one in cells:
            progress.hear(one)

    assert capsys.readouterr().err == "go: 1 cells: 1 fail\ncurl: 2 cells: 1 pass, 1 warn\n"


def test_a_run_that_takes_long_shows_that_it_lives(capfd: pytest.CaptureFixture[str]) -> None:
    with Progress(["curl", "curl"], heartbeat=0.01) as progress:
        progress.hear(cell("curl/a/imap"))
        progress.beaten.wait(10)

    assert "1 of 2 (1 pass)\n" in capfd.readouterr().err


def test_a_terminal_has_one_line_that_changes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Progress(["curl", "curl"]) as progress:
        progress.hear(cell("curl/a/imap"))

    said = capsys.readouterr().err
    assert said == "\r\x1b[K1 of 2 (1 pass): curl/a/imap\n"
