"""What a described client finds in its folder, and what its words in braces stand for there."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from mitmail.endpoint import Endpoint
from mitmail.judge import placeholder
from mitmail.judge.client import Target
from mitmail.judge.placeholder import filled
from mitmail.scenario.client import DescribedClient


def fitting(target: Target) -> set[str]:
    """The selectors of a file that fit a target."""
    return selectors(target.endpoint, target.tls)


def selectors(endpoint: Endpoint, pin: str | None) -> set[str]:
    """The selectors of a file that fit an endpoint, and a pinned version of TLS."""
    # The endpoint imap is STARTTLS only, and called as its protocol: a file means that one.
    found: set[str] = {endpoint.protocol, endpoint.tls, endpoint.name, "otherwise"}
    return found | {pin} if pin else found


def known(said: DescribedClient, target: Target, home: Path) -> dict[str, str]:
    """What each placeholder stands for, the file's own words among them."""
    found = placeholder.values(target) | placeholder.placed(home)
    chosen = fitting(target)
    for name, choices in said.words.items():
        text = next((text for key, text in choices.items() if key in chosen), "")
        found[name] = filled(text, found)
    return found


def furnish(said: DescribedClient, values: Mapping[str, str], home: Path) -> None:
    """Write the client's files and make its folders."""
    for name in said.folders:
        (home / name).mkdir(parents=True)
    for name, text in said.files.items():
        file = home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(0o600)
        file.write_text(filled(text, values), encoding="utf-8")


def give_away(home: Path, user: int) -> None:
    """Make the folder and all that is in it another user's."""
    if sys.platform == "win32":
        return
    for path in (home, *home.rglob("*")):
        os.chown(path, user, user)
