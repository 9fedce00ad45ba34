"""The IMAP dialogue: RFC 9051 and 3501, IDLE 2177, SASL-IR 4959, literal8 3516, LITERAL+ 7888."""

import re
from collections import deque
from dataclasses import replace
from typing import ClassVar

from mitmail.wire.dialogue import Command, Dialogue, Kind, Piece, counted
from mitmail.wire.mask import masked, shown
from mitmail.wire.octets import LINE_LIMIT, Octets, Overlong

_VERBS = """
    CAPABILITY NOOP LOGOUT STARTTLS AUTHENTICATE LOGIN ENABLE SELECT EXAMINE CREATE DELETE
    RENAME SUBSCRIBE UNSUBSCRIBE LIST LSUB NAMESPACE STATUS APPEND IDLE CLOSE UNSELECT EXPUNGE
    SEARCH FETCH STORE COPY MOVE CHECK ID GETQUOTA GETQUOTAROOT SETQUOTA GETACL SETACL DELETEACL
    LISTRIGHTS MYRIGHTS SORT THREAD COMPRESS GETMETADATA SETMETADATA NOTIFY UNAUTHENTICATE
    LANGUAGE COMPARATOR CONVERSIONS CONVERT URLFETCH GENURLAUTH RESETKEY REPLACE ESEARCH RLIST
    RLSUB XLIST XAPPLEPUSHSERVICE
"""
_UID_VERBS = "COPY EXPUNGE FETCH MOVE REPLACE SEARCH SORT STORE THREAD"
VERBS = frozenset(_VERBS.split()) | {f"UID {verb}" for verb in _UID_VERBS.split()}
_SECRET = frozenset(("LOGIN", "AUTHENTICATE", "URLFETCH", "GENURLAUTH", "RESETKEY"))
_CONTINUED = frozenset(("AUTHENTICATE", "IDLE"))
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*+("?)')
_ANNOUNCED = re.compile(rb"(?:\A|[\s(])~?\{(\d{1,19})([+-]?)\}\r?\n\Z")
_ANNOUNCED_BY_SERVER = re.compile(rb"\{(\d{1,19})\}\r?\n\Z")
_STATUS = re.compile(rb"([^\s]+) +(OK|NO|BAD|BYE|PREAUTH)(?=[ \r\n])", re.IGNORECASE)
_TAG_LIMIT = 255
# Of an overlong response this much waits for its end: it may announce a literal.
_TAIL = 32


class ImapDialogue(Dialogue):
    """Matches tagged replies to commands by their tag."""

    protocol: ClassVar[str] = "imap"
    starttls: ClassVar[str] = "STARTTLS"

    def _forget(self) -> None:
        super()._forget()
        self._unfinished: Command | None = None
        self._literal = self._server_literal = 0
        self._in_response = False
        self._tagged: dict[bytes, deque[Command]] = {}

    def _client_piece(self, octets: Octets) -> Piece | None:
        if self._literal and self._unfinished:
            return self._client_literal(octets, self._unfinished)
        line = octets.line()
        if line is None:
            return None
        if self._unfinished:
            return self._part_or_end(line, self._unfinished, keep=0)
        if self._open:
            return self._continuation(line, self._open)
        command = _parse(line)
        if command.tag:
            self._commands.append(command)
            self._tagged.setdefault(command.tag, deque()).append(command)
        return self._part_or_end(line, command, keep=2)

    def _client_literal(self, octets: Octets, command: Command) -> Piece:
        piece = counted(Kind.LITERAL, octets, command.verb, self._literal)
        self._literal -= len(piece.raw)
        readable = b"***" if command.verb in _SECRET else piece.shown
        return replace(piece, tag=command.tag, shown=readable)

    def _part_or_end(self, line: bytes, command: Command, keep: int) -> Piece:
        announced = _ANNOUNCED.search(line)
        if announced and command.tag and b"" not in _QUOTED.findall(line):
            self._literal = int(announced[1])
            self._unfinished = command
            self._open = None if announced[2] else command
            kind = Kind.PART
        else:
            self._unfinished = None
            self._open = command if command.verb in _CONTINUED and not command.answered else None
            self._complete(command)
            kind = Kind.COMMAND
        readable = shown(line, command.verb, _SECRET, keep)
        return Piece(kind, line, command.verb, command.tag, shown=readable)

    def _continuation(self, line: bytes, command: Command) -> Piece:
        if command.verb == "AUTHENTICATE":
            return Piece(Kind.SASL, line, command.verb, command.tag, shown=masked(line))
        done = line.strip().upper() == b"DONE"
        if done:
            self._open = None
        readable = line if done else masked(line)
        return Piece(Kind.CONTINUATION, line, command.verb, command.tag, shown=readable)

    def _server_piece(self, octets: Octets) -> Piece | None:
        if self._server_literal:
            piece = counted(Kind.LITERAL, octets, size=self._server_literal)
            self._server_literal -= len(piece.raw)
            return piece
        try:
            line = octets.line()
        except Overlong:
            # 15,000 message numbers of a SEARCH are such a line.
            if not self._in_response and octets.peek(2) != b"* ":
                raise
            self._in_response = True
            raw = octets.take(LINE_LIMIT - _TAIL)
            return Piece(Kind.PART, raw, shown=raw)
        return None if line is None else self._response(line)

    def _response(self, line: bytes) -> Piece:
        if self._in_response:
            return self._data(line)
        if line[:2] in (b"+ ", b"+\r", b"+\n"):
            return self._go_ahead(line)
        found = _STATUS.match(line)
        if not found and line.startswith(b"* "):
            return self._data(line)
        if not found:
            return Piece(Kind.PART, line, shown=line)
        status = found[2].decode().upper()
        if found[1] != b"*":
            return self._reply(line, found[1], status)
        kind = Kind.UNTAGGED if self.greeted or status in ("NO", "BAD") else Kind.GREETING
        self.greeted = self.greeted or kind is Kind.GREETING
        return Piece(kind, line, status=status, shown=line)

    def _data(self, line: bytes) -> Piece:
        announced = _ANNOUNCED_BY_SERVER.search(line)
        self._in_response = announced is not None
        self._server_literal = int(announced[1]) if announced else 0
        return Piece(Kind.PART if announced else Kind.UNTAGGED, line, shown=line)

    def _go_ahead(self, line: bytes) -> Piece:
        command = self._open or Command("")
        # Once invited, a literal comes whole, whatever is replied before its end.
        if self._unfinished:
            self._open = None
        return Piece(Kind.CONTINUE, line, command.verb, command.tag, "+", line)

    def _reply(self, line: bytes, tag: bytes, status: str) -> Piece:
        if tag not in self._tagged:
            return Piece(Kind.REPLY, line, "", tag, status, line)
        command = self._tagged[tag].popleft()
        if not self._tagged[tag]:
            del self._tagged[tag]
        piece = Piece(Kind.REPLY, line, command.verb, tag, status, line)
        if command is self._open:
            self._literal, self._unfinished = 0, None
        if command.verb == "COMPRESS" and piece.ok:
            self._from_client.opaque = self._from_server.opaque = True
        return self._answered(command, piece)


def _parse(line: bytes) -> Command:
    words = line.split(None, 3)
    if len(words) < 2 or len(words[0]) > _TAG_LIMIT:
        return Command("")
    verb = words[1].decode("latin-1").upper()
    if verb == "UID" and len(words) > 2:
        verb += " " + words[2].decode("latin-1").upper()
    return Command(verb if verb in VERBS else "", words[0])
