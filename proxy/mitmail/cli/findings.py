"""Findings as they are printed: the worst first, each cause once."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from mitmail.diagnose.case import day
from mitmail.diagnose.certificate import chain_of
from mitmail.diagnose.client_view import said, scenario
from mitmail.diagnose.finding import SEVERITIES, Finding
from mitmail.diagnose.presented import Presented

WIDTH: Final = 88
INDENT: Final = " " * 10


def shown(one: Presented, at_from: str) -> Iterator[str]:
    """What was looked at, and by which time it is judged."""
    name = f" for {one.name}" if one.name else ""
    yield f"{one.source}{name}, judged at {day(one.at)} ({at_from})"
    for each in chain_of(one.chain):
        until = f"until {each.not_after:%Y-%m-%d}" if each.not_after else "unreadable"
        yield f"  {each.number}  {each.title}, by {each.issuer_title}, {until}"


def printed(findings: Sequence[Finding]) -> Iterator[str]:
    """The findings, one paragraph to each cause: where it was found, the fix, what clients say."""
    causes: dict[tuple[str, str], list[Finding]] = {}
    for one in sorted(findings, key=lambda each: SEVERITIES.index(each.severity)):
        causes.setdefault((one.id, one.words), []).append(one)
    for same in causes.values():
        yield ""
        yield from _cause(same)


def _cause(same: Sequence[Finding]) -> Iterator[str]:
    one = same[0]
    places = list(dict.fromkeys(each.where for each in same if each.where))
    where = f" ({', '.join(places)})" if len(places) > 1 else ""
    yield from _wrapped(f"{one.severity.upper():10}", one.words + where)
    if one.fix:
        yield from _wrapped(INDENT, f"Fix: {one.fix}")
    for client, words in said(one).items():
        yield from _wrapped(f"{INDENT}  ", f"{client}: {words}")
    if one.severity != "ok" and (id_ := scenario(one)):
        yield f"{INDENT}Reproduce it: mitmail serve {id_}"


def _wrapped(begin: str, words: str) -> list[str]:
    # A command line or an address must be copied whole.
    return textwrap.wrap(
        words, WIDTH, initial_indent=begin, subsequent_indent=" " * len(begin),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
