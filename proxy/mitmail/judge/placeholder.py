"""Words in braces: what a client's command and files are told of the place to connect to."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from mitmail.judge.client import Target
from mitmail.scenario.client import PLACEHOLDERS

# Of what more there is, these are in a client's environment, too: MITMAIL_HOME is mitmail's own.
TOLD = (*PLACEHOLDERS, "protocol", "tls", "pin", "patience")


def values(target: Target) -> dict[str, str]:
    """What the placeholders stand for that are the same for a program in whatever folder."""
    root = target.antivirus_root
    return {
        "host": target.host,
        "port": str(target.port),
        "name": target.name,
        "user": target.user,
        "password": target.password,
        "root": str(target.roots),
        "antivirus_root": "" if root is None else str(root),
        "endpoint": target.endpoint.name,
        "protocol": target.endpoint.protocol,
        "tls": target.endpoint.tls,
        "pin": target.tls or "",
        "patience": str(target.whole_patience),
    }


def placed(home: Path) -> dict[str, str]:
    """What the placeholders stand for that say where a client works."""
    programs = str(files("mitmail.judge") / "programs")
    return {"home": str(home), "hosts": str(home / "hosts"), "programs": programs}


def environment(known: Mapping[str, str]) -> dict[str, str]:
    """The values as environment variables: MITMAIL_HOST and so on."""
    return {f"MITMAIL_{key.upper()}": known[key] for key in TOLD if key in known}


def filled(text: str, known: Mapping[str, str]) -> str:
    """The text with its placeholders filled in; other words in braces are the client's own."""
    return _pattern(tuple(known)).sub(lambda found: known[found[1]], text)


def all_filled(words: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """Each of the words with its placeholders filled in."""
    return [filled(word, known) for word in words]


@cache
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(r"\{(" + "|".join(names) + r")\}")
