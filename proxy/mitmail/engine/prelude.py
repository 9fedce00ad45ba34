"""The clear-text dialogue before STARTTLS, on both sides of a session.

Two roles: :class:`Relay` stands between a client and a server that both speak STARTTLS;
:class:`Offer` stands before a server that knows no TLS, and offers and answers STARTTLS itself.
"""

from collections import deque
from dataclasses import dataclass
from typing import Protocol

from mitmail.engine.action import Who
from mitmail.engine.spec import MailProtocol
from mitmail.wire import Dialogue, Kind, Piece
from mitmail.wire.capability import rewrite

STARTTLS = frozenset({"STARTTLS", "STLS"})
# RFC 3207 section 4, RFC 2595 section 2.3, RFC 8314 section 3: no credentials before TLS.
WITHHELD = {
    "smtp": frozenset({"AUTH"}),
    "imap": frozenset({"LOGIN", "AUTHENTICATE"}),
    "pop3": frozenset({"USER", "PASS", "APOP", "AUTH"}),
}
CREDENTIALS = frozenset({"AUTH", "LOGIN", "AUTHENTICATE", "PASS", "APOP"})
REFUSAL = {
    "smtp": b"530 5.7.0 Must issue a STARTTLS command first\r\n",
    "imap": b"%(tag)b NO [PRIVACYREQUIRED] Use STARTTLS first\r\n",
    "pop3": b"-ERR Use STLS first\r\n",
}
GO_AHEAD = {
    "smtp": b"220 2.0.0 Ready to start TLS\r\n",
    "imap": b"%(tag)b OK Begin TLS negotiation now\r\n",
    "pop3": b"+OK Begin TLS negotiation\r\n",
}
OFFERED = {"smtp": ("STARTTLS",), "imap": ("STARTTLS", "LOGINDISABLED"), "pop3": ("STLS",)}
HIDDEN = {"smtp": ("AUTH",), "imap": ("AUTH", "SASL-IR"), "pop3": ("USER", "SASL")}
ANNOUNCING = frozenset({"EHLO", "CAPA", "CAPABILITY", ""})
SYNCHRONISING = (b"}\r\n", b"}\n")
QUEUE_LIMIT = 256


@dataclass(frozen=True, slots=True)
class Pass:
    """Send these octets on to one side."""

    who: Who
    octets: bytes


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The go-ahead is on its way to the client: TLS starts now."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Octets behind STARTTLS, or behind its go-ahead, were not relayed."""

    who: Who
    octets: bytes


@dataclass(frozen=True, slots=True)
class Noted:
    """A fact about the dialogue."""

    fact: str
    verb: str


type Step = Pass | Upgrade | Dropped | Noted


class Prelude(Protocol):
    """What the two roles have in common."""

    def client(self, pieces: list[Piece]) -> list[Step]:
        """Handle what the client said."""

    def server(self, pieces: list[Piece]) -> list[Step]:
        """Handle what the server said."""


class Relay:
    """Relays everything; both sides upgrade when the server gives the go-ahead."""

    def client(self, pieces: list[Piece]) -> list[Step]:
        """Handle what the client said."""
        steps: list[Step] = []
        for piece in pieces:
            if piece.kind is Kind.AFTER_STARTTLS:
                steps.append(Dropped("client", piece.raw))
                continue
            if piece.kind is Kind.COMMAND and piece.verb in STARTTLS:
                steps.append(Noted("starttls-command", piece.verb))
            if piece.kind is Kind.COMMAND and piece.verb in CREDENTIALS:
                steps.append(Noted("credentials-in-clear", piece.verb))
            steps.append(Pass("server", piece.raw))
        return steps

    def server(self, pieces: list[Piece]) -> list[Step]:
        """Handle what the server said."""
        steps: list[Step] = []
        for piece in pieces:
            if piece.kind is Kind.AFTER_STARTTLS:
                steps.append(Dropped("server", piece.raw))
                continue
            steps.append(Pass("client", piece.raw))
            if piece.kind is Kind.REPLY and piece.verb in STARTTLS:
                steps.append(Upgrade() if piece.ok else Noted("starttls-refused", piece.verb))
        return steps


