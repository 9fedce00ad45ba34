"""A running ``mitmail serve``, as commands choose it."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mitmail.service.remote import Remote

_OPTIONS = (
    click.option(
        "--port-offset",
        "offset",
        type=int,
        metavar="N",
        help="The mitmail serve that was started with it, where several run.",
    ),
    click.option(
        "--control",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The mitmail serve that named this file (--ready-json).",
    ),
)


def running_options[F: Callable[..., Any]](command: F) -> F:
    """The options that choose a running ``mitmail serve``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


async def find(control: Path | None, offset: int | None) -> "Remote":
    """The one that is meant; raises MitmailError."""
    from mitmail.pki.store import data_folder
    from mitmail.service import remote

    return await remote.find(data_folder(os.environ, sys.platform), control, offset)


def from_anywhere(word: str | None) -> str | None:
    """A file's whole path: the other process may run in another folder."""
    from mitmail.scenario.word import is_path

    return str(Path(word).absolute()) if word is not None and is_path(word) else word
