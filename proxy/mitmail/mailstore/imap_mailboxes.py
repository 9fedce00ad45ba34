"""IMAP commands on mailboxes: SELECT, CREATE, IDLE and their kin."""

from mitmail.mailstore.imap_append import append
from mitmail.mailstore.imap_list import list_mailboxes, list_subscribed
from mitmail.mailstore.imap_parse import Arguments, BadError
from mitmail.mailstore.imap_session import Command, Session, State
from mitmail.mailstore.imap_status import status
from mitmail.mailstore.imap_view import View
from mitmail.mailstore.store import SYSTEM_FLAGS


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


async def enable(session: Session, arguments: Arguments) -> str:
    """ENABLE, RFC 5161: nothing here needs it, so nothing becomes enabled."""
    arguments.space()
    arguments.series(arguments.word)
    arguments.end()
    await session.untagged("ENABLED")
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
    "ENABLE": Command(enable, _AUTHENTICATED),
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
