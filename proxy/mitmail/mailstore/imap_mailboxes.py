"""IMAP commands on mailboxes: LIST, SELECT, STATUS, APPEND and their kin."""

import asyncio
from collections.abc import Callable

from mitmail.mailstore.imap_date import parse_date_time
from mitmail.mailstore.imap_list import matches, quoted
from mitmail.mailstore.imap_parse import Arguments, BadError
from mitmail.mailstore.imap_session import Command, NoError, Session, State
from mitmail.mailstore.imap_view import View
from mitmail.mailstore.store import SYSTEM_FLAGS, Mailbox, StoreError

PATTERN_LENGTH = 300
SELECTIONS = ("SPECIAL-USE", "SUBSCRIBED")
RETURNS = ("SPECIAL-USE", "SUBSCRIBED", "CHILDREN")

STATUS_ITEMS: dict[str, Callable[[Mailbox], int]] = {
    "MESSAGES": lambda mailbox: len(mailbox.messages),
    "RECENT": lambda mailbox: sum(uid >= mailbox.recent_from for uid in mailbox.messages),
    "UIDNEXT": lambda mailbox: mailbox.uidnext,
    "UIDVALIDITY": lambda mailbox: mailbox.uidvalidity,
    "UNSEEN": lambda mailbox: sum(r"\Seen" not in m.flags for m in mailbox.messages.values()),
}


def destination(session: Session, name: str) -> Mailbox:
    """The mailbox that APPEND, COPY and MOVE name; raises ``NoError`` (TRYCREATE)."""
    try:
        return session.store.mailbox(name)
    except StoreError as error:
        raise NoError(f"[TRYCREATE] {error}") from None


def _one_name(arguments: Arguments) -> str:
    arguments.space()
    name = arguments.mailbox()
    arguments.end()
    return name


async def namespace(session: Session, arguments: Arguments) -> str:
    """NAMESPACE, RFC 2342."""
    arguments.end()
    await session.untagged('NAMESPACE (("" "/")) NIL NIL')
    return "Done"


async def list_mailboxes(session: Session, arguments: Arguments) -> str:
    """LIST, RFC 3501 section 6.3.8, with the options of RFC 6154 (special use)."""
    arguments.space()
    chosen = _options(arguments, SELECTIONS) if arguments.looks_at(b"(") else None
    if chosen is not None:
        arguments.space()
    patterns = _patterns(arguments)
    returned: list[str] = []
    if arguments.more():
        arguments.expect(b"RETURN ")
        returned = _options(arguments, RETURNS)
    arguments.end()
    if patterns == [""]:
        await session.untagged(r'LIST (\Noselect) "/" ""')
        return "Done"
    for mailbox in _sorted(list(session.store.mailboxes.values())):
        await asyncio.sleep(0)
        attributes = _attributes(session, mailbox, returned)
        if _is_chosen(session, mailbox, chosen or []) and _any(patterns, mailbox.name):
            await session.untagged(f'LIST ({" ".join(attributes)}) "/" {quoted(mailbox.name)}')
    return "Done"


def _options(arguments: Arguments, known: tuple[str, ...]) -> list[str]:
    options = arguments.listed(arguments.word)
    if unknown := set(options) - set(known):
        raise BadError(f"LIST option not supported: {min(unknown)[:40]}")
    return options


def _patterns(arguments: Arguments) -> list[str]:
    reference = arguments.mailbox()
    arguments.space()
    several = arguments.looks_at(b"(")
    patterns = arguments.some(arguments.pattern) if several else [arguments.pattern()]
    if sum(map(len, patterns)) + len(reference) * len(patterns) > PATTERN_LENGTH:
        raise BadError("The pattern is too long")
    return [reference + pattern if pattern else "" for pattern in patterns]


def _any(patterns: list[str], name: str) -> bool:
    return any(matches(pattern, name) for pattern in patterns)


def _sorted(mailboxes: list[Mailbox]) -> list[Mailbox]:
    return sorted(mailboxes, key=lambda mailbox: (mailbox.name != "INBOX", mailbox.name))


def _is_chosen(session: Session, mailbox: Mailbox, chosen: list[str]) -> bool:
    subscribed = "SUBSCRIBED" not in chosen or mailbox.name in session.store.subscribed
    return subscribed and ("SPECIAL-USE" not in chosen or bool(mailbox.special_use))


def _attributes(session: Session, mailbox: Mailbox, returned: list[str]) -> list[str]:
    children = r"\HasChildren" if session.store.children(mailbox.name) else r"\HasNoChildren"
    subscribed = "SUBSCRIBED" in returned and mailbox.name in session.store.subscribed
    found = [children, mailbox.special_use, r"\Subscribed" if subscribed else ""]
    return [attribute for attribute in found if attribute]


async def list_subscribed(session: Session, arguments: Arguments) -> str:
    """LSUB, RFC 3501 section 6.3.9."""
    arguments.space()
    patterns = _patterns(arguments)
    arguments.end()
    for name in sorted(session.store.subscribed):
        await asyncio.sleep(0)
        if _any(patterns, name):
            await session.untagged(f'LSUB () "/" {quoted(name)}')
    return "Done"


async def create(session: Session, arguments: Arguments) -> str:
    """CREATE, RFC 3501 section 6.3.3."""
    session.store.create(_one_name(arguments))
    return "Created"


