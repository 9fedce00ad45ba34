"""A scenario as the text of its file."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any, Final

from mitmail.diagnose.replica import Replica

WIDTH: Final = 96
# What YAML 1.2 reads as itself without quotes: words, offsets such as -1d, object identifiers.
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*([-._][A-Za-z0-9]+)*|[+-][0-9]+[smhdy]")
_TAKEN: Final = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def scenario_text(made: Replica, *, exact: bool = False) -> str:
    """The scenario file of a replica: what was lost and what is to be known in comments."""
    lines = list(_comments(made, exact=exact))
    for key, value in made.document.items():
        lines += _prose(key, value) if key == "why" else _entry(key, value, "")
    return "\n".join(lines) + "\n"


def _comments(made: Replica, *, exact: bool) -> Iterator[str]:
    for words in made.lost:
        yield from _comment(f"Not copied: {words}.")
    if exact:
        yield from _comment(
            "It has names as they were: mitmail lint, which wants test names, does not like them. "
            "Do not pass it on."
        )


def _comment(words: str) -> list[str]:
    return wrap(
        words, WIDTH, initial_indent="# ", subsequent_indent="# ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _prose(key: str, text: str) -> list[str]:
    indent = "  "
    lines = wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent,
                 break_long_words=False, break_on_hyphens=False)  # fmt: skip
    return [f"{key}: >-", *lines]


def _entry(key: str, value: Any, indent: str) -> list[str]:
    # The server and its parts stand below each other, and so does what is too long for a line.
    line = f"{indent}{_scalar(key)}: {_flow(value)}"
    if isinstance(value, list | tuple) and len(line) > WIDTH:
        return [f"{indent}{_scalar(key)}:", *(f"{indent}  - {_flow(each)}" for each in value)]
    nested = isinstance(value, Mapping) and value
    if not nested or (len(line) <= WIDTH and key not in {"server", "more"}):
        return [line]
    inner = (_entry(each, said, f"{indent}  ") for each, said in value.items())
    return [f"{indent}{_scalar(key)}:", *(line for lines in inner for line in lines)]


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _TAKEN:
        return value
    # JSON is YAML, but for what it writes as two surrogates.
    return json.dumps(value, ensure_ascii=not value.isprintable())
