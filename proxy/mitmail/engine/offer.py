"""Offers STARTTLS, and answers it, as the session's conduct says."""

import re
from collections import deque
from dataclasses import replace
from typing import Literal

from mitmail.conduct import PROPER, Capabilities, Conduct
from mitmail.engine.announcement import REPLY_LIMIT, WARNING, Announcements, in_clear
from mitmail.engine.backlog import LIMIT
from mitmail.engine.placeholder import fill
from mitmail.engine.prelude import (
    STARTTLS,
    Attacked,
    BreakOff,
    Dropped,
    Flood,
    GoOn,
    Noted,
    Pass,
    Step,
    Upgrade,
    gives_credentials,
)
from mitmail.engine.spec import MailProtocol
from mitmail.wire import Dialogue, Kind, Piece

# RFC 3207 section 4, RFC 2595 section 2.3, RFC 8314 section 3: no credentials before TLS.
WITHHELD: dict[MailProtocol, frozenset[str]] = {
    "smtp": frozenset({"AUTH"}),
    "imap": frozenset({"LOGIN", "AUTHENTICATE"}),
    "pop3": frozenset({"USER", "PASS", "APOP", "AUTH"}),
}
# What a client may say on its way to STARTTLS, even to a server that it must not reach.
HARMLESS: dict[MailProtocol, frozenset[str]] = {
    "smtp": frozenset({"EHLO", "HELO", "LHLO", "NOOP", "RSET", "HELP", "QUIT"}),
    "imap": frozenset({"CAPABILITY", "NOOP", "LOGOUT"}),
    "pop3": frozenset({"CAPA", "NOOP", "QUIT"}),
}
ASKING = frozenset({"EHLO", "CAPABILITY", "CAPA"})
REFUSAL: dict[MailProtocol, bytes] = {
    "smtp": b"530 5.7.0 Must issue a STARTTLS command first\r\n",
    "imap": b"{tag} NO [PRIVACYREQUIRED] Use STARTTLS first\r\n",
    "pop3": b"-ERR Use STLS first\r\n",
}
GO_AHEAD: dict[MailProtocol, bytes] = {
    "smtp": b"220 2.0.0 Ready to start TLS\r\n",
    "imap": b"{tag} OK Begin TLS negotiation now\r\n",
    "pop3": b"+OK Begin TLS negotiation\r\n",
}
# RFC 5321 section 4.2.4, RFC 9051 section 7.1.3, RFC 1939 section 3.
UNKNOWN: dict[MailProtocol, bytes] = {
    "smtp": b"502 5.5.1 Command not implemented\r\n",
    "imap": b"{tag} BAD Unknown command\r\n",
    "pop3": b"-ERR Unknown command\r\n",
}


def without_tls(protocol: MailProtocol) -> Conduct:
    """How a server that knows no TLS conducts the dialogue: there is nothing to be said of it."""
    return Conduct(
        offer="removed", clear=Capabilities(remove=WARNING[protocol]), login=True,
        answer=UNKNOWN[protocol], then="clear",
    )  # fmt: skip


# RFC 9051 section 4.3: behind "{n}" the client waits for our word, behind "{n+}" it does not.
SYNCHRONISING = re.compile(rb"\d\}\r?\n\Z")
# What follows a command without waiting for its reply.
CONTINUING = frozenset({Kind.LITERAL, Kind.SASL, Kind.BODY, Kind.CONTINUATION, Kind.OPAQUE})
STREAMED = frozenset({Kind.LITERAL, Kind.BODY, Kind.OPAQUE, Kind.AFTER_STARTTLS})
QUEUE_LIMIT = 256  # pieces that wait for the server