async def delete(session: Session, arguments: Arguments) -> str:
    """DELETE, RFC 3501 section 6.3.4."""
    session.store.delete(_one_name(arguments))
    return "Deleted"


async def rename(session: Session, arguments: Arguments) -> str:
    """RENAME, RFC 3501 section 6.3.5."""
    arguments.space()
    old = arguments.mailbox()
    session.store.rename(old, _one_name(arguments))
    return "Renamed"


async def subscribe(session: Session, arguments: Arguments) -> str:
    """SUBSCRIBE, RFC 3501 section 6.3.6."""
    session.store.subscribe(_one_name(arguments))
    return "Subscribed"


async def unsubscribe(session: Session, arguments: Arguments) -> str:
    """UNSUBSCRIBE, RFC 3501 section 6.3.7."""
    session.store.unsubscribe(_one_name(arguments))
    return "Unsubscribed"


async def status(session: Session, arguments: Arguments) -> str:
    """STATUS, RFC 3501 section 6.3.10."""
    arguments.space()
    name = arguments.mailbox()
    arguments.space()
    items = arguments.some(arguments.word)
    arguments.end()
    if unknown := set(items) - set(STATUS_ITEMS):
        raise BadError(f"STATUS item not supported: {min(unknown)[:40]}")
    mailbox = session.store.mailbox(name)
    values = " ".join(f"{item} {STATUS_ITEMS[item](mailbox)}" for item in dict.fromkeys(items))
    await session.untagged(f"STATUS {quoted(mailbox.name)} ({values})")
    return "Done"


async def select(session: Session, arguments: Arguments) -> str:
    """SELECT, RFC 3501 section 6.3.1."""
    return await _open(session, arguments, read_only=False)


async def examine(session: Session, arguments: Arguments) -> str:
    """EXAMINE, RFC 3501 section 6.3.2."""
    return await _open(session, arguments, read_only=True)


async def _open(session: Session, arguments: Arguments, *, read_only: bool) -> str:
    name = _one_name(arguments)
    session.deselect()
    view = session.select(session.store.mailbox(name), read_only=read_only)
    for response in _opening(view):
        await session.untagged(response)
    return "[READ-ONLY] Opened" if read_only else "[READ-WRITE] Opened"


def _opening(view: View) -> list[str]:
    mailbox, permanent = view.mailbox, []
    if not view.read_only:
        permanent = [*SYSTEM_FLAGS, *mailbox.keywords.values(), r"\*"]
    unseen = [n for n, message in enumerate(view.messages, 1) if r"\Seen" not in message.flags]
    return [
        view.flags_response(),
        f"OK [PERMANENTFLAGS ({' '.join(permanent)})] Kept",
        f"{len(view.messages)} EXISTS",
        f"{view.recent} RECENT",
        *(f"OK [UNSEEN {number}] First" for number in unseen[:1]),
        f"OK [UIDVALIDITY {mailbox.uidvalidity}] Valid",
        f"OK [UIDNEXT {mailbox.uidnext}] Next",
    ]


async def append(session: Session, arguments: Arguments) -> str:
    """APPEND, RFC 3501 section 6.3.11, with APPENDUID (RFC 4315)."""
    arguments.space()
    name = arguments.mailbox()
    arguments.space()
    flags = arguments.flags() if arguments.looks_at(b"(") else None
    if flags is not None:
        arguments.space()
    date = None
    if arguments.looks_at(b'"'):
        try:
            date = parse_date_time(arguments.string().decode("ascii", "replace"))
        except (ValueError, OverflowError):
            raise BadError("Not a date-time") from None
        arguments.space()
    octets = arguments.literal()
    arguments.end()
    mailbox = destination(session, name)
    message = mailbox.add(octets, flags or (), date)
    return f"[APPENDUID {mailbox.uidvalidity} {message.uid}] Appended"


async def idle(session: Session, arguments: Arguments) -> str:
    """IDLE, RFC 2177: what happens in the selected mailbox is told at once, until DONE."""
    arguments.end()
    await session.updates()
    await session.connection.send(b"+ Idling\r\n")
    session.idling = True
    try:
        line = await session.connection.line()
    finally:
        session.idling = False
    if line.upper() != b"DONE":
        raise BadError("DONE expected")
    return "Idled"


_AUTHENTICATED = State.AUTHENTICATED | State.SELECTED
COMMANDS = {
    "NAMESPACE": Command(namespace, _AUTHENTICATED),
    "LIST": Command(list_mailboxes, _AUTHENTICATED),
    "LSUB": Command(list_subscribed, _AUTHENTICATED),
    "CREATE": Command(create, _AUTHENTICATED),
    "DELETE": Command(delete, _AUTHENTICATED),
    "RENAME": Command(rename, _AUTHENTICATED),
    "SUBSCRIBE": Command(subscribe, _AUTHENTICATED),
    "UNSUBSCRIBE": Command(unsubscribe, _AUTHENTICATED),
    "STATUS": Command(status, _AUTHENTICATED),
    "SELECT": Command(select, _AUTHENTICATED),
    "EXAMINE": Command(examine, _AUTHENTICATED),
    "APPEND": Command(append, _AUTHENTICATED),
    "IDLE": Command(idle, _AUTHENTICATED),
}
