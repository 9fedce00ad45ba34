"""Hears a client whose TLS nobody answers: what it sends of it, and the text that is none."""

import re

from mitmail.engine import leg
from mitmail.engine.leg import Leg
from mitmail.engine.observer import Observer
from mitmail.engine.seam import BEGINS_IN_LINE, undecided
from mitmail.wire.clienthello import ClientHello, Malformed, NotTls, parse

HEADER = 5  # octets of a record before its payload (RFC 8446 section 5.1)
ALERT, HANDSHAKE = 21, 22
TYPES = frozenset({20, ALERT, HANDSHAKE, 23})
MAJOR = 3  # the version's first octet, since SSL 3.0
FATAL = 2
# What may be a record behind the end of a line, and what is one anywhere.
RECORD = re.compile(rb"\n(?=[\x14-\x17](?:\x03|\Z))|(?=" + BEGINS_IN_LINE + rb")")


class Ear:
    """Takes the TLS records out of what a client sends, and tells the observer of them.

    A record begins where a line could, or with a whole header of a handshake. Where keys were
    agreed on, ``tls`` reads its alerts; an alert in clear needs none. ``hello`` is the
    ClientHello, of a client that sent one.
    """

    def __init__(
        self, observer: Observer, *, tls: Leg | None = None, hello: ClientHello | None = None
    ) -> None:
        self.hello = hello
        self._observer = observer
        self._tls = tls
        self._octets = b""
        self._handshake = b""
        self._no_hello = False  # what it sends is none, however much of it comes
        self._in_line = False

    def hear(self, octets: bytes) -> bytes:
        """Octets of the client; the text in them."""
        self._octets += octets
        text = b""
        while self._octets:
            if self._in_line or not self._may_be_record():
                taken = self._take_text()
                text += taken
                if self._in_line and not taken:
                    break
            elif (record := self._take_record()) is not None:
                self._read(record)
            else:
                break
        return text

    def _may_be_record(self) -> bool:
        return self._octets[0] in TYPES and self._octets[1:2] in (b"", bytes((MAJOR,)))

    def _take_text(self) -> bytes:
        found = RECORD.search(self._octets)
        end = found.end() if found else len(self._octets) - undecided(self._octets)
        text, self._octets = self._octets[:end], self._octets[end:]
        self._in_line = found is None and not text.endswith(b"\n")
        return text

    def _take_record(self) -> bytes | None:
        size = HEADER + int.from_bytes(self._octets[3:HEADER])
        if len(self._octets) < size:
            return None
        record, self._octets = self._octets[:size], self._octets[size:]
        return record

    def _read(self, record: bytes) -> None:
        if self._tls is not None:
            for event in self._tls.receive(record):
                if isinstance(event, leg.Alert) and event.received:
                    self._observer.alert(event.code, fatal=event.fatal, received=True)
        elif record[0] == ALERT and len(record) == HEADER + 2:
            level, code = record[HEADER:]
            self._observer.alert(code, fatal=level == FATAL, received=True)
        elif record[0] == HANDSHAKE and self.hello is None:
            self._take_hello(record)

    def _take_hello(self, record: bytes) -> None:
        if self._no_hello:
            return
        self._handshake += record
        try:
            self.hello = parse(self._handshake)
        except (NotTls, Malformed):
            self._no_hello, self._handshake = True, b""
        if self.hello is not None:
            self._handshake = b""
            self._observer.hello(self.hello)
