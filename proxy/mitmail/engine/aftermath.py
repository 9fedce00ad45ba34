"""What a client says after the server, in its manner, broke TLS off."""

from mitmail.engine import leg
from mitmail.engine.action import Action, Reset
from mitmail.engine.chronicle import Chronicle
from mitmail.engine.interpreter import Interpreter
from mitmail.engine.observer import Observer
from mitmail.engine.outlet import Outlet
from mitmail.engine.prelude import gives_credentials
from mitmail.engine.spec import MailProtocol
from mitmail.manner import End, Instead
from mitmail.wire import Kind, dialogue
from mitmail.wire.clienthello import ClientHello, Malformed, NotTls, parse

# How the server broke TLS off, in words for a person.
HOW: dict[End, str] = {
    "close": "by closing the connection", "reset": "by a reset", "stall": "by falling silent",
}  # fmt: skip
HEADER = 5  # octets of a record before its payload (RFC 8446 section 5.1)
ALERT, HANDSHAKE = 21, 22
TYPES = frozenset({20, ALERT, HANDSHAKE, 23})
FATAL = 2


class Aftermath:
    """Breaks TLS off as a manner says, and then listens: for alerts, in clear or through the leg
    where keys were agreed on, and for mail commands in clear text. Nothing is answered any more.

    What may end the session at once tells so by its result.
    """

    def __init__(
        self,
        protocol: MailProtocol,
        *,
        outlet: Outlet,
        observer: Observer,
        chronicle: Chronicle,
        actions: list[Action],
    ) -> None:
        self.hello: ClientHello | None = None
        """The ClientHello, of a client that was met before it had sent one."""
        self._outlet = outlet
        self._observer = observer
        self._chronicle = chronicle
        self._actions = actions
        self._interpreter = Interpreter(dialogue(protocol), actions)
        self._octets = b""
        self._handshake = b""
        self._no_hello = False  # what it sends is none, however much of it comes
        self._in_clear = False
        self._foreign = False  # it began with no mail command: what looks like one is none either

    def play(self, instead: Instead) -> bool:
        """Send these octets where the client expects TLS, and end as they say."""
        self._chronicle.note("instead-of-tls", octets=len(instead.octets))
        self._outlet.send("client", instead.octets)
        assert instead.then != "clear"
        return self._break_off(instead.then, "with other octets, " if instead.octets else "")

    def cut(self, end: End) -> bool:
        """The leg has sent half of its certificate; end like this."""
        self._outlet.flush("client")
        return self._break_off(end, "in the middle of its certificate ")

    def _break_off(self, end: End, where: str) -> bool:
        self._observer.broke_off(where + HOW[end])
        if end == "close":
            self._outlet.half_close("client")
        elif end == "reset":
            self._outlet.hurry()
            self._actions.append(Reset("client"))
        return end == "reset"  # whatever the client says to that, nobody can hear

    def hear(self, octets: bytes) -> bool:
        """Octets of the client."""
        self._octets += octets
        while not self._in_clear and len(self._octets) >= HEADER:
            if self._octets[0] not in TYPES:
                break
            size = HEADER + int.from_bytes(self._octets[3:HEADER])
            if len(self._octets) < size:
                break
            record, self._octets = self._octets[:size], self._octets[size:]
            self._take(record)
        if self._in_clear or (self._octets and self._octets[0] not in TYPES):
            self._in_clear = True
            text, self._octets = self._octets, b""
            self._read(text)
        return self._observer.alerted

    def _take(self, record: bytes) -> None:
        if (tls := self._outlet.legs.get("client")) is not None:
            for event in tls.receive(record):
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
            self._observer.hello(self.hello)

    def _read(self, text: bytes) -> None:
        pieces = self._interpreter.hear("client", text)
        if not pieces:
            self._observer.witness.spoke = True
        for piece in pieces:
            self._foreign = self._foreign or not piece.verb
            if self._foreign or piece.kind is not Kind.COMMAND:
                self._observer.witness.spoke = True
            else:
                self._observer.in_clear(piece.verb, credentials=gives_credentials(piece))
