"""SEARCH keys (RFC 3501 section 6.4.4), each read into a test on one message."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from mitmail.mailstore.imap_date import parse_date
from mitmail.mailstore.imap_parse import Arguments, BadError
from mitmail.mailstore.imap_sequence import Ranges
from mitmail.mailstore.imap_view import View
from mitmail.mailstore.store import Message
from mitmail.message import header

KEYS = 100  # and so the depth to which they can be nested


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message that may be found, its number, and whether it is recent."""

    number: int
    message: Message
    recent: bool


type Test = Callable[[Candidate], bool]


@dataclass(slots=True)
class Search:
    """Reads search keys; ``view`` gives ``*`` its meaning. Raises ``BadError``."""

    arguments: Arguments
    view: View
    keys: int = 0

    def program(self) -> Test:
        """All keys up to the end, which must all hold."""
        tests = self.arguments.series(self.key)
        self.arguments.end()
        return _all(tests)

    def key(self) -> Test:
        """One key."""
        self.keys += 1
        if self.keys > KEYS:
            raise BadError(f"At most {KEYS} search keys")
        if self.arguments.looks_at(b"("):
            return _all(self.arguments.some(self.key))
        if self.arguments.starts_sequence_set():
            return _numbers(self.ranges(len(self.view.messages)))
        name = self.arguments.word()
        if name in FIXED:
            return FIXED[name]
        if name not in WITH_ARGUMENT:
            raise BadError(f"Search key not supported: {name[:40]}")
        self.arguments.space()
        return WITH_ARGUMENT[name](self)

    def ranges(self, last: int) -> Ranges:
        """A sequence set."""
        return self.arguments.sequence_set().resolved(last)

    def date(self) -> date:
        """A date, quoted or not."""
        try:
            return parse_date(self.arguments.astring().decode("ascii", "replace"))
        except ValueError:
            raise BadError("Not a date") from None

    def text(self) -> str:
        """Text to look for, in any case."""
        return self.arguments.astring().decode("utf-8", "replace").casefold()


def _all(tests: list[Test]) -> Test:
    return lambda candidate: all(test(candidate) for test in tests)


def _numbers(ranges: Ranges) -> Test:
    return lambda candidate: candidate.number in ranges


def _has(flag: str) -> Test:
    return lambda candidate: flag in candidate.message.flags


def _lacks(flag: str) -> Test:
    return lambda candidate: flag not in candidate.message.flags


def _in_field(name: str, text: str) -> Test:
    field = name.encode()

    def test(candidate: Candidate) -> bool:
        found = header.values(candidate.message.octets, field)
        return any(text in header.readable(value).casefold() for value in found)

    return test


def _header(search: Search) -> Test:
    name = search.arguments.astring().decode("latin-1")
    search.arguments.space()
    return _in_field(name, search.text())


def _uid(search: Search) -> Test:
    messages = search.view.messages
    ranges = search.ranges(messages[-1].uid if messages else 0)
    return lambda candidate: candidate.message.uid in ranges


def _not(search: Search) -> Test:
    test = search.key()
    return lambda candidate: not test(candidate)


def _or(search: Search) -> Test:
    left = search.key()
    search.arguments.space()
    right = search.key()
    return lambda candidate: left(candidate) or right(candidate)


def _dated(holds: Callable[[date, date], bool]) -> Callable[[Search], Test]:
    def read(search: Search) -> Test:
        day = search.date()
        return lambda candidate: holds(candidate.message.internal_date.date(), day)

    return read


def _sized(holds: Callable[[int, int], bool]) -> Callable[[Search], Test]:
    def read(search: Search) -> Test:
        octets = search.arguments.number()
        return lambda candidate: holds(len(candidate.message.octets), octets)

    return read


def _keyword(make: Callable[[str], Test]) -> Callable[[Search], Test]:
    def read(search: Search) -> Test:
        flag = search.arguments.flag()
        return make(search.view.mailbox.keywords.get(flag.lower(), flag))

    return read


def _field(name: str) -> Callable[[Search], Test]:
    return lambda search: _in_field(name, search.text())


FIXED: dict[str, Test] = {
    "ALL": lambda candidate: True,
    "RECENT": lambda candidate: candidate.recent,
    "OLD": lambda candidate: not candidate.recent,
    "NEW": lambda candidate: candidate.recent and r"\Seen" not in candidate.message.flags,
    **{name: _has(f"\\{name.title()}") for name in ("ANSWERED", "DELETED", "DRAFT")},
    **{name: _has(f"\\{name.title()}") for name in ("FLAGGED", "SEEN")},
    **{f"UN{name}": _lacks(f"\\{name.title()}") for name in ("ANSWERED", "DELETED", "DRAFT")},
    **{f"UN{name}": _lacks(f"\\{name.title()}") for name in ("FLAGGED", "SEEN")},
}
WITH_ARGUMENT: dict[str, Callable[[Search], Test]] = {
    "UID": _uid,
    "NOT": _not,
    "OR": _or,
    "HEADER": _header,
    **{name: _field(name) for name in ("FROM", "TO", "CC", "BCC", "SUBJECT")},
    "KEYWORD": _keyword(_has),
    "UNKEYWORD": _keyword(_lacks),
    "BEFORE": _dated(lambda sent, day: sent < day),
    "ON": _dated(lambda sent, day: sent == day),
    "SINCE": _dated(lambda sent, day: sent >= day),
    "LARGER": _sized(lambda size, octets: size > octets),
    "SMALLER": _sized(lambda size, octets: size < octets),
}
