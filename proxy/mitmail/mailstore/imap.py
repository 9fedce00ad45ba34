"""IMAP4rev1 (RFC 3501): reads commands, finds them in the tables, answers with the tag."""

from mitmail.mailstore import imap_login, imap_mailboxes, imap_messages
from mitmail.mailstore.connection import Connection, LineTooLongError
from mitmail.mailstore.imap_command import Received, TooLongError, receive
from mitmail.mailstore.imap_parse import BadError
from mitmail.mailstore.imap_session import (
    CAPABILITIES,
    Command,
    NoError,
    Session,
    refusal,
)
from mitmail.mailstore.store import Store, StoreError

COMMANDS: dict[str, Command] = {
    **imap_login.COMMANDS,
    **imap_mailboxes.COMMANDS,
    **imap_messages.COMMANDS,
}


async def serve(store: Store, connection: Connection) -> None:
    """Hold one session until LOGOUT, a third wrong password or a command that is too long."""
    session = Session(store, connection)
    await session.untagged(f"OK [CAPABILITY {CAPABILITIES}] mitmail IMAP ready")
    try:
        while not session.ended:
            await _next_command(session)
        if session.farewell:
            await session.untagged(f"BYE {session.farewell}")
    finally:
        session.deselect()


async def _next_command(session: Session) -> None:
    try:
        received = await receive(session.connection, authenticated=session.authenticated)
    except TooLongError as error:
        session.end(str(error))
        await session.connection.send(f"{error.tag} BAD {error}\r\n".encode())
        return
    answer = await _answer(session, received)
    await session.connection.send(f"{received.tag} {answer}\r\n".encode())


async def _answer(session: Session, received: Received) -> str:
    command = COMMANDS.get(received.name)
    try:
        if command is None:
            raise BadError(f"Unknown command {received.name[:40]}".rstrip())
        if session.state not in command.states:
            raise BadError("Not in this state")
        if received.refused:
            raise (NoError if received.name == "APPEND" else BadError)(
                "[OVERQUOTA] The literal is too large"
            )
        done = await command.run(session, received.arguments)
        await session.updates(expunges=command.expunges)
    except LineTooLongError:
        session.end("The line is too long")
        return "BAD The line is too long"
    except BadError as error:
        return f"BAD {error}"
    except NoError as error:
        return f"NO {error}"
    except StoreError as error:
        return f"NO {refusal(error)}"
    return f"OK {done}"
