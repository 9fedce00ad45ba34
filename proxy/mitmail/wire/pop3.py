"""The POP3 dialogue: RFC 1939, CAPA 2449, STLS 2595, AUTH 5034, LANG and UTF8 6856."""

import re
from typing import ClassVar

from mitmail.wire.dialogue import Command, Dialogue, Kind, Piece, known
from mitmail.wire.mask import eol, masked, shown
from mitmail.wire.octets import DotLines, Octets

_VERBS = """
    USER PASS APOP AUTH STLS CAPA STAT LIST UIDL RETR TOP DELE NOOP RSET QUIT LAST RPOP
    LANG UTF8
"""
VERBS = frozenset(_VERBS.split())
_MESSAGE = frozenset(("RETR", "TOP"))
_MULTI_LINE = frozenset(("CAPA", *_MESSAGE))
_MULTI_LINE_ALONE = frozenset(("LIST", "UIDL", "LANG", "AUTH"))
_SECRET = frozenset(("PASS", "APOP", "AUTH", "RPOP"))
_STATUS = re.compile(rb"(\+OK|-ERR|\+)(?=[ \t\r\n])", re.IGNORECASE)


class Pop3Dialogue(Dialogue):
    """Matches replies to commands by their order; the command tells which +OK has lines."""

    protocol: ClassVar[str] = "pop3"
    starttls: ClassVar[str] = "STLS"

    def _forget(self) -> None:
        super()._forget()
        self._lines: DotLines | None = None

    def _client_piece(self, octets: Octets) -> Piece | None:
        line = octets.line()
        if line is None:
            return None
        if self._open:
            return Piece(Kind.SASL, line, "AUTH", shown=masked(line))
        words = line.split()
        verb = known(words, VERBS)
        alone = len(words) == 1
        command = Command(
            verb, multi_line=verb in _MULTI_LINE or (alone and verb in _MULTI_LINE_ALONE)
        )
        self._commands.append(command)
        if verb == "AUTH" and not alone:
            self._open = command
        self._complete(command)
        return Piece(Kind.COMMAND, line, verb, shown=shown(line, verb, _SECRET))

    def _server_piece(self, octets: Octets) -> Piece | None:
        if self._lines:
            return self._line(octets, self._commands[0], self._lines)
        line = octets.line()
        if line is None:
            return None
        found = _STATUS.match(line)
        status = found[1].decode().upper() if found else ""
        if not self.greeted:
            self.greeted = status in ("+OK", "-ERR")
            kind = Kind.GREETING if self.greeted else Kind.PART
            return Piece(kind, line, status=status, shown=line)
        return self._reply(line, status)

    def _reply(self, line: bytes, status: str) -> Piece:
        command = self._commands[0] if self._commands else Command("")
        if status == "+OK" and command.multi_line:
            self._lines = DotLines(eol(line))
            return Piece(Kind.PART, line, command.verb, status=status, shown=line)
        if status == "+" and command is self._open:
            return Piece(Kind.CONTINUE, line, command.verb, status=status, shown=line)
        if status in ("", "+"):
            return Piece(Kind.PART, line, command.verb, shown=line)
        piece = Piece(Kind.REPLY, line, command.verb, status=status, shown=line)
        return self._answered(command, piece) if self._commands else piece

    def _line(self, octets: Octets, command: Command, lines: DotLines) -> Piece | None:
        raw = lines.read(octets)
        if not raw:
            return None
        if lines.done:
            self._lines = None
            end = Piece(Kind.REPLY, raw, command.verb, status="+OK", shown=raw)
            return self._answered(command, end)
        content = b"<%d octets>" % len(raw) if command.verb in _MESSAGE else raw
        return Piece(Kind.PART, raw, command.verb, status="+OK", shown=content)
