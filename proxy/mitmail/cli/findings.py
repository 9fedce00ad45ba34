"""Findings as they are printed: the worst first, each cause once."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from mitmail.diagnose.blame import Blame, Culprit
from mitmail.diagnose.case import day
from mitmail.diagnose.certificate import chain_of
from mitmail.diagnose.client_view import command, said
from mitmail.diagnose.finding import SEVERITIES, Finding
from mitmail.diagnose.presented import Presented
from mitmail.diagnose.recognition import in_short

WIDTH: Final = 88
INDENT: Final = " " * 10


def shown(one: Presented, at_from: str) -> Iterator[str]:
    """What was looked at, and by which time it is judged."""
    name = f" for {one.name}" if one.name else ""
    tls = f", {one.version}" if one.version else ""
    yield f"{one.source}{name}{tls}, judged at {day(one.at)} ({at_from})"
    for each in chain_of(one.chain):
        until = f"until {each.not_after:%Y-%m-%d}" if each.not_after else "unreadable"
        yield f"  {each.number}  {each.title}, by {each.issuer_title}, {until}"


def printed(findings: Sequence[Finding]) -> Iterator[str]:
    """The findings, one paragraph to each cause: where it was found, the fix, what clients say."""
    causes: dict[tuple[str, str], list[Finding]] = {}
    for one in sorted(findings, key=lambda each: SEVERITIES.index(each.severity)):
        causes.setdefault((one.id, one.words), []).append(one)
    several = len({one.where for one in findings if one.where}) > 1
    for same in causes.values():
        yield ""
        yield from _cause(same, placed=several)


def _cause(same: Sequence[Finding], *, placed: bool) -> Iterator[str]:
    one = same[0]
    places = list(dict.fromkeys(each.where for each in same if each.where))
    where = f" ({', '.join(places)})" if places and placed else ""
    yield from _wrapped(f"{one.severity.upper():10}", one.words + where)
    if one.fix:
        yield from _wrapped(INDENT, f"Fix: {one.fix}")
    for client, words in said(one).items():
        yield from _wrapped(f"{INDENT}  ", f"{client}: {words}")
    if typed := command(one):
        yield f"{INDENT}Reproduce it: {typed}"


CULPRITS: Final[Mapping[Culprit, str]] = {
    "provider": "the provider",
    "antivirus": "the antivirus on the customer's computer",
    "gateway": "a gateway on the customer's network",
    "interception": "an antivirus or gateway that is not known here",
    "both": "both: the provider's certificate is faulty, and somebody re-signs it",
    "cannot-tell": "cannot tell",
}


def blamed(one: Blame) -> Iterator[str]:
    """Who is to blame, why, and what to do."""
    product = f": {in_short(one.product)}" if one.product and one.who != "cannot-tell" else ""
    yield ""
    yield from _wrapped(f"{'BLAME':10}", f"{CULPRITS[one.who]}{product}")
    for sentence in one.evidence:
        yield from _wrapped(f"{INDENT}- ", sentence)
    yield from _wrapped(INDENT, f"Next: {one.next}")


def _wrapped(begin: str, words: str) -> list[str]:
    # A command line or an address must be copied whole.
    return textwrap.wrap(
        words, WIDTH, initial_indent=begin, subsequent_indent=" " * len(begin),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
