"""Screens what a client sends: DATA and BDAT are answered here, and sent on when they are clean.

The server is asked for DATA only when the whole message is here, so that an infected one never
reaches it; a refusal of its own is then the reply to the message. Without a recipient that the
server took, DATA is the server's business.
"""

import re
from collections import deque
from collections.abc import Callable
from typing import Any

from mitmail.engine.examination import Examined
from mitmail.engine.screen import ROOM, ServerGone, Steps
from mitmail.engine.screen_queue import QueueScreen
from mitmail.screening import Screening
from mitmail.wire import Kind, Piece
from mitmail.wire.dots import END, stuffed, unstuffed

_GO_AHEAD = b"354 End data with <CR><LF>.<CR><LF>\r\n"
_ACCEPTED = b"250 2.0.0 Message accepted for delivery\r\n"
_SIZE = re.compile(rb"(?<= SIZE=)\d{1,15}(?=[ \r\n])", re.IGNORECASE)
_CHUNK = re.compile(rb"\s*BDAT\s+(\d{1,19})(\s+LAST)?\s*", re.IGNORECASE)
_ENDS = frozenset(("RSET", "HELO", "EHLO"))
TOO_LARGE = "larger than the scanner takes"


class SmtpScreen(QueueScreen):
    """Between an SMTP client and its server."""

    def __init__(self, screening: Screening, **wiring: Any) -> None:
        super().__init__("smtp", screening, **wiring)
        self._due = deque()
        self._end_transaction()

    def _end_transaction(self) -> None:
        self._recipients = 0
        self._chunks = bytearray()
        self._streaming = self._streams_last = False

    def _replied(self, piece: Piece) -> None:
        if piece.ok and piece.verb == "RCPT":
            self._recipients += 1
        elif (piece.ok and piece.verb in _ENDS) or (self._streams_last and piece.verb == "BDAT"):
            self._end_transaction()

    def _handle(self, piece: Piece) -> Steps[None] | None:
        if piece.kind is not Kind.COMMAND:
            self._pass_on(piece.raw)
        elif piece.verb == "DATA":
            return self._data(piece)
        elif piece.verb == "BDAT" and (chunk := _CHUNK.fullmatch(piece.raw)):
            return self._bdat(piece, int(chunk[1]), last=chunk[2] is not None)
        elif piece.verb == "MAIL":
            self._due.append(None)
            self._pass_on(_SIZE.sub(self._grown, piece.raw))
        else:
            self._forward(piece)
        return None

    def _grown(self, size: re.Match[bytes]) -> bytes:
        # RFC 1870: what is declared must not be less than what comes.
        way = self._spec.outbound
        declared = int(size[0])
        if declared > self._spec.limit or not way.changes:
            return size[0]
        written = [*way.headers, way.footer, way.footer, self._spec.notice, way.subject]
        return b"%d" % (declared + sum(2 * len(each.encode()) + 100 for each in written))

    # -- DATA ------------------------------------------------------------------------------------

    def _data(self, command: Piece) -> Steps[None]:
        yield from self._quiet()
        if self._chunks or self._streaming:
            self._tell(b"503 5.5.1 BDAT has begun, DATA may not follow\r\n")
            return
        if not self._recipients:
            self._forward(command)
            return
        self._tell(_GO_AHEAD)
        body = bytearray()
        while True:
            piece = yield from self._next_said()
            if _is_end(body, piece):
                break
            body += piece.raw
            if len(body) > self._spec.limit:
                yield from self._stream(body)
                return
        raw = bytes(body)
        del body
        octets = unstuffed(raw)
        examined = yield from self._examined("outbound", octets)
        text = raw if examined.octets == octets else stuffed(examined.octets)
        yield from self._conclude(examined, lambda: self._deliver(text))

    def _deliver(self, text: bytes) -> Steps[bytes]:
        """Send a message on; the server's word about it."""
        asked = yield from self._asked(b"DATA\r\n")
        if not asked.done:
            asked.forget()
            self._pass_on(text + END)
            yield from self._complete(asked)
        return asked.raw

    def _conclude(self, examined: Examined, deliver: Callable[[], Steps[bytes]]) -> Steps[None]:
        # The client is told first: a server that refuses may leave, and answer no RSET.
        if examined.fate != "pass":
            refusal = f"554 5.7.1 {self._spec.refusal}\r\n".encode()
            self._tell(_ACCEPTED if examined.fate == "swallow" else refusal)
            taken = False
        elif self._spec.outbound.at_once:
            self._tell(_ACCEPTED)
            taken = yield from self._delivered_later(deliver)
        else:
            said = yield from deliver()
            self._tell(said)
            taken = said.startswith(b"2")
        if not taken:
            yield from self._asked(b"RSET\r\n")
        self._end_transaction()

    def _delivered_later(self, deliver: Callable[[], Steps[bytes]]) -> Steps[bool]:
        """Deliver what the client takes for sent; what becomes of it is seen on the screen."""
        try:
            said = yield from deliver()
        except ServerGone:
            self._examination.popup("Your message could not be sent: the mail server has left")
            raise
        taken = said.startswith(b"2")
        if not taken:
            words = said.decode("ascii", "replace").strip()
            self._examination.popup(f"Your message could not be sent: {words}")
        return taken

    def _stream(self, begun: bytearray) -> Steps[None]:
        """Pass a message on that is too large to be kept."""
        self._examination.passes("outbound", len(begun), TOO_LARGE)
        asked = yield from self._asked(b"DATA\r\n")
        taken = not asked.done
        if taken:
            self._due[0] = None  # the reply to the message is the client's
        at_start = bytes(begun[-2:])
        while begun:  # in pieces, so that no second copy of it is made
            if taken:
                self._pass_on(bytes(begun[:ROOM]))
            del begun[:ROOM]
        while True:
            piece = yield from self._next_said()
            if taken:
                self._pass_on(piece.raw)
            if _is_end(at_start, piece):
                break
            at_start = (at_start + piece.raw)[-2:]
        yield from self._quiet()
        if not taken:
            self._tell(asked.raw)
            yield from self._asked(b"RSET\r\n")
        self._end_transaction()

    # -- BDAT ------------------------------------------------------------------------------------

    def _bdat(self, command: Piece, size: int, *, last: bool) -> Steps[None]:
        yield from self._quiet()
        if self._streaming or not self._recipients:
            self._pass_chunk(command, last=last)
            return
        if len(self._chunks) + size > self._spec.limit:
            yield from self._stream_chunks(size)
            self._pass_chunk(command, last=last)
            return
        wanted = len(self._chunks) + size
        while len(self._chunks) < wanted:
            piece = yield from self._next_said()
            self._chunks += piece.raw
        if not last:
            self._tell(b"250 2.0.0 %d octets received\r\n" % size)
            return
        octets = bytes(self._chunks)
        examined = yield from self._examined("outbound", octets)
        yield from self._conclude(examined, lambda: self._deliver_chunk(examined.octets))

    def _deliver_chunk(self, octets: bytes) -> Steps[bytes]:
        asked = yield from self._asked(b"BDAT %d LAST\r\n" % len(octets) + octets)
        return asked.raw

    def _stream_chunks(self, size: int) -> Steps[None]:
        self._examination.passes("outbound", len(self._chunks) + size, TOO_LARGE)
        begun = bytes(self._chunks)
        if begun:
            # Where the server refuses this, it refuses what follows, too.
            yield from self._asked(b"BDAT %d\r\n" % len(begun) + begun)
        self._chunks.clear()
        self._streaming = True

    def _pass_chunk(self, command: Piece, *, last: bool) -> None:
        self._streams_last = last
        self._forward(command)


def _is_end(before: bytes | bytearray, piece: Piece) -> bool:
    """Whether this piece is the dot that ends a message: it comes alone, at a line's start."""
    return piece.raw == END and (not before or before.endswith(b"\r\n"))
