"""Hides from a client with TLS that a server in clear offers STARTTLS: it is not for this leg."""

from mitmail.engine.spec import MailProtocol
from mitmail.wire import Kind, Piece
from mitmail.wire.capability import rewrite

HIDDEN = {"smtp": ("STARTTLS",), "imap": ("STARTTLS", "LOGINDISABLED"), "pop3": ("STLS",)}
IN_LINES = frozenset({"EHLO", "CAPA"})  # the verbs whose reply tells capabilities line by line
# IMAP's come in a line, also one that answers no command.
ANNOUNCING = {
    "smtp": frozenset(), "pop3": frozenset(),
    "imap": frozenset({Kind.GREETING, Kind.UNTAGGED, Kind.REPLY}),
}  # fmt: skip
REPLY_LIMIT = 65536  # octets of a reply that wait for its end


class Concealer:
    """Passes a server's words on a line at a time, and only without what it offers of TLS."""

    def __init__(self, protocol: MailProtocol) -> None:
        self._protocol: MailProtocol = protocol
        self._reply = b""
        self._line = b""

    def pass_on(self, octets: bytes, pieces: list[Piece]) -> bytes:
        """What is for the client, of these octets and of those before them."""
        self._line += octets
        self._line = self._line[sum(len(piece.raw) for piece in pieces) :]
        return b"".join(map(self._pass, pieces))

    def rest(self) -> bytes:
        """What waits for the end of its line or of its reply: the server says no more."""
        octets, self._reply, self._line = self._reply + self._line, b"", b""
        return octets

    def _pass(self, piece: Piece) -> bytes:
        self._reply += piece.raw
        unfinished = piece.kind is Kind.PART and piece.verb in IN_LINES
        if unfinished and len(self._reply) < REPLY_LIMIT:
            return b""
        octets, self._reply = self._reply, b""
        if piece.verb in IN_LINES or piece.kind in ANNOUNCING[self._protocol]:
            return rewrite(self._protocol, octets, add=(), remove=HIDDEN[self._protocol])
        return octets