class Offer:
    """Offers STARTTLS in the server's place, and withholds credentials till then.

    Commands go on one at a time, so that an answer of our own never overtakes the server's.
    ``conduct`` says what is other than it should be. The dialogue is told only of the server's
    own words and of whether a command has been answered: what is injected answers none.
    """

    def __init__(
        self, dialogue: Dialogue, protocol: MailProtocol, conduct: Conduct = PROPER
    ) -> None:
        self._dialogue = dialogue
        self._protocol: MailProtocol = protocol
        self._conduct = conduct
        self._properly = in_clear(protocol, PROPER)
        self._oddly = in_clear(protocol, conduct)
        self._announcements = Announcements(protocol, self._announce)
        self._odd = False  # an announcement is not what it should be
        self._queue: deque[Piece] = deque()
        self._waiting = 0  # octets in the queue
        self._open = False  # a command has begun to go on and its last octets have not
        # A refused command whose end has not come: "unheard" was sent without waiting for us.
        self._withheld: Literal["", "unanswered", "answered", "unheard"] = ""
        self._begun = ("", b"")  # the verb and tag of the command that either is about
        self._guarded = False  # nothing of the client's may reach the server
        self._unreadable = False  # the server may not know the tag of what it was sent last
        self._awaited = 0  # replies of the server that are still due
        self._asked = False  # the client has sent STARTTLS
        self._greeting: bytes | None = b""  # as far as it has come, while it is awaited

    @property
    def holds(self) -> bool:
        """Whether a command waits for the reply to another one."""
        return bool(self._queue)

    @property
    def behind(self) -> bytes:
        """What the client sent behind a STARTTLS that has not been answered."""
        return b"".join(x.raw for x in self._queue if x.kind is Kind.AFTER_STARTTLS)

    def guard(self) -> None:
        """Let nothing through any more but what leads to STARTTLS."""
        self._guarded = True

    def client(self, pieces: list[Piece]) -> list[Step]:
        """Handle what the client said."""
        for piece in pieces:
            self._asked = self._asked or (piece.kind is Kind.COMMAND and piece.verb in STARTTLS)
            self._enqueue(piece)
        steps = self._go_on()
        if len(self._queue) > QUEUE_LIMIT or self._waiting > LIMIT:
            return [*steps, Flood()]
        return steps

    def _enqueue(self, piece: Piece) -> None:
        self._waiting += len(piece.raw)
        # What has no lines comes in pieces of any number: the network cut them.
        last = self._queue[-1] if self._queue and piece.kind in STREAMED else None
        if last is not None and (last.kind, last.tag) == (piece.kind, piece.tag):
            self._queue[-1] = replace(last, raw=last.raw + piece.raw)
        else:
            self._queue.append(piece)

    def server(self, pieces: list[Piece]) -> list[Step]:
        """Handle what the server said."""
        return [*self._hear(pieces), *self._go_on()]

    def _hear(self, pieces: list[Piece]) -> list[Step]:
        steps: list[Step] = []
        for piece, octets in self._announcements.read(pieces):
            if self._greeting is not None and self._conduct.greeting is not None:
                steps += self._greet(piece, octets, self._conduct.greeting)
                continue
            if self._odd:
                self._odd = False
                steps.append(Attacked("capabilities"))
            steps.append(Pass("client", octets))
            # RFC 9051 section 7.1.3: BAD without a tag answers what has no tag to be read.
            if piece.kind is Kind.REPLY or (self._unreadable and piece.status == "BAD"):
                self._awaited, self._unreadable = max(0, self._awaited - 1), False
                steps += self._early(piece.tag)
        return steps

    def _announce(self, reply: bytes) -> bytes:
        shown = self._oddly(reply)
        self._odd = shown != self._properly(reply)
        return shown

    def _greet(self, piece: Piece, octets: bytes, greeting: bytes) -> list[Step]:
        own = ((self._greeting or b"") + octets)[:REPLY_LIMIT]
        self._greeting = own
        if piece.kind is not Kind.GREETING:
            return []
        self._greeting = None
        self._odd = False
        text = fill(greeting, greeting=own.removesuffix(b"\n").removesuffix(b"\r"))
        return [Attacked("greeting"), Pass("client", text)]

    def _early(self, tag: bytes) -> list[Step]:
        if self._asked or not self._conduct.early:
            return []
        early = fill(self._conduct.early, tag=tag)
        return [Attacked("early", around=True), Pass("client", early)]

    def _go_on(self) -> list[Step]:
        steps: list[Step] = []
        while self._queue and self._may_go_on(self._queue[0]):
            piece = self._queue.popleft()
            self._waiting -= len(piece.raw)
            steps += self._handle(piece)
            if steps and isinstance(steps[-1], Upgrade | BreakOff):
                steps += [Dropped("client", piece.raw) for piece in self._queue]
                self._queue.clear()
                self._waiting = 0
        return steps

    def _may_go_on(self, piece: Piece) -> bool:
        begun = (piece.verb, piece.tag) == self._begun and (self._open or self._withheld)
        continues = begun or piece.kind in CONTINUING
        return self._dialogue.greeted and (bool(continues) or not self._awaited)

    def _handle(self, piece: Piece) -> list[Step]:
        if piece.kind is Kind.AFTER_STARTTLS:
            return [Dropped("client", piece.raw)]
        # A client that waited for the refusal of its literal begins a new command now.
        waited = self._withheld == "answered" and piece.kind is not Kind.LITERAL
        if waited or (piece.verb, piece.tag) != self._begun:
            self._withheld, self._open = "", False
        if self._withheld:
            return self._skip(piece)
        if self._open:
            return self._pass(piece)
        if piece.kind is Kind.COMMAND and piece.verb in STARTTLS:
            return self._starttls(piece)
        denial = self._conduct.denied
        if piece.kind is Kind.COMMAND and piece.verb in ASKING and denial is not None:
            return [Attacked("denied"), *self._answer(piece, denial)]
        if piece.verb in WITHHELD[self._protocol] and not self._conduct.login:
            return self._withhold(piece)
        if self._guarded and not self._is_harmless(piece):
            lines = piece.kind in {Kind.COMMAND, Kind.PART}
            noted = [Noted("not-relayed", piece.verb)] if lines else []
            return [*noted, *self._withhold(piece)]
        return [*self._credentials(piece), *self._pass(piece)]

    def _is_harmless(self, piece: Piece) -> bool:
        return piece.kind is Kind.COMMAND and piece.verb in HARMLESS[self._protocol]

    def _pass(self, piece: Piece) -> list[Step]:
        if piece.kind in {Kind.COMMAND, Kind.PART} and not self._open:
            self._awaited += 1
            self._unreadable = self._protocol == "imap" and not piece.verb
        self._open = piece.kind in {Kind.PART, Kind.LITERAL}
        self._begun = (piece.verb, piece.tag)
        return [Pass("server", piece.raw)]

    def _credentials(self, piece: Piece) -> list[Step]:
        gives = piece.kind in {Kind.COMMAND, Kind.PART} and gives_credentials(piece)
        return [Noted("credentials-in-clear", piece.verb)] if gives else []

    def _starttls(self, piece: Piece) -> list[Step]:
        conduct, proper = self._conduct, GO_AHEAD[self._protocol]
        answer = proper if conduct.answer is None else conduct.answer
        text = conduct.before + answer + conduct.behind
        steps: list[Step] = [Noted("starttls-command", piece.verb)]
        if self._greeted_early(piece.tag):
            steps.append(Attacked("early", around=True))
        if text != proper or conduct.then != "tls":
            steps.append(Attacked("starttls", around=True))
        steps += self._answer(piece, text, agreed=conduct.then == "tls")
        if conduct.then == "tls":
            return [*steps, Upgrade()]
        return [*steps, GoOn() if conduct.then == "clear" else BreakOff(conduct.then)]

    def _greeted_early(self, tag: bytes) -> bool:
        # A greeting that guesses the first tag has answered a client whose first command this is.
        guessed = b"\n" + tag + b" " in (self._conduct.greeting or b"")
        return bool(self._conduct.early and tag) and guessed

    def _withhold(self, piece: Piece) -> list[Step]:
        if piece.kind not in {Kind.COMMAND, Kind.PART}:  # behind a command that was refused
            return []
        self._withheld, self._begun = "unanswered", (piece.verb, piece.tag)
        # PASS would have followed USER, had it not been refused.
        gives = piece.verb == "USER" or gives_credentials(piece)
        noted = [Noted("credentials-in-clear", piece.verb)] if gives else []
        return [*noted, *self._skip(piece)]

    def _skip(self, piece: Piece) -> list[Step]:
        complete = piece.kind is Kind.COMMAND
        waits = complete or SYNCHRONISING.search(piece.raw) is not None
        if self._withheld == "unanswered" and waits:
            self._withheld = "" if complete else "answered"
            return self._answer(piece, REFUSAL[self._protocol])
        if self._withheld == "answered":
            self._withheld = "unheard"
        if complete:
            self._withheld = ""
        return []

    def _answer(self, piece: Piece, answer: bytes, *, agreed: bool = False) -> list[Step]:
        told = GO_AHEAD if agreed else UNKNOWN
        self._dialogue.server(fill(told[self._protocol], tag=piece.tag))
        tag = piece.tag or (b"*" if self._protocol == "imap" else b"")
        return [Pass("client", fill(answer, tag=tag)), *self._early(piece.tag)]
