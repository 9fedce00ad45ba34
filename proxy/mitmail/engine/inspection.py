"""Changes a mail dialogue next to the server, and refuses there what it does not let through."""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final

from mitmail.engine.announcement import Announcements
from mitmail.engine.backlog import LIMIT
from mitmail.engine.offer import SYNCHRONISING, UNKNOWN
from mitmail.engine.placeholder import fill
from mitmail.engine.spec import MailProtocol
from mitmail.fixup import NOTHING, Fixup
from mitmail.wire import Kind, Piece, dialogue
from mitmail.wire.capability import rewrite
from mitmail.wire.mask import eol

# The commands that only a capability allows (RFC 3030, 2177, 2971, 4978, 5161, 6851 ...).
COMMANDS: Final[Mapping[MailProtocol, Mapping[str, tuple[str, ...]]]] = {
    "smtp": {
        "AUTH": ("AUTH",), "CHUNKING": ("BDAT",), "BURL": ("BURL",), "ETRN": ("ETRN",),
        "EXPN": ("EXPN",), "HELP": ("HELP",), "VRFY": ("VRFY",), "XCLIENT": ("XCLIENT",),
        "XFORWARD": ("XFORWARD",),
    },
    "imap": {
        "ACL": ("GETACL", "SETACL", "DELETEACL", "LISTRIGHTS", "MYRIGHTS"),
        "AUTH": ("AUTHENTICATE",), "COMPRESS": ("COMPRESS",), "CONVERT": ("CONVERT",),
        "ENABLE": ("ENABLE",), "ID": ("ID",), "IDLE": ("IDLE",), "LANGUAGE": ("LANGUAGE",),
        "METADATA": ("GETMETADATA", "SETMETADATA"), "MOVE": ("MOVE", "UID MOVE"),
        "NAMESPACE": ("NAMESPACE",), "NOTIFY": ("NOTIFY",),
        "QUOTA": ("GETQUOTA", "GETQUOTAROOT", "SETQUOTA"), "REPLACE": ("REPLACE", "UID REPLACE"),
        "SORT": ("SORT", "UID SORT"), "THREAD": ("THREAD", "UID THREAD"),
        "UIDPLUS": ("UID EXPUNGE",), "UNAUTHENTICATE": ("UNAUTHENTICATE",),
        "UNSELECT": ("UNSELECT",), "URLAUTH": ("URLFETCH", "GENURLAUTH", "RESETKEY"),
    },
    "pop3": {
        "LANG": ("LANG",), "SASL": ("AUTH",), "TOP": ("TOP",), "UIDL": ("UIDL",),
        "USER": ("USER", "PASS"), "UTF8": ("UTF8",),
    },
}  # fmt: skip
# What only a capability allows a command to say.
_FETCH, _SENDING = ("FETCH", "UID FETCH"), ("MAIL", "RCPT")
type Parameter = tuple[tuple[str, ...], re.Pattern[bytes]]
PARAMETERS: Final[Mapping[MailProtocol, Mapping[str, Parameter]]] = {
    "smtp": {
        "8BITMIME": (_SENDING, re.compile(rb"> ?.* BODY=", re.I)),
        "BINARYMIME": (_SENDING, re.compile(rb" BODY=BINARYMIME\b", re.I)),
        "DELIVERBY": (_SENDING, re.compile(rb" BY=", re.I)),
        "DSN": (_SENDING, re.compile(rb" (?:RET|ENVID|NOTIFY|ORCPT)=", re.I)),
        "SIZE": (_SENDING, re.compile(rb" SIZE=", re.I)),
        "SMTPUTF8": ((*_SENDING, "VRFY", "EXPN"), re.compile(rb" SMTPUTF8\b", re.I)),
    },
    "imap": {"BINARY": (_FETCH, re.compile(rb"\bBINARY(?:\.PEEK|\.SIZE)?\[", re.I))},
    "pop3": {},
}  # fmt: skip
# RFC 5321 section 4.1.1.11.
BAD_PARAMETER: Final = b"555 5.5.4 Unsupported parameter\r\n"
# Behind a refused command these are a part of it.
PARTS = frozenset({Kind.LITERAL, Kind.SASL, Kind.BODY, Kind.CONTINUATION})
NO_SERVER: Final = b"-ERR Log in as name/server\r\n"
_SERVER = re.compile(rb"/([^/\s]+)(?=\s*\Z)")
_IMAP_TEXT = re.compile(rb"(\* +(?:OK|PREAUTH|BYE) +(?:\[[^\]\r\n]*\] *)?)", re.IGNORECASE)


