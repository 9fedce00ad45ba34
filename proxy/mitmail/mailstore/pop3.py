"""POP3 (RFC 1939) with CAPA (RFC 2449) and SASL PLAIN and LOGIN (RFC 5034)."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import Flag, auto

from mitmail.mailstore import sasl
from mitmail.mailstore.connection import Connection, LineTooLongError
from mitmail.mailstore.store import Message, Store
from mitmail.message.header import header_end

CAPABILITIES = (
    *(b"USER", b"UIDL", b"TOP", b"PIPELINING", b"RESP-CODES", b"AUTH-RESP-CODE"),
    b"SASL " + " ".join(sasl.MECHANISMS).encode(),
)


class State(Flag):
    """The states of RFC 1939 section 3 in which a command is allowed."""

    AUTHORIZATION = auto()
    TRANSACTION = auto()


class RefusedError(Exception):
    """The command is answered with -ERR and this text."""


class Session:
    """One client's session; the maildrop is what INBOX held at login."""

    def __init__(self, store: Store, connection: Connection) -> None:
        self.store = store
        self.connection = connection
        self.state = State.AUTHORIZATION
        self.user: bytes | None = None
        self.failures = 0
        self.ended = False
        self.maildrop: list[Message] = []
        self.deleted: set[int] = set()

    def login(self, user: bytes, password: bytes) -> str:
        """Open the maildrop; the third wrong password ends the session."""
        if not self.store.authenticate(user, password):
            self.failures += 1
            self.ended = self.failures >= sasl.LOGIN_TRIES
            raise RefusedError("[AUTH] Wrong user name or password")
        self.state = State.TRANSACTION
        self.maildrop = list(self.store.inbox.messages.values())
        return self.summary()

    def message(self, argument: bytes) -> tuple[int, Message]:
        """Number and message that an argument names, unless deleted."""
        number = _number(argument)
        if not 1 <= number <= len(self.maildrop) or number in self.deleted:
            raise RefusedError("No such message")
        return number, self.maildrop[number - 1]

    def listed(self, argument: bytes) -> list[tuple[int, Message]]:
        """The one message that is named, or all that are not deleted."""
        if argument:
            return [self.message(argument)]
        numbered = enumerate(self.maildrop, 1)
        return [(number, found) for number, found in numbered if number not in self.deleted]

    def summary(self) -> str:
        """How many messages and octets there are."""
        left = [message for _, message in self.listed(b"")]
        return f"{len(left)} messages ({sum(len(message.octets) for message in left)} octets)"

    async def multiline(self, text: str, lines: Iterable[bytes]) -> None:
        """A +OK answer with more lines (RFC 1939 section 3); they need no dot-stuffing."""
        await self.connection.send(b"+OK ", text.encode(), b"\r\n")
        for line in lines:
            await self.connection.send(line, b"\r\n")
        await self.connection.send(b".\r\n")

    async def content(self, octets: bytes) -> None:
        """A +OK answer with a message; only CRLF ends a line, so a bare LF needs no stuffing."""
        stuffed = octets.replace(b"\r\n.", b"\r\n..")
        dot = b"." if octets.startswith(b".") else b""
        end = b"" if octets.endswith(b"\r\n") or not octets else b"\r\n"
        await self.connection.send(b"+OK %d octets\r\n" % len(octets), dot, stuffed, end, b".\r\n")


async def serve(store: Store, connection: Connection) -> None:
    """Hold one session until QUIT, a third wrong password or a line that is too long."""
    session = Session(store, connection)
    await connection.send(b"+OK mitmail POP3 ready\r\n")
    while not session.ended:
        try:
            line = await connection.line()
            answer = await _answer(session, line)
        except RefusedError as refusal:
            answer = f"-ERR {refusal}"
        except LineTooLongError:
            session.ended = True
            answer = "-ERR The line is too long"
        if answer:
            await connection.send(answer.encode(), b"\r\n")


async def _answer(session: Session, line: bytes) -> str:
    keyword, _, argument = line.partition(b" ")
    command = COMMANDS.get(keyword.upper())
    if command is None:
        raise RefusedError("Unknown command")
    if session.state not in command.states:
        raise RefusedError("Not now")
    text = await command.run(session, argument)
    return "" if text is None else f"+OK {text}".rstrip()


