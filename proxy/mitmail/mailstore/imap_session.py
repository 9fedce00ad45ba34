"""One IMAP client's session: its state, what it is told, and how commands are described."""

from collections.abc import Awaitable, Buffer, Callable
from dataclasses import dataclass
from enum import Flag, auto

from mitmail.mailstore import sasl
from mitmail.mailstore.connection import Connection
from mitmail.mailstore.imap_parse import Arguments, BadError
from mitmail.mailstore.imap_view import View
from mitmail.mailstore.store import Mailbox, Store, StoreError

CAPABILITIES = " ".join(
    (
        *("IMAP4rev1", "SASL-IR", *(f"AUTH={name}" for name in sasl.MECHANISMS)),
        *("LITERAL+", "ID", "ENABLE", "IDLE", "NAMESPACE", "CHILDREN", "SPECIAL-USE"),
        *("LIST-EXTENDED", "LIST-STATUS", "STATUS=SIZE", "UIDPLUS", "UNSELECT", "MOVE"),
        *("MULTIAPPEND", "BINARY"),
    )
)


class State(Flag):
    """The states of RFC 3501 section 3 in which a command is allowed."""

    NOT_AUTHENTICATED = auto()
    AUTHENTICATED = auto()
    SELECTED = auto()


class NoError(Exception):
    """The command is answered with NO and this text, which may start with a code."""


class Session:
    """What one client has done so far. ``farewell`` is said in a BYE when it has ``ended``."""

    def __init__(self, store: Store, connection: Connection) -> None:
        self.store = store
        self.connection = connection
        self.authenticated = False
        self.view: View | None = None
        self.idling = False
        self.ended = False
        self.farewell = ""
        self._failures = 0

    @property
    def state(self) -> State:
        """The session's state."""
        if not self.authenticated:
            return State.NOT_AUTHENTICATED
        return State.SELECTED if self.view else State.AUTHENTICATED

    @property
    def selected(self) -> View:
        """The selected mailbox; commands that use it are allowed in that state only."""
        if self.view is None:
            raise BadError("No mailbox is selected")
        return self.view

    def writable(self) -> View:
        """The selected mailbox for a change; raises ``NoError`` after EXAMINE."""
        if self.selected.read_only:
            raise NoError("[READ-ONLY] The mailbox was opened with EXAMINE")
        return self.selected

    def login(self, user: bytes, password: bytes) -> str:
        """Authenticate; the third wrong password ends the session."""
        if not self.store.authenticate(user, password):
            self._failures += 1
            if self._failures >= sasl.LOGIN_TRIES:
                self.end("Too many wrong passwords")
            raise NoError("[AUTHENTICATIONFAILED] Wrong user name or password")
        self.authenticated = True
        return f"[CAPABILITY {CAPABILITIES}] Logged in"

    def select(self, mailbox: Mailbox, *, read_only: bool) -> View:
        """Open a mailbox in place of the one that was open."""
        self.deselect()
        self.view = View(mailbox, read_only=read_only)
        mailbox.observers.add(self._changed)
        return self.view

    def deselect(self) -> None:
        """Leave the selected mailbox, if there is one."""
        if self.view:
            self.view.mailbox.observers.discard(self._changed)
        self.view = None

    def end(self, farewell: str = "") -> None:
        """Make this the session's last command."""
        self.ended, self.farewell = True, farewell

    async def untagged(self, *pieces: Buffer | str) -> None:
        """Send one untagged response."""
        octets = [piece.encode() if isinstance(piece, str) else piece for piece in pieces]
        await self.connection.send(b"* ", *octets, b"\r\n")

    async def updates(self, *, expunges: bool = True) -> None:
        """Send what has changed in the selected mailbox."""
        for update in self.view.updates(expunges=expunges) if self.view else ():
            await self.untagged(update)

    def push_updates(self) -> None:
        """Send at once what has changed; a client that does not read hears of it later."""
        if self.view and not self.connection.congested:
            for update in self.view.updates(expunges=True):
                self.connection.push(f"* {update}\r\n".encode())

    def _changed(self) -> None:
        if self.idling:
            self.push_updates()


@dataclass(frozen=True, slots=True)
class Command:
    """What a command does, and when; ``run`` gives the text of the tagged OK.

    ``expunges``: whether message numbers may change before the tagged answer, which RFC 3501
    section 7.4.1 forbids for FETCH, STORE and SEARCH.
    """

    run: Callable[[Session, Arguments], Awaitable[str]]
    states: State
    expunges: bool = True


def refusal(error: StoreError) -> NoError:
    """The NO answer for what the store refuses."""
    return NoError(f"[{error.code}] {error}")
