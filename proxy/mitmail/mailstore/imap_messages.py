"""IMAP commands on the selected mailbox's messages, by number and by UID."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from mitmail.mailstore import imap_login
from mitmail.mailstore.imap_append import destination
from mitmail.mailstore.imap_fetch import ITEMS, Item, parse_items
from mitmail.mailstore.imap_parse import Arguments, BadError
from mitmail.mailstore.imap_search import Search
from mitmail.mailstore.imap_sequence import compact
from mitmail.mailstore.imap_session import Command, NoError, Session, State
from mitmail.mailstore.imap_subject import Subject
from mitmail.mailstore.store import Mailbox, Message

CHARSETS = ("UTF-8", "US-ASCII")
TURN, TURN_OCTETS = 100, 1_000_000  # what a session reads before others get their turn

STORES: dict[str, Callable[[frozenset[str], frozenset[str]], frozenset[str]]] = {
    "FLAGS": lambda old, given: given,
    "+FLAGS": lambda old, given: old | given,
    "-FLAGS": lambda old, given: old - given,
}


def _chosen(session: Session, arguments: Arguments, by_uid: bool) -> list[tuple[int, Message]]:
    arguments.space()
    numbered = session.selected.numbered(arguments.sequence_set(), by_uid=by_uid)
    if numbered is None:
        raise BadError("There are not so many messages")
    return numbered


async def fetch(session: Session, arguments: Arguments, by_uid: bool = False) -> str:
    """FETCH, RFC 3501 section 6.4.5."""
    numbered = _chosen(session, arguments, by_uid)
    arguments.space()
    items = parse_items(arguments)
    arguments.end()
    if by_uid and ITEMS["UID"] not in items:
        items.insert(0, ITEMS["UID"])
    refused = None
    for number, message in numbered:
        if number % TURN == 0:
            await asyncio.sleep(0)
        subject = Subject(session.selected, number, message)
        refused = await _fetch_one(session, subject, items) or refused
    if refused:
        raise refused
    return "Fetched"


async def _fetch_one(session: Session, subject: Subject, items: list[Item]) -> NoError | None:
    view, message, send = session.selected, subject.message, session.connection.send
    if any(item.sees for item in items) and not view.read_only:
        was_seen = r"\Seen" in message.flags
        view.mailbox.set_flags(message, message.flags | {r"\Seen"})
        view.told(message)
        if not was_seen and ITEMS["FLAGS"] not in items:
            items = [*items, ITEMS["FLAGS"]]
    refused, begun = None, False
    for item in items:
        try:
            pieces = item.render(subject)
        except NoError as error:
            refused = error
            continue
        opening = " " if begun else f"* {subject.number} FETCH ("
        await send(f"{opening}{item.label} ".encode(), *pieces)
        begun = True
    await send(b")\r\n" * begun)
    return refused


async def search(session: Session, arguments: Arguments, by_uid: bool = False) -> str:
    """SEARCH, RFC 3501 section 6.4.4."""
    arguments.space()
    if arguments.accept(b"CHARSET "):
        charset = arguments.astring().decode("latin-1").upper()
        arguments.space()
        if charset not in CHARSETS:
            raise NoError(f"[BADCHARSET ({' '.join(CHARSETS)})] Unknown character set")
    view = session.selected
    test = Search(arguments, view).program()
    found, octets = [], 0
    for number, message in enumerate(tuple(view.messages), 1):
        octets += len(message.octets)
        if number % TURN == 0 or octets > TURN_OCTETS:
            octets = 0
            await asyncio.sleep(0)
        if test(Subject(view, number, message)):
            found.append(message.uid if by_uid else number)
    await session.untagged(" ".join(["SEARCH", *map(str, found)]))
    return "Searched"


async def store(session: Session, arguments: Arguments, by_uid: bool = False) -> str:
    """STORE, RFC 3501 section 6.4.6."""
    numbered = _chosen(session, arguments, by_uid)
    arguments.space()
    kind, given = _change(arguments)
    view = session.writable()
    flags = view.mailbox.spell(given)
    await session.updates(expunges=False)
    for number, message in numbered:
        view.mailbox.set_flags(message, STORES[kind.removesuffix(".SILENT")](message.flags, flags))
        view.told(message)
        if not kind.endswith(".SILENT"):
            await session.untagged(view.fetch_flags(number, message))
    return "Stored"


def _change(arguments: Arguments) -> tuple[str, list[str]]:
    for kind in (f"{sign}FLAGS{silent}" for sign in ("+", "-", "") for silent in (".SILENT", "")):
        if arguments.accept(kind.encode()):
            arguments.space()
            flags = arguments.flags()
            arguments.end()
            return kind, flags
    raise BadError("FLAGS, +FLAGS or -FLAGS expected")


def _copied(
    session: Session, arguments: Arguments, by_uid: bool
) -> tuple[Mailbox, list[Message], str]:
    numbered = _chosen(session, arguments, by_uid)
    arguments.space()
    name = arguments.mailbox()
    arguments.end()
    target = destination(session, name)
    originals = [message for _, message in numbered]
    copies = target.add_all(originals)
    uids = [compact([message.uid for message in messages]) for messages in (originals, copies)]
    code = f"[COPYUID {target.uidvalidity} {' '.join(uids)}] " if copies else ""
    return target, originals, code


async def copy(session: Session, arguments: Arguments, by_uid: bool = False) -> str:
    """COPY, RFC 3501 section 6.4.7, with COPYUID (RFC 4315)."""
    return f"{_copied(session, arguments, by_uid)[2]}Copied"


async def move(session: Session, arguments: Arguments, by_uid: bool = False) -> str:
    """MOVE, RFC 6851."""
    view = session.writable()
    _, originals, code = _copied(session, arguments, by_uid)
    await session.untagged(f"OK {code}Moved")
    view.mailbox.remove(originals)
    return "Moved"


async def expunge(session: Session, arguments: Arguments) -> str:
    """EXPUNGE, RFC 3501 section 6.4.3."""
    arguments.end()
    _remove_deleted(session, session.writable().messages)
    return "Expunged"


async def uid_expunge(session: Session, arguments: Arguments) -> str:
    """UID EXPUNGE, RFC 4315 section 2.1."""
    numbered = _chosen(session, arguments, by_uid=True)
    arguments.end()
    session.writable()
    _remove_deleted(session, [message for _, message in numbered])
    return "Expunged"


def _remove_deleted(session: Session, messages: list[Message]) -> None:
    deleted = [message for message in messages if r"\Deleted" in message.flags]
    session.selected.mailbox.remove(deleted)


async def close(session: Session, arguments: Arguments) -> str:
    """CLOSE, RFC 3501 section 6.4.2: after EXAMINE it is OK and removes nothing."""
    arguments.end()
    if not session.selected.read_only:
        _remove_deleted(session, session.selected.messages)
    session.deselect()
    return "Closed"


async def unselect(session: Session, arguments: Arguments) -> str:
    """UNSELECT, RFC 3691."""
    arguments.end()
    session.deselect()
    return "Closed"


async def uid(session: Session, arguments: Arguments) -> str:
    """UID, RFC 3501 section 6.4.8."""
    arguments.space()
    run = UID_COMMANDS.get(name := arguments.word())
    if run is None:
        raise BadError(f"Unknown command UID {name[:40]}")
    return await run(session, arguments)


UID_COMMANDS: dict[str, Callable[[Session, Arguments], Awaitable[str]]] = {
    "FETCH": partial(fetch, by_uid=True),
    "SEARCH": partial(search, by_uid=True),
    "STORE": partial(store, by_uid=True),
    "COPY": partial(copy, by_uid=True),
    "MOVE": partial(move, by_uid=True),
    "EXPUNGE": uid_expunge,
}
COMMANDS = {
    "CHECK": Command(imap_login.noop, State.SELECTED),
    "FETCH": Command(fetch, State.SELECTED, expunges=False),
    "SEARCH": Command(search, State.SELECTED, expunges=False),
    "STORE": Command(store, State.SELECTED, expunges=False),
    "COPY": Command(copy, State.SELECTED),
    "MOVE": Command(move, State.SELECTED),
    "EXPUNGE": Command(expunge, State.SELECTED),
    "CLOSE": Command(close, State.SELECTED),
    "UNSELECT": Command(unselect, State.SELECTED),
    "UID": Command(uid, State.SELECTED),
}
