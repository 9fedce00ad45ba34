"""The engine as a client: it asks a mail server for STARTTLS, on behalf of its own client."""

import re

from mitmail.engine.spec import MailProtocol
from mitmail.wire import Kind, Piece, dialogue

# RFC 3207 section 4, RFC 9051 section 6.2.1, RFC 2595 section 4.
ASKING: dict[MailProtocol, bytes] = {
    "smtp": b"STARTTLS\r\n", "imap": b"mitmail STARTTLS\r\n", "pop3": b"STLS\r\n",
}  # fmt: skip
HELLO = b"EHLO mitmail.test\r\n"
LIMIT = 65536  # octets that a server may say before its go-ahead
SHOWN = 80  # octets of its words that are told
# RFC 9051 section 6.2.1: capabilities that were told in clear are void. Without them in the
# greeting a client asks for those of TLS.
_VOID = re.compile(rb"\[CAPABILITY(?: [^\]\r\n]*)?\] ?", re.IGNORECASE)
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")


class StarttlsClient:
    """Feed it the server's octets until it is ``done`` or ``refused``; it tells what to send.

    ``refused`` is a clause behind "the mail server". ``greeting`` is what the server greeted
    with: once TLS is up it will not greet again. ``beyond`` is what came behind the go-ahead.
    """

    def __init__(self, protocol: MailProtocol) -> None:
        self.done = False
        self.refused: str | None = None
        self.greeting = b""
        self.beyond = b""
        self._protocol: MailProtocol = protocol
        self._dialogue = dialogue(protocol)
        self._heard = 0

    def receive(self, octets: bytes) -> bytes:
        """Take octets of the server; what it is to be sent."""
        # A line at a time: what comes glued to a reply means what it would mean by itself.
        said = b"".join(map(self._hear, _LINE.findall(octets)))
        self._heard += len(octets)
        if self._heard > LIMIT and not self.done:
            self.refused = self.refused or "said too much before TLS"
        return said

    def _hear(self, line: bytes) -> bytes:
        return b"".join(map(self._answer, self._dialogue.server(line)))

    def _answer(self, piece: Piece) -> bytes:
        if piece.kind is Kind.AFTER_STARTTLS:
            self.beyond += piece.raw
        elif self.done or self.refused is not None:
            pass
        elif piece.kind is Kind.GREETING:
            return self._greeted(piece)
        elif not self._dialogue.greeted:
            self._begin_greeting(piece)
        elif piece.kind is Kind.REPLY:
            return self._replied(piece)
        elif piece.kind is Kind.OPAQUE:
            self._does_not_speak()
        elif piece.kind is Kind.UNTAGGED and piece.status == "BYE":
            self._refuse("ended the session", piece)
        return b""

    def _begin_greeting(self, piece: Piece) -> None:
        # Only SMTP greets in lines (RFC 5321 section 4.2); anything else here would be passed on.
        if self._protocol == "smtp" and piece.status == "220":
            self.greeting += piece.raw
        else:
            self._does_not_speak()

    def _greeted(self, piece: Piece) -> bytes:
        self.greeting += piece.raw
        if piece.status == "PREAUTH":  # RFC 9051 section 6.2.1: it takes no STARTTLS any more
            self._refuse("has logged the client in before TLS", piece)
        elif not piece.ok:
            self._refuse("does not let the client in", piece)
        elif self._protocol == "smtp":
            return self._say(HELLO)
        else:
            self.greeting = self._without_capabilities(self.greeting)
            return self._ask()
        return b""

    def _without_capabilities(self, greeting: bytes) -> bytes:
        return _VOID.sub(b"", greeting, count=1) if self._protocol == "imap" else greeting

    def _replied(self, piece: Piece) -> bytes:
        if piece.verb == self._dialogue.starttls and piece.ok:
            self.done = True
        elif piece.verb == "EHLO" and piece.ok:
            return self._ask()
        elif piece.verb == "":
            self._refuse("answered what it was not asked", piece)
        else:
            self._refuse(f"refused {piece.verb}", piece)
        return b""

    def _ask(self) -> bytes:
        return self._say(ASKING[self._protocol])

    def _say(self, octets: bytes) -> bytes:
        self._dialogue.client(octets)
        return octets

    def _does_not_speak(self) -> None:
        self.refused = f"does not speak {self._protocol.upper()}"

    def _refuse(self, clause: str, piece: Piece) -> None:
        words = piece.raw.strip()[:SHOWN]
        shown = "".join(chr(x) if 32 <= x < 127 else "?" for x in words)
        self.refused = f"{clause}: it said {shown}"
