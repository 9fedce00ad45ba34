"""Screens what an IMAP client fetches: what is about content is told of the edited message.

A FETCH of the client's becomes several of ours: the sizes of all its messages, then each message
whole, with what else was asked of it. What the server says unasked passes. Not screened are
COPY and MOVE, which the server does by itself, APPEND, and SEARCH by size.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mitmail.engine import rendition
from mitmail.engine.cache import Cache
from mitmail.engine.examination import Examined
from mitmail.engine.rendition import Sizes
from mitmail.engine.screen import ROOM, Screen, Steps
from mitmail.screening import Screening
from mitmail.wire import Kind, Piece, imap_fetch
from mitmail.wire.capability import rewrite
from mitmail.wire.imap_fetch import Fetch, Fetched, Item, NotFetch

TOO_LARGE = "larger than the scanner takes"
ASIDE = 65_536  # octets of what the server says besides that wait for the end of our answer
# What would hide messages from a screen: compressed octets, messages that nobody asked for, and
# responses of another name.
UNSCREENABLE = ("COMPRESS", "NOTIFY", "UIDONLY")
_FETCHES = frozenset(("FETCH", "UID FETCH"))
_SELECTS = frozenset(("SELECT", "EXAMINE", "CLOSE", "UNSELECT"))
# In answer to these a server may say that messages are gone (RFC 9051 section 7.5.1).
_EXPUNGING = _SELECTS | frozenset(("NOOP", "CHECK", "IDLE", "LOGOUT"))
_SYNCHRONISING = re.compile(rb"\{\d+\}\r?\n\Z")
_GOES_ON = re.compile(rb"\{\d+\}\r?\n\Z|[^\n]\Z")
_EXPUNGED = re.compile(rb"\* (?:\d+ EXPUNGE|VANISHED)", re.IGNORECASE)
_UID, _SIZE = Item("UID"), Item("RFC822.SIZE")


type Takes = Callable[[Fetched], bool]


@dataclass(slots=True)
class _Asked:
    """A command of ours: ``takes`` the responses that are not for the client."""

    tag: bytes
    takes: Takes | None
    status: bytes = b""
    ok: bool = False
    flooded: bool = False


@dataclass(frozen=True, slots=True)
class _Message:
    number: int
    uid: int
    size: int


class ImapScreen(Screen):
    """Between an IMAP client and its server."""

    def __init__(self, screening: Screening, **wiring: Any) -> None:
        super().__init__("imap", screening, **wiring)
        self._cache = Cache(screening.kept)
        self._asked: _Asked | None = None
        self._asks = 0
        self._response: list[bytes] | None = None  # of the server, while it comes in
        self._octets = 0  # of that
        self._passing = False  # a response to the client has begun
        self._shifted = False  # messages have got other numbers
        self._doomed: set[int] = set()
        self._asides: list[bytes] | None = None  # what waits behind the answer to a FETCH

    # -- the client ------------------------------------------------------------------------------

    def _handle(self, piece: Piece) -> Steps[None] | None:
        begins = piece.kind in (Kind.COMMAND, Kind.PART)
        if begins and piece.verb in _FETCHES and piece.tag:
            return self._fetch(piece)
        if piece.kind is Kind.COMMAND and piece.verb in UNSCREENABLE:
            return self._refuse(piece)
        if begins and self._doomed and _may_expunge(piece.verb):
            return self._expunge(piece)
        self._forward(piece)
        return None

    def _forward(self, piece: Piece) -> None:
        if piece.kind is Kind.COMMAND and piece.verb in _SELECTS:
            self._cache = Cache(self._spec.kept)
            self._doomed.clear()
        self._pass_on(piece.raw)

    def _refuse(self, piece: Piece) -> Steps[None]:
        yield from self._quiet()
        self._tell(piece.tag + b" BAD Not available here\r\n")

    def _whole_command(self, piece: Piece) -> Steps[bytes]:
        raw = piece.raw
        while piece.kind is not Kind.COMMAND:
            if piece.kind is Kind.PART and _SYNCHRONISING.search(piece.raw):
                self._tell(b"+ go on\r\n")
            piece = yield from self._next_said()
            raw += piece.raw
            raw = raw[: ROOM + 1]
        return raw

    def _expunge(self, piece: Piece) -> Steps[None]:
        yield from self._quiet()
        uids = b",".join(b"%d" % uid for uid in sorted(self._doomed))
        self._doomed.clear()
        yield from self._ask(b"UID EXPUNGE " + uids)
        self._forward(piece)

    def _quiet(self) -> Steps[None]:
        while self._back.outstanding or self._unheard:
            yield from self._answering()

    # -- FETCH -----------------------------------------------------------------------------------

    def _fetch(self, piece: Piece) -> Steps[None]:
        yield from self._quiet()
        raw = yield from self._whole_command(piece)
        if len(raw) > ROOM:
            self._tell(piece.tag + b" BAD Too long\r\n")
            return
        try:
            fetch = _read(raw)
        except NotFetch:
            # Servers read more than the RFC allows (Dovecot: BODY[01]); what such a command asks
            # for cannot be known here, so that none of them is let through.
            self._tell(piece.tag + b" BAD This FETCH cannot be read here\r\n")
            return
        if not self._concerns(fetch):
            self._pass_on(raw)
            return
        messages: list[_Message] = []
        # What others have done meanwhile is told behind the answer, as servers do: fetchmail
        # loses its place where it comes before. Flags that are asked for are newer, though.
        self._asides = None if any(item.name == "FLAGS" for item in fetch.items) else []
        try:
            status = yield from self._list(fetch, messages)
            for message in messages:
                if message.size > self._spec.limit:
                    said = (yield from self._pass_unedited(fetch, message)).status
                else:
                    said = (yield from self._answer(fetch, message)) or status
                status = said if _is_ok(status) else status
        finally:
            self._tell_asides()
        self._tell(fetch.tag + status)

    def _tell_asides(self) -> None:
        asides, self._asides = self._asides or [], None
        self._tell(b"".join(asides))

    def _concerns(self, fetch: Fetch) -> bool:
        """Whether the answer is to be another one than the server's."""
        changes = self._spec.inbound.changes
        derived = [item for item in fetch.items if rendition.is_derived(item)]
        lies = self._spec.sizes == "server" and all(item.name == _SIZE.name for item in derived)
        concerned = any(map(rendition.is_content, fetch.items))
        return concerned or (bool(derived) and changes and not lies)

    def _list(self, fetch: Fetch, messages: list[_Message]) -> Steps[bytes]:
        def takes(found: Fetched) -> bool:
            if (message := _message(found)) is None:
                return False
            messages.append(message)
            return True

        behind = b" " + fetch.modifiers if fetch.modifiers else b""
        command = fetch.verb + b" " + fetch.numbers + b" (UID RFC822.SIZE)" + behind
        self._shifted = False
        return (yield from self._ask(command, takes)).status

    def _one(self, fetch: Fetch, message: _Message, items: list[bytes]) -> bytes:
        number = message.uid if fetch.uid else message.number
        return fetch.verb + b" %d (" % number + b" ".join(items) + b")"

    def _pass_unedited(self, fetch: Fetch, message: _Message) -> Steps[_Asked]:
        if any(map(rendition.is_content, fetch.items)):
            self._examination.passes("inbound", message.size, TOO_LARGE)
        items = [item.raw for item in fetch.items]
        return (yield from self._ask(self._one(fetch, message, items)))

    def _answer(self, fetch: Fetch, message: _Message) -> Steps[bytes | None]:
        """Answer the items of one message; the server's status, if it was asked."""
        kept = self._cache.find(message.uid)
        others = _others(fetch)
        touches = any(map(rendition.sees, fetch.items))
        ours = [item for item in fetch.items if _is_ours(item)]
        needs_text = any(not self._is_known(item, message) for item in ours)
        if kept is None and needs_text:
            others.append(Item("BODY" if touches else "BODY.PEEK", ""))
        elif touches:
            others.append(Item("BODY", "", (0, 1)))  # all that it is for is \Seen
        elif not others and not self._shifted:
            self._show(message.number, [*self._values(ours, message, kept)])
            return None
        if self._spec.drip is not None:
            self._start_dripping(b"* OK Still scanning\r\n")
        command = self._one(fetch, message, [b"UID", *(item.raw for item in others)])
        found: list[Fetched] = []
        text = any(map(_is_text, others))

        def takes(response: Fetched) -> bool:
            ours = _is_about(response, message)
            if text:  # a server may say the rest in other responses, and before this one
                wanted = any(_is_text(item) for item, _ in response.items)
            else:
                wanted = ours and not found
            if ours and wanted and not found:
                found.append(response)
            return wanted

        asked = yield from self._ask(command, takes)
        if found:
            kept = yield from self._shown(fetch, message, found[0], ours, kept)
        elif asked.flooded:
            asked = yield from self._pass_unedited(fetch, message)
        self._dripping = None
        if kept is not None and kept.delete:
            yield from self._delete(fetch, message)
        return asked.status

    def _shown(
        self,
        fetch: Fetch,
        message: _Message,
        response: Fetched,
        ours: list[Item],
        kept: Examined | None,
    ) -> Steps[Examined | None]:
        asked_uid = fetch.uid or _UID in fetch.items
        values = []
        for item, found in response.items:
            if _is_text(item):
                text = imap_fetch.string(found)
                if kept is None and text is not None:
                    kept = yield from self._examined("inbound", text)
                    self._cache.keep(message.uid, kept)
            elif item != _UID or asked_uid:
                values.append(item.label + b" " + found)
        values += self._values(ours, message, kept)
        self._show(response.number, values)
        return kept

    def _show(self, number: int, values: list[bytes]) -> None:
        self._tell(b"* %d FETCH (" % number + b" ".join(values) + b")\r\n")

    def _is_known(self, item: Item, message: _Message) -> bool:
        if item != _SIZE:
            return False
        return self._spec.sizes == "server" or message.uid in self._cache.sizes

    def _values(self, ours: list[Item], message: _Message, kept: Examined | None) -> list[bytes]:
        size = message.size if self._spec.sizes == "server" else None
        if size is None and kept is None:
            size = self._cache.sizes.get(message.uid)
        told = Sizes(size, message.size if self._spec.literals == "server" else None)
        if kept is not None:
            return [item.label + b" " + rendition.value(item, kept.octets, told) for item in ours]
        # The server has no text of it (any more).
        known = (item for item in ours if self._is_known(item, message))
        values = [item.label + b" " + rendition.value(item, b"", told) for item in known]
        return values + [x.label + b" NIL" for x in ours if rendition.is_content(x)]

    def _delete(self, fetch: Fetch, message: _Message) -> Steps[None]:
        if message.uid not in self._doomed:
            # By number where the client counts so: behind UID STORE messages may be gone, and
            # the next ones have other numbers (RFC 9051 section 7.5.1).
            which = b"UID STORE %d" % message.uid if fetch.uid else b"STORE %d" % message.number
            stored = yield from self._ask(which + b" +FLAGS.SILENT (\\Deleted)")
            if stored.ok:
                self._doomed.add(message.uid)

    # -- the server ------------------------------------------------------------------------------

    def _ask(self, command: bytes, takes: Takes | None = None) -> Steps[_Asked]:
        """Ask, and wait for the end; a FETCH response that is not taken is the client's."""
        self._asks += 1
        asked = self._asked = _Asked(b"mS%d" % self._asks, takes)
        self._pass_on(asked.tag + b" " + command + b"\r\n")
        try:
            while not asked.status:
                yield from self._answering()
        finally:
            self._asked = None
        return asked

    def _hear(self, piece: Piece) -> None:
        asked = self._asked
        if piece.kind is Kind.OPAQUE:
            self._gone = True
        if asked is not None and piece.kind is Kind.REPLY and piece.tag == asked.tag:
            asked.status, asked.ok = piece.raw[len(asked.tag) :], piece.ok
        elif self._response is not None:
            self._collect(piece)
        elif asked is not None and asked.takes and self._begins_response(piece):
            self._response, self._octets = [], 0
            self._collect(piece)
        else:
            self._let_through(piece)

    def _begins_response(self, piece: Piece) -> bool:
        line = piece.kind in (Kind.PART, Kind.UNTAGGED)
        return line and not self._passing and imap_fetch.is_response(piece.raw)

    def _collect(self, piece: Piece) -> None:
        asked, parts = self._asked, self._response
        assert parts is not None
        self._octets += len(piece.raw)
        if self._octets <= self._spec.limit + ROOM:
            parts.append(piece.raw)
        elif asked is not None:
            asked.flooded = True
            parts.clear()
        if piece.kind is not Kind.UNTAGGED:
            return
        self._response = None
        if not parts:
            return
        whole = b"".join(parts)
        if asked is not None and asked.takes and _takes(asked.takes, whole):
            return
        if self._asides is not None and sum(map(len, self._asides)) < ASIDE:
            self._asides.append(whole)
        else:
            self._tell(whole)

    def _let_through(self, piece: Piece) -> None:
        raw = piece.raw
        if piece.kind is not Kind.LITERAL:
            self._passing = piece.kind is Kind.PART and _GOES_ON.search(raw) is not None
            self._shifted = self._shifted or _EXPUNGED.match(raw) is not None
            if b"CAPABILITY" in raw[:300].upper():
                raw = rewrite("imap", raw, add=(), remove=UNSCREENABLE)
        self._tell(raw)

    @property
    def _may_drip(self) -> bool:
        return not self._passing


