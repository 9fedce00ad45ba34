"""IMAP commands that need no mailbox: capabilities, authentication, NOOP, LOGOUT."""

from mitmail.mailstore import sasl
from mitmail.mailstore.imap_parse import Arguments, BadError
from mitmail.mailstore.imap_session import CAPABILITIES, Command, Session, State


async def capability(session: Session, arguments: Arguments) -> str:
    """CAPABILITY, RFC 3501 section 6.1.1."""
    arguments.end()
    await session.untagged(f"CAPABILITY {CAPABILITIES}")
    return "Done"


async def noop(session: Session, arguments: Arguments) -> str:
    """NOOP, RFC 3501 section 6.1.2; CHECK does the same here."""
    arguments.end()
    return "Done"


async def logout(session: Session, arguments: Arguments) -> str:
    """LOGOUT, RFC 3501 section 6.1.3."""
    arguments.end()
    session.deselect()
    session.end()
    await session.untagged("BYE Until next time")
    return "Logged out"


async def identify(session: Session, arguments: Arguments) -> str:
    """ID, RFC 2971; what the client says of itself is read and forgotten."""

    def value() -> None:
        if not arguments.nil():
            arguments.string()

    arguments.space()
    if not arguments.nil():
        arguments.listed(value)
    arguments.end()
    await session.untagged('ID ("name" "mitmail")')
    return "Done"


async def login(session: Session, arguments: Arguments) -> str:
    """LOGIN, RFC 3501 section 6.2.3."""
    arguments.space()
    user = arguments.astring()
    arguments.space()
    password = arguments.astring()
    arguments.end()
    return session.login(user, password)


async def authenticate(session: Session, arguments: Arguments) -> str:
    """AUTHENTICATE, RFC 3501 section 6.2.2, with an initial response (RFC 4959)."""
    arguments.space()
    mechanism = arguments.word()
    initial = arguments.rest() if arguments.more() else None
    arguments.end()
    try:
        credentials = await sasl.credentials(session.connection, mechanism, initial)
    except sasl.SaslError as error:
        raise BadError(str(error)) from None
    return session.login(*credentials)


_ANY = State.NOT_AUTHENTICATED | State.AUTHENTICATED | State.SELECTED
COMMANDS = {
    "CAPABILITY": Command(capability, _ANY),
    "NOOP": Command(noop, _ANY),
    "LOGOUT": Command(logout, _ANY),
    "ID": Command(identify, _ANY),
    "LOGIN": Command(login, State.NOT_AUTHENTICATED),
    "AUTHENTICATE": Command(authenticate, State.NOT_AUTHENTICATED),
}
