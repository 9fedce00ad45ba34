"""APPEND (RFC 3501 section 6.3.11), of several messages too (RFC 3502), and of any octets."""

from mitmail.mailstore.imap_date import parse_date_time
from mitmail.mailstore.imap_parse import Arguments, BadError
from mitmail.mailstore.imap_sequence import compact
from mitmail.mailstore.imap_session import NoError, Session
from mitmail.mailstore.store import Mailbox, Message, StoreError, now


def destination(session: Session, name: str) -> Mailbox:
    """The mailbox that APPEND, COPY and MOVE name; raises ``NoError`` (TRYCREATE)."""
    try:
        return session.store.mailbox(name)
    except StoreError as error:
        raise NoError(f"[TRYCREATE] {error}") from None


async def append(session: Session, arguments: Arguments) -> str:
    """APPEND all messages or none, with APPENDUID (RFC 4315)."""
    arguments.space()
    name = arguments.mailbox()
    messages = []
    while arguments.more():
        messages.append(_message(arguments))
    arguments.end()
    if not messages:
        raise BadError("Message expected")
    mailbox = destination(session, name)
    uids = [message.uid for message in mailbox.add_all(messages)]
    return f"[APPENDUID {mailbox.uidvalidity} {compact(uids)}] Appended"


def _message(arguments: Arguments) -> Message:
    flags, date = list[str](), None
    if arguments.looks_at(b"("):
        flags = arguments.flags()
        arguments.space()
    if arguments.looks_at(b'"'):
        try:
            date = parse_date_time(arguments.string().decode("ascii", "replace"))
        except (ValueError, OverflowError):
            raise BadError("Not a date-time") from None
        arguments.space()
    arguments.accept(b"~")  # RFC 3516 section 4.4: octets of any value
    return Message(0, arguments.literal(), date or now(), frozenset(flags))
