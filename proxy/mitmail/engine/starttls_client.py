"""The engine as a client: it asks a mail server for STARTTLS, on behalf of its own client."""

from mitmail.engine.spec import MailProtocol
from mitmail.wire import Kind, Piece, dialogue
from mitmail.wire.capability import rewrite

# RFC 3207 section 4, RFC 9051 section 6.2.1, RFC 2595 section 4.
ASKING: dict[MailProtocol, bytes] = {
    "smtp": b"STARTTLS\r\n", "imap": b"mitmail STARTTLS\r\n", "pop3": b"STLS\r\n",
}  # fmt: skip
HELLO = b"EHLO mitmail.test\r\n"
# What a greeting says of the clear text that it came in; its reader has TLS, or needs none.
OF_CLEAR_TEXT = ("STARTTLS", "LOGINDISABLED")
SHOWN = 80  # octets of a refusal that are told


class StarttlsClient:
    """Feed it the server's octets until it is ``done`` or ``refused``; it tells what to send.

    ``greeting`` is what the server greeted with: once TLS is up it will not greet again.
    ``dropped`` counts octets behind the go-ahead: they were injected, and nobody reads them.
    """

    def __init__(self, protocol: MailProtocol) -> None:
        self.done = False
        self.refused: str | None = None
        self.greeting = b""
        self.dropped = 0
        self._protocol: MailProtocol = protocol
        self._dialogue = dialogue(protocol)

    def receive(self, octets: bytes) -> bytes:
        """Take octets of the server; what it is to be sent."""
        return b"".join(map(self._answer, self._dialogue.server(octets)))

    def _answer(self, piece: Piece) -> bytes:
        if piece.kind is Kind.AFTER_STARTTLS:
            self.dropped += len(piece.raw)
        elif self.done or self.refused is not None:
            pass
        elif piece.kind is Kind.OPAQUE:
            self.refused = "it does not speak the protocol"
        elif piece.kind is Kind.GREETING:
            return self._greeted(piece)
        elif not self._dialogue.greeted:
            self.greeting += piece.raw
        elif piece.kind is Kind.REPLY and piece.verb == "EHLO" and piece.ok:
            return self._ask()
        elif piece.kind is Kind.REPLY:
            self.done = piece.ok and piece.verb == self._dialogue.starttls
            self.refused = None if self.done else _words(piece)
        return b""

    def _greeted(self, piece: Piece) -> bytes:
        self.greeting += piece.raw
        if not piece.ok:
            self.refused = _words(piece)
            return b""
        self.greeting = rewrite(self._protocol, self.greeting, add=(), remove=OF_CLEAR_TEXT)
        return self._say(HELLO) if self._protocol == "smtp" else self._ask()

    def _ask(self) -> bytes:
        return self._say(ASKING[self._protocol])

    def _say(self, octets: bytes) -> bytes:
        self._dialogue.client(octets)
        return octets


def _words(piece: Piece) -> str:
    return "it said " + piece.raw[:SHOWN].decode("ascii", "replace").strip()
