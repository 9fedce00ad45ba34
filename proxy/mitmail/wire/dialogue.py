"""What a mail client and a mail server say to each other in clear text, piece by piece."""

import enum
import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import ClassVar

from mitmail.wire.octets import NotText, Octets

OUTSTANDING_LIMIT = 16384
# A request line (the target is a path, "*" or has a colon) or a status line, RFC 9112.
_HTTP = re.compile(
    rb"[A-Z-]{3,20} (?:/.*|\*|\S*:.*) HTTP/\d(?:\.\d)?\r?\n?|HTTP/\d(?:\.\d)? \d{3}.*\r?\n?",
    re.IGNORECASE,
)


class Kind(enum.Enum):
    """What a piece of a dialogue is."""

    COMMAND = "command"
    """From the client: the last octets of a command, most often its whole line."""
    PART = "part"
    """Earlier octets of a command or of a reply; also a server's line that is no reply at all."""
    LITERAL = "literal"
    """Octets inside an IMAP literal, of either side."""
    SASL = "sasl"
    """From the client: a line of an authentication exchange."""
    BODY = "body"
    """From the client: message data of DATA (its final dot alone in a piece) or BDAT."""
    CONTINUATION = "continuation"
    """From the client: a line that continues a command and is not SASL, as DONE of IDLE."""
    GREETING = "greeting"
    """From the server: the (last line of the) greeting."""
    REPLY = "reply"
    """From the server: the last line of the reply to a command; without one, ``verb`` is empty."""
    CONTINUE = "continue"
    """From the server: 334, 354 or "+", the go-ahead for what continues a command."""
    UNTAGGED = "untagged"
    """From the server: the last octets of an untagged IMAP response."""
    AFTER_STARTTLS = "after-starttls"
    """Behind a STARTTLS command or behind its positive reply: TLS, or injected. Never parsed."""
    OPAQUE = "opaque"
    """Not the protocol (NUL, a TLS record, a line over 64 KiB), and all that follows it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive octets of one side; joined over all pieces, ``raw`` is exactly the input.

    ``verb`` is the upper-case word of the command that the piece belongs to or answers, if the
    protocol knows it, with the word after UID. ``shown`` is ``raw`` as it may be logged.
    """

    kind: Kind
    raw: bytes
    verb: str = ""
    tag: bytes = b""
    status: str = ""
    shown: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether this is a positive final reply or greeting: 2xx, OK, +OK."""
        positive = self.status in ("OK", "+OK") or self.status.startswith("2")
        return positive and self.kind in (Kind.REPLY, Kind.GREETING)


@dataclass(eq=False, slots=True)
class Command:
    """A command that has no final reply yet; two are equal only if they are the same."""

    verb: str
    tag: bytes = b""
    multi_line: bool = False
    answered: bool = False


class Dialogue(ABC):
    """A tracker of one session in clear text; feed it every octet of both sides in their order.

    Nothing is held back but an incomplete line of at most 64 KiB. No input raises.

    A client that does not wait for the go-ahead (of DATA, AUTH, a synchronising literal) is
    taken at its word: its octets are body, SASL or literal until the server refuses; from the
    next octet on they are commands again. A client that keeps to its RFC sends nothing in
    between, and of one that does not, nothing is mistaken for STARTTLS or shown in the clear.
    """

    protocol: ClassVar[str]
    starttls: ClassVar[str]

    def __init__(self) -> None:
        self.greeted = False
        self._forget()

    def _forget(self) -> None:
        self._from_client, self._from_server = Octets(), Octets()
        self._commands: deque[Command] = deque()
        # The command that decides what the client's next octets are, until it is answered.
        self._open: Command | None = None
        self._upgrade: Command | None = None
        self._upgraded = False

    @property
    def outstanding(self) -> tuple[tuple[str, bytes], ...]:
        """The commands not yet answered, oldest first: verb and tag."""
        return tuple((command.verb, command.tag) for command in self._commands)

    def client(self, data: bytes) -> list[Piece]:
        """Take octets from the client, return the pieces that they complete."""
        return self._read(self._from_client, data, self._next_from_client)

    def rest(self) -> list[Piece]:
        """Take the client's last line as if it had an end: the client sends no more."""
        waits = bool(self._from_client) and not self._from_client.opaque
        return self.client(b"\n") if waits else []

    def server(self, data: bytes) -> list[Piece]:
        """Take octets from the server, return the pieces that they complete."""
        return self._read(self._from_server, data, self._next_from_server)

    def secured(self) -> None:
        """TLS is up: forget what clear text taught (RFC 3207 section 4.2); no greeting is due."""
        self._forget()
        self.greeted = True

    @abstractmethod
    def _client_piece(self, octets: Octets) -> Piece | None: ...

    @abstractmethod
    def _server_piece(self, octets: Octets) -> Piece | None: ...

    def _read(
        self, octets: Octets, data: bytes, following: Callable[[Octets], Piece | None]
    ) -> list[Piece]:
        octets.feed(data)
        pieces = []
        while octets:
            try:
                piece = counted(Kind.OPAQUE, octets) if octets.opaque else following(octets)
            except NotText:
                octets.opaque = True
                continue
            if piece is None:
                break
            pieces.append(piece)
        octets.forget()
        return pieces

    def _next_from_client(self, octets: Octets) -> Piece | None:
        if self._upgrade:
            return counted(Kind.AFTER_STARTTLS, octets, self.starttls)
        if len(self._commands) >= OUTSTANDING_LIMIT:
            raise NotText
        return self._client_piece(octets)

    def _next_from_server(self, octets: Octets) -> Piece | None:
        if self._upgraded:
            return counted(Kind.AFTER_STARTTLS, octets, self.starttls)
        return self._server_piece(octets)

    def _complete(self, command: Command) -> None:
        if command.verb == self.starttls and not command.answered:
            self._upgrade = command

    def _answered(self, command: Command, piece: Piece) -> Piece:
        self._commands.remove(command)
        command.answered = True
        if command is self._open:
            self._open = None
        if command is self._upgrade:
            self._upgraded = piece.ok
            self._upgrade = command if piece.ok else None
        return piece


def counted(kind: Kind, octets: Octets, verb: str = "", size: int | None = None) -> Piece:
    """Take ``size`` octets (None: all) as a piece that shows only their number."""
    raw = octets.take(size)
    return Piece(kind, raw, verb, shown=b"<%d octets>" % len(raw))


def known(words: list[bytes], verbs: Container[str]) -> str:
    """Return the first of ``words`` in upper case if it is one of ``verbs``, else nothing."""
    verb = words[0].decode("latin-1").upper() if words else ""
    return verb if verb in verbs else ""


def is_http(line: bytes) -> bool:
    """Tell whether ``line`` begins an HTTP message: a certificate viewer speaks that."""
    return _HTTP.fullmatch(line) is not None
