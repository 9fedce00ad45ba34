"""The SMTP dialogue: RFC 5321, pipelining 2920, chunking 3030, STARTTLS 3207, AUTH 4954."""

import re
from dataclasses import replace
from typing import ClassVar

from mitmail.wire.dialogue import Command, Dialogue, Kind, Piece, counted, known
from mitmail.wire.mask import masked, shown
from mitmail.wire.octets import DotLines, Octets

_VERBS = """
    HELO EHLO LHLO MAIL RCPT DATA BDAT BURL RSET NOOP QUIT HELP VRFY EXPN ETRN ATRN TURN
    SEND SOML SAML STARTTLS AUTH XCLIENT XFORWARD
"""
VERBS = frozenset(_VERBS.split())
_SECRET = frozenset(("AUTH", "BURL", "XCLIENT"))
_GO_AHEAD = {"DATA": "354", "AUTH": "334"}
_REPLY = re.compile(rb"(\d{3})(-| |\r?\n)")
_CHUNK_SIZE = re.compile(rb"\d{1,19}")


class SmtpDialogue(Dialogue):
    """Matches replies to commands by their order; 421 may come without a command."""

    protocol: ClassVar[str] = "smtp"
    starttls: ClassVar[str] = "STARTTLS"

    def _forget(self) -> None:
        super()._forget()
        self._message: DotLines | None = None
        self._chunk = 0

    def _client_piece(self, octets: Octets) -> Piece | None:
        if self._message:
            return self._data(octets, self._message)
        if self._chunk:
            return self._bdat(octets)
        line = octets.line()
        if line is None:
            return None
        if self._open:
            return Piece(Kind.SASL, line, "AUTH", shown=masked(line))
        return self._command(line)

    def _command(self, line: bytes) -> Piece:
        words = line.split()
        verb = known(words, VERBS)
        command = Command(verb)
        self._commands.append(command)
        if verb == "DATA":
            self._message = DotLines(b"\r\n")
        if verb in _GO_AHEAD:
            self._open = command
        if verb == "BDAT" and len(words) > 1 and _CHUNK_SIZE.fullmatch(words[1]):
            self._chunk = int(words[1])
        self._complete(command)
        return Piece(Kind.COMMAND, line, verb, shown=shown(line, verb, _SECRET))

    def _data(self, octets: Octets, message: DotLines) -> Piece | None:
        raw = message.read(octets)
        if message.done:
            self._message = self._open = None
        return Piece(Kind.BODY, raw, "DATA", shown=b"<%d octets>" % len(raw)) if raw else None

    def _bdat(self, octets: Octets) -> Piece:
        piece = counted(Kind.BODY, octets, "BDAT", self._chunk)
        self._chunk -= len(piece.raw)
        return piece

    def _server_piece(self, octets: Octets) -> Piece | None:
        line = octets.line()
        if line is None:
            return None
        reply = _REPLY.match(line)
        command = self._commands[0] if self._commands and self.greeted else None
        verb = command.verb if command else ""
        if not reply:
            return Piece(Kind.PART, line, verb, shown=line)
        status = reply[1].decode()
        if reply[2] == b"-":
            return Piece(Kind.PART, line, verb, status=status, shown=line)
        if not self.greeted:
            self.greeted = True
            return Piece(Kind.GREETING, line, status=status, shown=line)
        piece = Piece(Kind.REPLY, line, verb, status=status, shown=line)
        return self._reply(command, piece) if command else piece

    def _reply(self, command: Command, piece: Piece) -> Piece:
        if piece.status == _GO_AHEAD.get(command.verb):
            # After 354 the message runs to its dot, whatever is replied before that.
            if command is self._open and command.verb == "DATA":
                self._open = None
            return replace(piece, kind=Kind.CONTINUE)
        if command is self._open:
            self._message = None
        return self._answered(command, piece)