async def _capa(session: Session, argument: bytes) -> None:
    await session.multiline("Capabilities", CAPABILITIES)


async def _user(session: Session, argument: bytes) -> str:
    if not argument:
        raise RefusedError("USER needs a name")
    session.user = argument
    return ""


async def _pass(session: Session, argument: bytes) -> str:
    if session.user is None:
        raise RefusedError("USER comes first")
    user, session.user = session.user, None
    return session.login(user, argument)


async def _auth(session: Session, argument: bytes) -> str | None:
    mechanism, *initial = argument.split() or [b""]
    if not mechanism:  # Outlook and Thunderbird ask for the list so, after an expired draft
        await session.multiline("Mechanisms", (name.encode() for name in sasl.MECHANISMS))
        return None
    try:
        credentials = await sasl.credentials(
            session.connection, mechanism.decode("ascii", "replace"), next(iter(initial), None)
        )
    except sasl.SaslError as error:
        raise RefusedError(str(error)) from None
    return session.login(*credentials)


async def _stat(session: Session, argument: bytes) -> str:
    left = [message for _, message in session.listed(b"")]
    return f"{len(left)} {sum(len(message.octets) for message in left)}"


async def _list(session: Session, argument: bytes) -> str | None:
    lines = [f"{number} {len(found.octets)}" for number, found in session.listed(argument)]
    return await _one_or_all(session, argument, lines)


async def _uidl(session: Session, argument: bytes) -> str | None:
    prefix = session.store.inbox.uidvalidity
    lines = [f"{number} {prefix}.{found.uid}" for number, found in session.listed(argument)]
    return await _one_or_all(session, argument, lines)


async def _one_or_all(session: Session, argument: bytes, lines: list[str]) -> str | None:
    if argument:
        return lines[0]
    await session.multiline(session.summary(), (line.encode() for line in lines))
    return None


async def _retr(session: Session, argument: bytes) -> None:
    await session.content(session.message(argument)[1].octets)


async def _top(session: Session, argument: bytes) -> None:
    number, _, count = argument.partition(b" ")
    octets, left = session.message(number)[1].octets, _number(count)
    end = header_end(octets)
    while left > 0 and end < len(octets):
        end = octets.find(b"\n", end) + 1 or len(octets)
        left -= 1
    await session.content(octets[:end])


async def _dele(session: Session, argument: bytes) -> str:
    number, _ = session.message(argument)
    session.deleted.add(number)
    return f"Message {number} deleted"


async def _rset(session: Session, argument: bytes) -> str:
    session.deleted.clear()
    return session.summary()


async def _noop(session: Session, argument: bytes) -> str:
    return ""


async def _quit(session: Session, argument: bytes) -> str:
    session.store.inbox.remove(session.maildrop[number - 1] for number in session.deleted)
    session.ended = True
    return "Bye"


def _number(argument: bytes) -> int:
    if not argument.isdigit() or len(argument) > 10:
        raise RefusedError("Not a number")
    return int(argument)


@dataclass(frozen=True, slots=True)
class Command:
    """What a command does, and when; ``run`` gives the +OK text, or None if it answered."""

    run: Callable[[Session, bytes], Awaitable[str | None]]
    states: State


_ANY = State.AUTHORIZATION | State.TRANSACTION
COMMANDS = {
    b"CAPA": Command(_capa, _ANY),
    b"QUIT": Command(_quit, _ANY),
    b"USER": Command(_user, State.AUTHORIZATION),
    b"PASS": Command(_pass, State.AUTHORIZATION),
    b"AUTH": Command(_auth, State.AUTHORIZATION),
    b"STAT": Command(_stat, State.TRANSACTION),
    b"LIST": Command(_list, State.TRANSACTION),
    b"UIDL": Command(_uidl, State.TRANSACTION),
    b"RETR": Command(_retr, State.TRANSACTION),
    b"TOP": Command(_top, State.TRANSACTION),
    b"DELE": Command(_dele, State.TRANSACTION),
    b"RSET": Command(_rset, State.TRANSACTION),
    b"NOOP": Command(_noop, State.TRANSACTION),
}
