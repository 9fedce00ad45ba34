"""The clear-text dialogue before STARTTLS, on both sides of a session.

Two roles: :class:`Relay` stands between a client and a server that both speak STARTTLS;
:class:`Offer` stands before a server that knows no TLS, and offers and answers STARTTLS itself.
"""

import re
from collections import deque
from dataclasses import dataclass
from typing import Literal

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
# The replies that tell capabilities; IMAP's greeting and untagged responses answer no command.
ANNOUNCING = {
    "smtp": frozenset({"EHLO"}),
    "imap": frozenset({"CAPABILITY", ""}),
    "pop3": frozenset({"CAPA"}),
}
# RFC 9051 section 4.3: behind "{n}" the client waits for our word, behind "{n+}" it does not.
SYNCHRONISING = re.compile(rb"\d\}\r?\n\Z")
# What follows a command without waiting for its reply.
CONTINUING = frozenset({Kind.LITERAL, Kind.SASL, Kind.BODY, Kind.CONTINUATION, Kind.OPAQUE})
QUEUE_LIMIT = 256  # pieces that wait for the server
REPLY_LIMIT = 65536  # octets of a reply that wait for its end


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


@dataclass(frozen=True, slots=True)
class Flood:
    """The client said more than is kept for a server that does not answer."""


type Step = Pass | Upgrade | Dropped | Noted | Flood


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
            if piece.kind is Kind.COMMAND and gives_credentials(piece):
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
        # A refused command whose end has not come: "unheard" was sent without waiting for us.
        self._withheld: Literal["", "unanswered", "answered", "unheard"] = ""
        self._reply: list[Piece] = []
        self._awaited = 0  # replies of the server that are still due

    def client(self, pieces: list[Piece]) -> list[Step]:
        """Handle what the client said."""
        steps: list[Step] = []
        for piece in pieces:
            if piece.kind is Kind.AFTER_STARTTLS:
                steps.append(Dropped("client", piece.raw))
            else:
                self._queue.append(piece)
        steps += self._go_on()
        return [*steps, Flood()] if len(self._queue) > QUEUE_LIMIT else steps

    def server(self, pieces: list[Piece]) -> list[Step]:
        """Handle what the server said."""
        self._reply += pieces
        final = {Kind.REPLY, Kind.GREETING, Kind.CONTINUE}
        due = self._awaited and not any(piece.kind in final for piece in pieces)
        if due and sum(len(piece.raw) for piece in self._reply) < REPLY_LIMIT:
            return []
        return [*self._flush(), *self._go_on()]

    def _flush(self) -> list[Step]:
        pieces, self._reply = self._reply, []
        replies = sum(piece.kind is Kind.REPLY for piece in pieces)
        self._awaited = max(0, self._awaited - replies)
        octets = b"".join(piece.raw for piece in pieces)
        if {piece.verb for piece in pieces} & ANNOUNCING[self._protocol]:
            add, remove = OFFERED[self._protocol], HIDDEN[self._protocol]
            octets = rewrite(self._protocol, octets, add=add, remove=remove)
        return [Pass("client", octets)] if octets else []

    def _go_on(self) -> list[Step]:
        steps: list[Step] = []
        while self._queue and self._may_go_on(self._queue[0]):
            steps += self._handle(self._queue.popleft())
            if steps and isinstance(steps[-1], Upgrade):
                break
        return steps

    def _may_go_on(self, piece: Piece) -> bool:
        continues = self._open or self._withheld or piece.kind in CONTINUING
        return self._dialogue.greeted and (bool(continues) or not self._awaited)

    def _handle(self, piece: Piece) -> list[Step]:
        # A client that waited for the refusal of its literal begins a new command now.
        if self._withheld == "answered" and piece.kind is not Kind.LITERAL:
            self._withheld = ""
        if self._withheld:
            return self._skip(piece)
        if piece.kind is Kind.COMMAND and piece.verb in STARTTLS and not self._open:
            noted = Noted("starttls-command", piece.verb)
            return [noted, *self._answer(piece, GO_AHEAD), Upgrade()]
        if piece.verb in WITHHELD[self._protocol] and not self._open:
            return self._withhold(piece)
        if piece.kind in {Kind.COMMAND, Kind.PART} and not self._open:
            self._awaited += 1
        self._open = piece.kind in {Kind.PART, Kind.LITERAL}
        return [Pass("server", piece.raw)]

    def _withhold(self, piece: Piece) -> list[Step]:
        if piece.kind is Kind.SASL:  # pipelined behind a command that has been refused
            return []
        self._withheld = "unanswered"
        # PASS would have followed USER, had it not been refused.
        gives = piece.verb == "USER" or gives_credentials(piece)
        noted = [Noted("credentials-in-clear", piece.verb)] if gives else []
        return [*noted, *self._skip(piece)]

    def _skip(self, piece: Piece) -> list[Step]:
        complete = piece.kind is Kind.COMMAND
        waits = complete or SYNCHRONISING.search(piece.raw) is not None
        if self._withheld == "unanswered" and waits:
            self._withheld = "" if complete else "answered"
            return self._answer(piece, REFUSAL)
        if self._withheld == "answered":
            self._withheld = "unheard"
        if complete:
            self._withheld = ""
        return []

    def _answer(self, piece: Piece, answers: dict[str, bytes]) -> list[Step]:
        answer = answers[self._protocol]
        if self._protocol == "imap":
            answer %= {b"tag": piece.tag}
        self._dialogue.server(answer)
        return [Pass("client", answer)]


def gives_credentials(piece: Piece) -> bool:
    """Whether a command hands over credentials, or begins to."""
    bare = piece.verb == "AUTH" and len(piece.raw.split()) == 1  # POP3: which mechanisms?
    return piece.verb in CREDENTIALS and not bare
