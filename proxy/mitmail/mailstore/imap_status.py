"""STATUS (RFC 3501 section 6.3.10), with SIZE (RFC 8438): numbers of any mailbox."""

from collections.abc import Callable

from mitmail.mailstore.imap_name import quoted
from mitmail.mailstore.imap_parse import Arguments, BadError
from mitmail.mailstore.imap_session import Session
from mitmail.mailstore.store import Mailbox

ITEMS: dict[str, Callable[[Mailbox], int]] = {
    "MESSAGES": lambda mailbox: len(mailbox.messages),
    "RECENT": lambda mailbox: sum(uid >= mailbox.recent_from for uid in mailbox.messages),
    "UIDNEXT": lambda mailbox: mailbox.uidnext,
    "UIDVALIDITY": lambda mailbox: mailbox.uidvalidity,
    "UNSEEN": lambda mailbox: sum(r"\Seen" not in m.flags for m in mailbox.messages.values()),
    "SIZE": lambda mailbox: sum(len(m.octets) for m in mailbox.messages.values()),
}


async def status(session: Session, arguments: Arguments) -> str:
    """STATUS."""
    arguments.space()
    name = arguments.mailbox()
    arguments.space()
    items = read_items(arguments)
    arguments.end()
    await session.untagged(response(session.store.mailbox(name), items))
    return "Done"


def read_items(arguments: Arguments) -> list[str]:
    """Status items in parentheses, each once; raises ``BadError``."""
    items = arguments.some(arguments.word)
    if unknown := set(items) - set(ITEMS):
        raise BadError(f"STATUS item not supported: {min(unknown)[:40]}")
    return list(dict.fromkeys(items))


def response(mailbox: Mailbox, items: list[str]) -> str:
    """The untagged STATUS response."""
    values = " ".join(f"{item} {ITEMS[item](mailbox)}" for item in items)
    return f"STATUS {quoted(mailbox.name)} ({values})"
