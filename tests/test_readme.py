"""The README names no command, option, target or file that does not exist."""

import re
import shlex
from pathlib import Path

import click
import pytest

from mitmail.cli import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# In code only: between backticks, at a prompt, or inside $( ).
COMMANDS = sorted(
    set(re.findall(r"(?:`|^\$ |\$\()(mitmail [a-z][^`\n#)]*)", README, re.MULTILINE))
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command: str) -> None:
    """click parses it to the end; nothing is run."""
    _, *words = shlex.split(command.rstrip('"'))
    context = click.Context(cli, info_name="mitmail")
    found: click.Command = cli
    while isinstance(found, click.Group):
        _, resolved, words = found.resolve_command(context, words)
        assert resolved is not None
        found = resolved
    found.make_context(found.name, words, parent=context)


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    for target in re.findall(r"^\$ make (\w+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile


def test_every_link_leads_to_a_file() -> None:
    for link in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / link).is_file()