class Inspection:
    """Stands next to the server; what passes it is what both sides take for each other's words.

    Answers of its own never overtake those of the server, except in IMAP, whose tags allow it.
    """

    def __init__(self, protocol: MailProtocol, fixup: Fixup) -> None:
        self._idle = fixup == NOTHING
        self._protocol: MailProtocol = protocol
        self._fixup = fixup
        self._dialogue = dialogue(protocol)
        self._announcements = Announcements(protocol, self._announce, everywhere=True)
        self._refused = fixup.refuse | {
            verb for name in fixup.drop for verb in COMMANDS[protocol].get(name.upper(), ())
        }
        self._queue: deque[Piece] = deque()
        self._queued = 0  # octets
        self._commands = 0  # commands in the queue
        self._held = b""  # of the server: the line or the greeting that has not ended
        self._skipped: Piece | None = None  # the refused command whose end has not come
        self._answered = False  # the refused command
        self._answers = b""
        self._leaving = False

    @property
    def flooded(self) -> bool:
        """Whether more waits for the server's reply than is kept."""
        return self._queued > LIMIT

    def secured(self) -> None:
        """TLS is up on both sides: what was said in clear is over."""
        if not self._idle:
            self._dialogue.secured()

    def client(self, octets: bytes) -> bytes:
        """What of the client's octets goes on to the server."""
        if self._idle:
            return octets
        for piece in self._dialogue.client(octets):
            refused = piece.kind in PARTS and self._queue and self._is_refused(self._queue[-1])
            if not refused:  # of a refused message nothing is kept
                self._queue.append(piece)
                self._queued += len(piece.raw)
                self._commands += piece.kind is Kind.COMMAND
        return self._go_on()

    def server(self, octets: bytes) -> tuple[bytes, bytes]:
        """What is for the client of the server's octets, and what may go on to the server now."""
        if self._idle:
            return octets, b""
        pieces = self._dialogue.server(octets)
        self._held = (self._held + octets)[sum(len(piece.raw) for piece in pieces) :]
        said = b"".join(self._reworded(pieces))
        freed = self._go_on()
        return said + self.take_answers(), freed

    def take_answers(self) -> bytes:
        """What was answered in the server's place."""
        answers, self._answers = self._answers, b""
        return answers

    def rest(self) -> bytes:
        """What of the server's words waits for an end that does not come any more."""
        rest, self._held = self._announcements.rest() + self._held, b""
        return rest

    # -- the client's commands -------------------------------------------------------------------

    def _go_on(self) -> bytes:
        passed = b""
        while self._queue and not self._must_wait(self._queue[0]):
            piece = self._queue.popleft()
            self._queued -= len(piece.raw)
            self._commands -= piece.kind is Kind.COMMAND
            if self._skipped is not None and self._is_part(piece):
                self._refuse(piece)
            elif self._is_refused(piece):
                self._skipped, self._answered = piece, False
                self._refuse(piece)
            else:
                self._skipped = None
                passed += self._unwrapped(piece)
        return passed

    def _unwrapped(self, piece: Piece) -> bytes:
        self._leaving = self._leaving or piece.verb == "LOGOUT"
        if not (self._fixup.servers and piece.kind is Kind.COMMAND and piece.verb == "USER"):
            return piece.raw
        return _SERVER.sub(b"", piece.raw, count=1)

    def _names_no_server(self, piece: Piece) -> bool:
        if not (self._fixup.servers and piece.verb == "USER"):
            return False
        named = _SERVER.search(piece.raw)
        servers = {name.lower().encode() for name in self._fixup.servers}
        return named is None or named[1].lower() not in servers

    def _must_wait(self, piece: Piece) -> bool:
        if not self._is_refused(piece):
            return False
        # What has no tags is answered in the order of the commands (RFC 2920 section 3.2).
        if self._protocol == "imap" or not self._dialogue.greeted:
            return not self._dialogue.greeted
        return len(self._dialogue.outstanding) > self._commands

    def _is_part(self, piece: Piece) -> bool:
        assert self._skipped is not None
        same = (piece.verb, piece.tag) == (self._skipped.verb, self._skipped.tag)
        goes_on = self._skipped.kind is Kind.PART and not self._ended_at_literal(piece)
        return piece.kind in PARTS or (same and goes_on)

    def _ended_at_literal(self, piece: Piece) -> bool:
        # A client that waited for the refusal of its literal begins a new command now.
        return self._answered and piece.kind is not Kind.LITERAL

    def _is_refused(self, piece: Piece) -> bool:
        if piece.kind not in {Kind.COMMAND, Kind.PART}:
            return False
        if piece.verb in self._refused or self._says_too_much(piece):
            return True
        return self._names_no_server(piece)

    def _says_too_much(self, piece: Piece) -> bool:
        known = PARAMETERS[self._protocol]
        found = (known[name.upper()] for name in self._fixup.drop if name.upper() in known)
        return any(piece.verb in verbs and said.search(piece.raw) for verbs, said in found)

    def _refuse(self, piece: Piece) -> None:
        complete = piece.kind is Kind.COMMAND
        if not self._answered and (complete or SYNCHRONISING.search(piece.raw)):
            self._answered = True
            answer = fill(self._refusal(piece), tag=piece.tag)
            self._dialogue.server(fill(UNKNOWN[self._protocol], tag=piece.tag))
            self._answers += answer

    def _refusal(self, piece: Piece) -> bytes:
        if self._protocol == "smtp" and piece.verb not in self._refused:
            return BAD_PARAMETER
        if self._names_no_server(piece):
            return NO_SERVER
        return self._fixup.refusal or UNKNOWN[self._protocol]

    # -- the server's words ----------------------------------------------------------------------

    def _announce(self, reply: bytes) -> bytes:
        fixup = self._fixup
        return rewrite(self._protocol, reply, add=fixup.claim, remove=fixup.drop)

    def _reworded(self, pieces: list[Piece]) -> Iterator[bytes]:
        greeting, farewell = self._fixup.greeting, self._fixup.farewell
        for piece, octets in self._announcements.read(pieces):
            if greeting is not None and self._greets(piece):
                if piece.kind is Kind.GREETING:
                    yield self._with_text(piece, octets, greeting)
            elif farewell is not None and self._is_farewell(piece):
                yield self._with_text(piece, octets, farewell)
            else:
                yield octets

    def _greets(self, piece: Piece) -> bool:
        if piece.kind is Kind.GREETING:
            return True
        # Only SMTP greets in several lines (RFC 5321 section 4.2).
        begins = piece.kind is Kind.PART and piece.status == "220" and not piece.verb
        return self._protocol == "smtp" and begins

    def _is_farewell(self, piece: Piece) -> bool:
        if self._protocol == "imap":
            return piece.kind is Kind.UNTAGGED and piece.status == "BYE" and self._leaving
        return piece.kind is Kind.REPLY and piece.verb == "QUIT" and piece.ok

    def _with_text(self, piece: Piece, octets: bytes, text: bytes) -> bytes:
        if self._protocol == "imap":
            begins = _IMAP_TEXT.match(octets)
            refused = piece.kind is Kind.GREETING and piece.status == "BYE"
            return octets if begins is None or refused else begins[0] + text + eol(octets)
        if not piece.ok:
            return octets
        return piece.status.encode() + b" " + text + eol(octets)
