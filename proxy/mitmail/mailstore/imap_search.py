"""SEARCH keys (RFC 3501 section 6.4.4), each read into a test on one message."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from itertools import chain

from mitmail.mailstore.imap_date import parse_date
from mitmail.mailstore.imap_parse import Arguments, BadError
from mitmail.mailstore.imap_sequence import Ranges
from mitmail.mailstore.imap_subject import Subject
from mitmail.mailstore.imap_view import View
from mitmail.message import header, text

KEYS = 100  # and so the depth to which they can be nested

type Test = Callable[[Subject], bool]


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
        return text.casemap(self.arguments.astring().decode("utf-8", "replace"))


def _all(tests: list[Test]) -> Test:
    return lambda subject: all(test(subject) for test in tests)


def _numbers(ranges: Ranges) -> Test:
    return lambda subject: subject.number in ranges


def _has(flag: str) -> Test:
    return lambda subject: flag in subject.message.flags


def _lacks(flag: str) -> Test:
    return lambda subject: flag not in subject.message.flags


def _in_field(name: str, sought: str) -> Test:
    field = name.encode()

    def test(subject: Subject) -> bool:
        found = header.values(subject.octets, field)
        return any(sought in text.casemap(text.field(value)) for value in found)

    return test


def _header(search: Search) -> Test:
    name = search.arguments.astring().decode("latin-1")
    search.arguments.space()
    return _in_field(name, search.text())


def _uid(search: Search) -> Test:
    messages = search.view.messages
    ranges = search.ranges(messages[-1].uid if messages else 0)
    return lambda subject: subject.message.uid in ranges


def _not(search: Search) -> Test:
    test = search.key()
    return lambda subject: not test(subject)


def _or(search: Search) -> Test:
    left = search.key()
    search.arguments.space()
    right = search.key()
    return lambda subject: left(subject) or right(subject)


def _dated(
    day_of: Callable[[Subject], date], holds: Callable[[date, date], bool]
) -> Callable[[Search], Test]:
    def read(search: Search) -> Test:
        sought = search.date()
        return lambda subject: holds(day_of(subject), sought)

    return read


def _received(subject: Subject) -> date:
    return subject.message.internal_date.date()


def _sent(subject: Subject) -> date:
    # Without a date that can be read a message was sent before any day, as with Dovecot.
    found = header.values(subject.octets, b"date")
    return (text.day(found[0]) if found else None) or date.min


def _text(texts: Callable[[Subject], Iterable[str]]) -> Callable[[Search], Test]:
    def read(search: Search) -> Test:
        sought = search.text()
        if not sought:
            return FIXED["ALL"]
        return lambda subject: any(sought in found for found in texts(subject))

    return read


def _sized(holds: Callable[[int, int], bool]) -> Callable[[Search], Test]:
    def read(search: Search) -> Test:
        octets = search.arguments.number()
        return lambda subject: holds(len(subject.octets), octets)

    return read


def _keyword(make: Callable[[str], Test]) -> Callable[[Search], Test]:
    def read(search: Search) -> Test:
        flag = search.arguments.flag()
        return make(search.view.mailbox.keywords.get(flag.lower(), flag))

    return read


def _field(name: str) -> Callable[[Search], Test]:
    return lambda search: _in_field(name, search.text())


FIXED: dict[str, Test] = {
    "ALL": lambda subject: True,
    "RECENT": lambda subject: subject.recent,
    "OLD": lambda subject: not subject.recent,
    "NEW": lambda subject: subject.recent and r"\Seen" not in subject.message.flags,
    **{name: _has(f"\\{name.title()}") for name in ("ANSWERED", "DELETED", "DRAFT")},
    **{name: _has(f"\\{name.title()}") for name in ("FLAGGED", "SEEN")},
    **{f"UN{name}": _lacks(f"\\{name.title()}") for name in ("ANSWERED", "DELETED", "DRAFT")},
    **{f"UN{name}": _lacks(f"\\{name.title()}") for name in ("FLAGGED", "SEEN")},
}
DAYS: dict[str, Callable[[date, date], bool]] = {
    "BEFORE": lambda day, sought: day < sought,
    "ON": lambda day, sought: day == sought,
    "SINCE": lambda day, sought: day >= sought,
}
WITH_ARGUMENT: dict[str, Callable[[Search], Test]] = {
    "UID": _uid,
    "NOT": _not,
    "OR": _or,
    "HEADER": _header,
    **{name: _field(name) for name in ("FROM", "TO", "CC", "BCC", "SUBJECT")},
    "KEYWORD": _keyword(_has),
    "UNKEYWORD": _keyword(_lacks),
    "BODY": _text(lambda subject: subject.bodies),
    "TEXT": _text(lambda subject: chain(subject.headers, subject.bodies)),
    **{name: _dated(_received, holds) for name, holds in DAYS.items()},
    **{f"SENT{name}": _dated(_sent, holds) for name, holds in DAYS.items()},
    "LARGER": _sized(lambda size, octets: size > octets),
    "SMALLER": _sized(lambda size, octets: size < octets),
}
