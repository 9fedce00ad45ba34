"""docs/outlook.md: its commands are understood, and mitmail does on its side what it says."""

import base64
import re
import shlex
import ssl
import subprocess
import sys
from pathlib import Path

import click
import pytest

from bench import need
from mitmail.cli import cli
from mitmail.endpoint import ENDPOINTS
from mitmail.scenario import loader
from serve.program import MITMAIL, Program, environment
from serve.serving import free_offset

PAGE = (Path(__file__).parents[1] / "docs" / "outlook.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"(?:`|^ {4})(mitmail [a-z][^`\n]*)", PAGE, re.MULTILINE)))
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("|---")
]
MARKS = ("measured", "sourced", "recalled")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood_and_its_cases_exist(command: str) -> None:
    _, *words = shlex.split(command)
    context = click.Context(cli, info_name="mitmail")
    found: click.Command = cli
    case = words[1] if words[0] in {"serve", "switch"} and words[1:] else "--"
    while isinstance(found, click.Group):
        _, resolved, words = found.resolve_command(context, words)
        assert resolved is not None
        found = resolved
    found.make_context(found.name, words, parent=context)
    assert case.startswith("--") or case in loader.files()


def test_there_is_every_story_and_each_says_how_it_is_known() -> None:
    stories = {row[0].split()[0]: row for row in ROWS if re.match(r"S\d+ ", row[0])}

    assert [*stories] == [f"S{number}" for number in range(1, 12)]
    assert [row for row in stories.values() if not any(x in row[3] for x in MARKS)] == []


def test_the_ports_are_those_of_the_bench() -> None:
    protocols = {"imap": "incoming, IMAP", "pop3": "incoming, POP", "smtp": "outgoing, SMTP"}
    said = {(row[0], row[1], row[2]) for row in ROWS if row[1].isdecimal()}

    assert said == {
        (protocols[one.protocol], str(one.bench_port), one.dialog) for one in ENDPOINTS.values()
    }


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is an address there")
def test_the_lab_machine_prints_the_line_and_the_root_that_windows_needs(tmp_path: Path) -> None:
    offset = free_offset()
    (line,) = re.findall(r"^ {4}(mitmail serve .* --listen )192", PAGE, re.MULTILINE)
    words = [*shlex.split(line)[1:], "127.0.0.2", "--port-offset", str(offset)]
    (pipeline,) = re.findall(r"^ {4}(openssl .*)$", PAGE, re.MULTILINE)
    need("base64")

    with Program([*MITMAIL, *words], environment(tmp_path)) as serve:
        serve.line(r"^ +127\.0\.0\.2 mail\.customer\.test$")
        root = Path(serve.line("server-root.pem").split()[-1])
        pasted = subprocess.run(
            ["sh", "-c", pipeline.replace("server-root.pem", shlex.quote(str(root)))],
            capture_output=True, text=True, timeout=20, check=True,
        ).stdout  # fmt: skip
        der = ssl.PEM_cert_to_DER_cert(root.read_text())
        shown = subprocess.run(
            [
                need("openssl"), "s_client", "-connect", f"127.0.0.2:{3993 + offset}",
                "-servername", "mail.customer.test", "-CAfile", str(root),
            ],
            input="", capture_output=True, text=True, timeout=20, check=False,
        ).stdout  # fmt: skip

    assert "\n" not in pasted
    assert base64.b64decode(pasted, validate=True) == der
    assert "Verify return code: 10 (certificate has expired)" in shown