def _read(raw: bytes) -> Fetch:
    fetch = imap_fetch.read(raw)
    if not all(map(rendition.is_readable, fetch.items)):
        raise NotFetch
    return fetch


def _is_ours(item: Item) -> bool:
    return rendition.is_content(item) or rendition.is_derived(item)


def _is_ok(status: bytes) -> bool:
    return status.split()[0].upper() == b"OK"


def _is_text(item: Item) -> bool:
    return item.name in ("BODY", "BODY.PEEK") and item.section == ""


def _is_about(response: Fetched, message: _Message) -> bool:
    uid = response.value(_UID.name)
    return response.number == message.number if uid is None else uid == b"%d" % message.uid


def _others(fetch: Fetch) -> list[Item]:
    """What only the server knows of a message."""
    items = [item for item in fetch.items if not _is_ours(item) and item != _UID]
    if b"CHANGEDSINCE" in fetch.modifiers.upper() and Item("MODSEQ") not in items:
        items.append(Item("MODSEQ"))
    return items


def _takes(takes: Takes, response: bytes) -> bool:
    try:
        return takes(imap_fetch.response(response))
    except NotFetch:
        return False


def _message(listed: Fetched) -> _Message | None:
    uid, size = _number(listed.value(_UID.name)), _number(listed.value(_SIZE.name))
    return None if uid is None or size is None else _Message(listed.number, uid, size)


def _number(value: bytes | None) -> int | None:
    return int(value) if value is not None and value.isdigit() and len(value) < 20 else None


def _may_expunge(verb: str) -> bool:
    return verb in _EXPUNGING or verb.startswith("UID ")
