"""Screens what a POP3 client fetches: RETR and TOP give the edited message, LIST its size.

The whole message is asked for before the client gets the first octet of it. Message numbers do
not change within a session, so what is known of a message is known for all of it.
"""

import re
from collections import deque
from typing import Any

from mitmail.engine.cache import Cache
from mitmail.engine.examination import Examined
from mitmail.engine.screen import ROOM, Steps
from mitmail.engine.screen_queue import QueueScreen, Reply
from mitmail.message.header import header_end
from mitmail.screening import Screening
from mitmail.wire import Kind, Piece
from mitmail.wire.dots import END, stuffed, unstuffed

_NUMBERED = re.compile(rb"(?:RETR|LIST|DELE) +(\d{1,9})[ \t]*\r?\n", re.IGNORECASE)
_TOP = re.compile(rb"TOP +(\d{1,9}) +(\d{1,9})[ \t]*\r?\n", re.IGNORECASE)
_LISTED = re.compile(rb"^(\d{1,9}) +(\d{1,15})(?=[ \r\n])", re.MULTILINE)
TOO_LARGE = "larger than the scanner takes"


class Pop3Screen(QueueScreen):
    """Between a POP3 client and its server."""

    def __init__(self, screening: Screening, **wiring: Any) -> None:
        super().__init__("pop3", screening, **wiring)
        self._due = deque[Reply | None]()
        self._cache = Cache(screening.kept)
        self._sizes: dict[int, int] | None = None
        self._doomed: set[int] = set()  # deleted by the product when the client is done

    def _handle(self, piece: Piece) -> Steps[None] | None:
        if piece.kind is not Kind.COMMAND:
            self._pass_on(piece.raw)
            return None
        match piece.verb:
            case "RETR" if found := _NUMBERED.fullmatch(piece.raw):
                return self._retrieve(piece, int(found[1]))
            case "TOP" if found := _TOP.fullmatch(piece.raw):
                return self._top(piece, int(found[1]), int(found[2]))
            case "LIST" | "STAT" if self._tells_sizes:
                return self._list(piece)
            case "DELE" if found := _NUMBERED.fullmatch(piece.raw):
                self._doomed.discard(int(found[1]))
                self._cache.forget(int(found[1]))
            case "QUIT" if self._doomed:
                return self._quit(piece)
        self._forward(piece)
        return None

    @property
    def _tells_sizes(self) -> bool:
        return self._spec.inbound.changes and self._spec.sizes == "edited"

    # -- messages --------------------------------------------------------------------------------

    def _retrieve(self, command: Piece, number: int) -> Steps[None]:
        yield from self._quiet()
        found = yield from self._message(number, dripping=True)
        if not isinstance(found, Examined):
            if found is None:
                self._forward(command)
            else:
                self._tell(found.raw)
            return
        told = len(found.octets)
        if self._spec.literals == "server":
            told = (self._sizes or {}).get(number, told)
        if self._dripping is None:
            self._tell(b"+OK %d octets\r\n" % told)
        self._dripping = None
        self._tell(stuffed(found.octets) + END)

    def _top(self, command: Piece, number: int, lines: int) -> Steps[None]:
        yield from self._quiet()
        found = yield from self._message(number)
        if not isinstance(found, Examined) or not self._spec.inbound.changes:
            self._forward(command)
            return
        text = header_end(found.octets)
        body = found.octets[text:].split(b"\n", lines)[:lines]
        top = found.octets[:text] + b"".join(line + b"\n" for line in body)
        shown = found.octets if len(top) > len(found.octets) else top
        self._tell(b"+OK\r\n" + stuffed(shown) + END)

    def _message(self, number: int, *, dripping: bool = False) -> Steps[Examined | Reply | None]:
        """The edited message; what else the client is to hear; or None: it passes as it is."""
        if (kept := self._cache.find(number)) is not None:
            return kept
        sizes = yield from self._learn_sizes()
        if number not in sizes:
            self._sizes = None  # RSET brings back what DELE had taken out of them
            sizes = yield from self._learn_sizes()
        if number not in sizes:
            return None
        if sizes[number] > self._spec.limit:
            if dripping:
                self._examination.passes("inbound", sizes[number], TOO_LARGE)
            return None
        asked = self._ask(b"RETR %d\r\n" % number)
        while dripping and self._spec.drip is not None and asked.first is None:
            yield from self._answering()
        if dripping and self._spec.drip is not None and _begins_well(asked):
            self._tell(b"+OK\r\n")
            self._start_dripping(f"{self._spec.drip.header}\r\n".encode())
        while not asked.done:
            yield from self._answering()
            if self._dripping is not None and self._is_too_large(asked):
                self._sizes = sizes | {number: asked.octets}
                yield from self._stream(asked)
                return asked
        if not asked.ok:
            return asked
        if self._is_too_large(asked):  # not all of it has been kept
            self._examination.passes("inbound", asked.octets, TOO_LARGE)
            self._sizes = sizes | {number: asked.octets}
            return None
        octets = unstuffed(asked.content)
        asked.forget()
        examined = yield from self._examined("inbound", octets)
        self._cache.keep(number, examined)
        if examined.delete:
            self._doomed.add(number)
        return examined

    def _is_too_large(self, asked: Reply) -> bool:
        return asked.octets > self._spec.limit + ROOM

    def _stream(self, asked: Reply) -> Steps[None]:
        """Pass on what is larger than its server said; the client has been told +OK."""
        self._examination.passes("inbound", asked.octets, TOO_LARGE)
        self._dripping = None
        assert asked.first is not None
        told = len(asked.first.raw)
        while True:
            self._tell(asked.raw[told:])
            told = 0
            asked.forget()
            if asked.done:
                return
            yield from self._answering()

    def _learn_sizes(self) -> Steps[dict[int, int]]:
        if self._sizes is None:
            listed = yield from self._asked(b"LIST\r\n")
            if not listed.ok:
                return {}
            self._sizes = _sizes(listed)
        return self._sizes

    # -- sizes -----------------------------------------------------------------------------------

    def _list(self, command: Piece) -> Steps[None]:
        yield from self._quiet()
        words = command.raw.split()
        listed = yield from self._asked(b"LIST\r\n")
        if not listed.ok or len(words) > 2 or (len(words) == 2 and not words[1].isdigit()):
            self._forward(command)
            return
        sizes = _sizes(listed)
        if len(words) == 2:
            number = int(words[1])
            if number not in sizes:
                self._forward(command)
                return
            size = yield from self._size(number, sizes[number])
            self._tell(b"+OK %d %d\r\n" % (number, size))
            return
        told = {}
        for number, size in sizes.items():
            told[number] = yield from self._size(number, size)
        total = b"+OK %d %d\r\n" % (len(told), sum(told.values()))
        lines = b"".join(b"%d %d\r\n" % each for each in told.items())
        self._tell(total if command.verb == "STAT" else total + lines + END)

    def _size(self, number: int, size: int) -> Steps[int]:
        if number not in self._cache.sizes:
            found = yield from self._message(number)
            if not isinstance(found, Examined):
                return size
        return self._cache.sizes[number]

    def _quit(self, command: Piece) -> Steps[None]:
        yield from self._quiet()
        for number in sorted(self._doomed):
            yield from self._asked(b"DELE %d\r\n" % number)
        self._forward(command)


def _begins_well(asked: Reply) -> bool:
    return asked.first is not None and asked.first.status == "+OK"


def _sizes(listed: Reply) -> dict[int, int]:
    return {int(number): int(size) for number, size in _LISTED.findall(listed.raw)}
