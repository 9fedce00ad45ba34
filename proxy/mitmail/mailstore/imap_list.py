"""LIST and LSUB (RFC 3501), LIST with options (RFC 5258, RFC 5819, RFC 6154)."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

from mitmail.mailstore import imap_status
from mitmail.mailstore.imap_name import matches, quoted
from mitmail.mailstore.imap_parse import Arguments, BadError
from mitmail.mailstore.imap_session import Session
from mitmail.mailstore.store import Store

PATTERN_LENGTH = 300
# RFC 5258 section 3.1: REMOTE adds mailboxes on other servers, of which there are none.
FILTERS = ("SPECIAL-USE", "SUBSCRIBED")
SELECTIONS = (*FILTERS, "RECURSIVEMATCH", "REMOTE")
RETURNS = ("SPECIAL-USE", "SUBSCRIBED", "CHILDREN")


@dataclass(slots=True)
class Request:
    """What a LIST asks: patterns, which mailboxes are meant, what to say of them."""

    store: Store
    patterns: list[str]
    selections: list[str]
    returns: list[str] = field(default_factory=list)
    status: list[str] = field(default_factory=list)

    def matches(self, name: str) -> bool:
        """Whether a name matches a pattern."""
        return any(matches(pattern, name) for pattern in self.patterns)

    def selects(self, name: str) -> bool:
        """Whether the selection options mean this mailbox."""
        found = self.store.mailboxes.get(name)
        subscribed = "SUBSCRIBED" not in self.selections or name in self.store.subscribed
        special = "SPECIAL-USE" not in self.selections or bool(found and found.special_use)
        return subscribed and special

    def names(self) -> list[str]:
        """All names, INBOX first; who asks for subscriptions gets those of deleted mailboxes."""
        names = set(self.store.mailboxes)
        if "SUBSCRIBED" in self.selections:
            names |= self.store.subscribed
        return sorted(names, key=lambda name: (name != "INBOX", name))

    def below(self, name: str, names: list[str]) -> bool:
        """Whether a mailbox below is meant that the patterns leave out (RFC 5258 section 3.5)."""
        if "RECURSIVEMATCH" not in self.selections:
            return False
        inferior = (other for other in names if other.startswith(name + "/"))
        return any(self.selects(other) and not self.matches(other) for other in inferior)

    def attributes(self, name: str) -> str:
        """The attributes to say of a mailbox."""
        found = self.store.mailboxes.get(name)
        asked = {"SUBSCRIBED"} & {*self.selections, *self.returns}
        written = [
            r"\HasChildren" if self.store.children(name) else r"\HasNoChildren",
            found.special_use if found else r"\NonExistent",
            r"\Subscribed" if asked and name in self.store.subscribed else "",
        ]
        return " ".join(filter(None, written))


async def list_mailboxes(session: Session, arguments: Arguments) -> str:
    """LIST."""
    request = _request(session.store, arguments)
    if request.patterns == [""]:
        await session.untagged(r'LIST (\Noselect) "/" ""')
        return "Done"
    filters = " ".join(quoted(x) for x in FILTERS if x in request.selections)
    names = request.names()
    for name in filter(request.matches, names):
        await asyncio.sleep(0)
        below = request.below(name, names)
        if not below and not request.selects(name):
            continue
        info = f' ("CHILDINFO" ({filters}))' if below else ""
        await session.untagged(f'LIST ({request.attributes(name)}) "/" {quoted(name)}{info}')
        if request.status and name in session.store.mailboxes:
            mailbox = session.store.mailbox(name)
            await session.untagged(imap_status.response(mailbox, request.status))
    return "Done"


def _request(store: Store, arguments: Arguments) -> Request:
    arguments.space()
    selections = []
    if arguments.looks_at(b"("):
        selections = arguments.listed(lambda: _option(arguments, SELECTIONS))
        arguments.space()
    if "RECURSIVEMATCH" in selections and not set(selections) & set(FILTERS):
        raise BadError("RECURSIVEMATCH goes with another selection option")
    request = Request(store, _patterns(arguments), selections)
    if arguments.more():
        arguments.expect(b"RETURN ")
        request.returns = arguments.listed(lambda: _return(arguments, request))
    arguments.end()
    return request


def _return(arguments: Arguments, request: Request) -> str:
    if not arguments.accept(b"STATUS "):
        return _option(arguments, RETURNS)
    request.status = imap_status.read_items(arguments)
    return "STATUS"


def _option(arguments: Arguments, known: tuple[str, ...]) -> str:
    option = arguments.word()
    if option not in known:
        raise BadError(f"LIST option not supported: {option[:40]}")
    return option


def _patterns(arguments: Arguments) -> list[str]:
    reference = arguments.mailbox()
    arguments.space()
    several = arguments.looks_at(b"(")
    patterns = arguments.some(arguments.pattern) if several else [arguments.pattern()]
    if sum(map(len, patterns)) + len(reference) * len(patterns) > PATTERN_LENGTH:
        raise BadError("The pattern is too long")
    return [reference + pattern if pattern else "" for pattern in patterns]


async def list_subscribed(session: Session, arguments: Arguments) -> str:
    """LSUB: what is subscribed, and what lies above it where the pattern reaches no deeper."""
    arguments.space()
    request = Request(session.store, _patterns(arguments), [])
    arguments.end()
    subscribed = session.store.subscribed
    superiors = {above for name in subscribed for above in _superiors(name)} - subscribed
    for name in sorted(subscribed | superiors):
        await asyncio.sleep(0)
        if not request.matches(name):
            continue
        below = (x for x in subscribed if x.startswith(name + "/") and not request.matches(x))
        if name in subscribed:
            await session.untagged(f'LSUB () "/" {quoted(name)}')
        elif any(below):
            await session.untagged(rf'LSUB (\Noselect) "/" {quoted(name)}')
    return "Done"


def _superiors(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name