class Offer:
    """Offers STARTTLS on behalf of a server that knows none, and withholds credentials till then.

    Commands go on one at a time, so that an answer of our own never overtakes the server's.
    """

    def __init__(self, dialogue: Dialogue, protocol: MailProtocol) -> None:
        self._dialogue = dialogue
        self._protocol: MailProtocol = protocol
        self._queue: deque[Piece] = deque()
        self._open = False  # a command has begun to go on and its last octets have not
        self._swallowing = False  # a command was refused before its last octets came
        self._reply: list[Piece] = []
        self._awaited = 0  # replies of the server that are still due

    def client(self, pieces: list[Piece]) -> list[Step]:
        """Handle what the client said."""
        steps: list[Step] = []
        for piece in pieces:
            if piece.kind is Kind.AFTER_STARTTLS:
                steps.append(Dropped("client", piece.raw))
            elif len(self._queue) < QUEUE_LIMIT:
                self._queue.append(piece)
        return steps + self._go_on()

    def server(self, pieces: list[Piece]) -> list[Step]:
        """Handle what the server said."""
        self._reply += pieces
        final = {Kind.REPLY, Kind.GREETING, Kind.CONTINUE}
        if self._awaited and not any(piece.kind in final for piece in pieces):
            return []
        return [*self._flush(), *self._go_on()]

    def _flush(self) -> list[Step]:
        pieces, self._reply = self._reply, []
        replies = sum(piece.kind is Kind.REPLY for piece in pieces)
        self._awaited = max(0, self._awaited - replies)
        octets = b"".join(piece.raw for piece in pieces)
        if {piece.verb for piece in pieces} & ANNOUNCING:
            add, remove = OFFERED[self._protocol], HIDDEN[self._protocol]
            octets = rewrite(self._protocol, octets, add=add, remove=remove)
        return [Pass("client", octets)] if octets else []

    def _go_on(self) -> list[Step]:
        steps: list[Step] = []
        while self._queue and self._dialogue.greeted and (self._open or not self._awaited):
            steps += self._handle(self._queue.popleft())
            if steps and isinstance(steps[-1], Upgrade):
                break
        return steps

    def _handle(self, piece: Piece) -> list[Step]:
        complete = piece.kind is Kind.COMMAND
        if self._swallowing:
            self._swallowing = not complete
            return self._answer(piece, REFUSAL) if complete else []
        if complete and piece.verb in STARTTLS and not self._open:
            noted = Noted("starttls-command", piece.verb)
            return [noted, *self._answer(piece, GO_AHEAD), Upgrade()]
        if piece.verb in WITHHELD[self._protocol] and not self._open:
            return self._withhold(piece, complete=complete)
        if piece.kind in {Kind.COMMAND, Kind.PART} and not self._open:
            self._awaited += 1
        self._open = piece.kind in {Kind.PART, Kind.LITERAL}
        return [Pass("server", piece.raw)]

    def _withhold(self, piece: Piece, *, complete: bool) -> list[Step]:
        noted = Noted("credentials-in-clear", piece.verb)
        # Behind a synchronising literal the client waits for our word; behind "{n+}" it does not.
        waits = piece.raw.endswith(SYNCHRONISING) and b"+}" not in piece.raw[-4:]
        self._swallowing = not complete and not waits
        return [noted, *([] if self._swallowing else self._answer(piece, REFUSAL))]

    def _answer(self, piece: Piece, answers: dict[str, bytes]) -> list[Step]:
        answer = answers[self._protocol]
        if self._protocol == "imap":
            answer %= {b"tag": piece.tag}
        self._dialogue.server(answer)
        return [Pass("client", answer)]
