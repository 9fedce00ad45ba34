"""``mitmail judge`` and ``mitmail merge`` at the command line: exits, slips, progress."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mitmail.cli import cli
from mitmail.cli.conclusion import conclude, exit_code, hold, known, remove_reports, update
from mitmail.cli.judge import judge_command
from mitmail.cli.outcome import print_outcomes
from mitmail.cli.progress import Progress
from mitmail.judge import baseline, driver, scheduler
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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--client", "curl", "--", "true"], "a command and a client are named"),
        ([], "name a command (-- COMMAND...) or a client"),
    ],
)
def test_exec_asks_one_client(words: list[str], said: str) -> None:
    found = told("exec", "expired", *words)

    assert (found.exit_code, said in found.stderr) == (2, True)


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
        (
            ["--antivirus", "none+imported", "--client", "python"],
            "without one there is no root to import",
        ),
        (
            ["--client", "python", "--only", "python/expired/imaps", "--only", "nope/x"],
            "--only 'nope/x' matches no cell",
        ),
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
    words = "the client gone is not here: there is no program /nowhere/gone"
    assert str(found.exception) == words


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("needs: [/nowhere/jar]", "there is no /nowhere/jar, which it needs"),
        ("needs: [nosuch]\npackage: some", "there is no nosuch, which it needs; install some"),
        ("version: sh -c 'exit 3'", "its version (sh -c 'exit 3') ended with 3"),
        ("version: sh -c 'sleep 60'", "its version (sh -c 'sleep 60') did not end in 0.2 s"),
        ("version: nosuch -v", "its version (nosuch -v) fails: cannot run nosuch: No such file"),
    ],
)
def test_what_a_client_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, words: str
) -> None:
    monkeypatch.setattr(driver, "VERSION", 0.2 if "sleep" in more else 20.0)
    file = tmp_path / "ours.yaml"
    file.write_text(f"title: Ours\ncommand: [sh]\nprotocols: [imap]\n{more}\n")

    found = told("judge", "--client", str(file))

    assert getattr(found.exception, "exit_code", None) == 3
    assert words in str(found.exception)


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "a/b", "1/2/3", "-1/2"])
def test_a_shard_that_is_none_says_how_one_is_written(shard: str) -> None:
    found = told("judge", "--shard", shard)

    assert found.exit_code == 2
    assert "use I/N, from 1/4 to 4/4 for four" in found.stderr


def test_a_format_that_is_named_twice_is_one(tmp_path: Path) -> None:
    conclude(run(cell("curl/expired/imaps")), tmp_path, _formats_of("html, html,md"))

    assert sorted(x.name for x in tmp_path.iterdir()) == ["junit.xml", "report.html", "report.md"]
    assert _formats_of("html, html,md") == ("html", "md")


def _formats_of(said: str) -> tuple[str, ...]:
    context = judge_command.make_context("judge", ["--report", said])
    formats: tuple[str, ...] = context.params["report"]
    return formats


def test_a_client_without_a_version_has_none(tmp_path: Path) -> None:
    from mitmail.judge.head import spelled

    file = tmp_path / "ours.yaml"
    file.write_text("title: Ours\ncommand: [sh]\nprotocols: [imap]\n")

    assert spelled(asyncio.run(driver.load(str(file)))) == ""


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

    before = known(file)
    shown = [baseline.excused(one, before) for one in (old, new, unjudged)]
    hold(new, file, before)

    assert [exit_code(one) for one in shown] == [0, 1, 3]
    assert "new    curl/wrong-host/imaps" in capsys.readouterr().out


def test_a_cell_that_is_in_no_plan_is_named_but_not_by_a_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "known.txt"
    file.write_text("".join(f"fail  curl/case-{number}/imaps\n" for number in range(7)))
    asked = run(
        cell("curl/case-0/imaps", "fail"), names=["curl/case-0/imaps", "curl/case-1/imaps"]
    )

    hold(asked, file, known(file))
    said = capsys.readouterr().out
    hold(asked, file, known(file), whole=False)

    named = ", ".join(f"curl/case-{number}/imaps" for number in range(2, 7))
    assert said == f"\nHeld against {file}: as known.\nnot in this plan: {named}\n"
    assert capsys.readouterr().out == f"\nHeld against {file}: as known.\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "cannot read the baseline"), ("oops\n", "known.txt:1: no known deviation")],
)
def test_a_wrong_baseline_is_said_before_anybody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, words: str
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a client was asked")

    monkeypatch.setattr(scheduler, "run", never)
    file = tmp_path / "known.txt"
    if text is not None:
        file.write_text(text)

    found = told("judge", "--client", "python", "--set", "demo", "--baseline", str(file))

    assert words in str(found.exception)
    if text is None:
        wanted = tmp_path / "nowhere" / "known.txt"
        found = told("judge", "--client", "python", "--baseline", str(wanted), "--update-baseline")
        assert "its folder is not there" in str(found.exception)


def test_a_report_of_an_earlier_run_does_not_stay(tmp_path: Path) -> None:
    ours, theirs = ("junit.xml", "report.html", "report.md"), ("results.ndjson", "notes.md")
    for name in (*ours, *theirs):
        (tmp_path / name).touch()

    remove_reports(tmp_path)

    assert sorted(x.name for x in tmp_path.iterdir()) == sorted(theirs)


def test_merging_holds_the_whole_run_against_a_baseline(tmp_path: Path) -> None:
    from mitmail.judge.grid import digest

    names = ["curl/expired/imaps"]
    write(run(cell(names[0], "fail"), names=names, plan=digest(names)), tmp_path / "one.ndjson")
    file = tmp_path / "known.txt"
    file.write_text(f"fail  {names[0]}  # since 2024\n")

    words = ("merge", str(tmp_path / "one.ndjson"), "-o", str(tmp_path / "all.ndjson"))
    found = told(*words, "--baseline", str(file))

    assert (found.exit_code, "as known" in found.stdout) == (0, True)
    assert '"outcome": "fail"' in (tmp_path / "all.ndjson").read_text()  # the truth
    assert told(*words).exit_code == 1


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

    assert capsys.readouterr().err == "go: 1 cell: 1 fail\ncurl: 2 cells: 1 pass, 1 warn\n"


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
