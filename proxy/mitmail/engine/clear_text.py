"""The part of a session in clear: what the prelude decides is carried out here."""

from dataclasses import replace
from typing import Literal

from mitmail.conduct import Conduct
from mitmail.engine.action import Who
from mitmail.engine.backlog import LIMIT, Backlog
from mitmail.engine.chronicle import Chronicle
from mitmail.engine.ear import Ear
from mitmail.engine.interpreter import Interpreter
from mitmail.engine.observer import Observer
from mitmail.engine.offer import Offer, without_tls
from mitmail.engine.outlet import Outlet
from mitmail.engine.prelude import (
    Attacked,
    BreakOff,
    Dropped,
    Flood,
    GoOn,
    Noted,
    Pass,
    Relay,
    Step,
    Upgrade,
)
from mitmail.engine.spec import SessionSpec
from mitmail.manner import End
from mitmail.wire import Dialogue, dialogue

TLS_HANDSHAKE = b"\x16"  # the type of a handshake record (RFC 8446 section 5.1)

type Outcome = Literal["goes on", "upgrade", "waits for TLS", "flood", "broken off", "dismissed"]


class ClearText:
    """The clear-text dialogue of a session that begins without TLS, or lost it.

    ``joined`` says that the client's STARTTLS is passed on: both legs speak it, and nothing in
    clear is other than it should be. ``end`` is how the server breaks off, once it does.
    """

    def __init__(
        self,
        spec: SessionSpec,
        tracker: Dialogue,
        conduct: Conduct,
        *,
        interpreter: Interpreter,
        backlog: Backlog,
        outlet: Outlet,
        observer: Observer,
        chronicle: Chronicle,
    ) -> None:
        self.joined = spec.client == spec.server == "starttls" and not conduct.is_attack
        self.end: End = "close"
        self.behind = b""
        """What the client sent behind STARTTLS, and nobody has heard yet."""
        self.pipelined = b""
        """What it sent there for the server, which takes it for a part of what comes in TLS."""
        self._protocol = spec.protocol
        self._dialogue = tracker
        self._interpreter = interpreter
        self._backlog = backlog
        self._outlet = outlet
        self._observer = observer
        self._chronicle = chronicle
        self._conduct = conduct if spec.client == "starttls" else without_tls(spec.protocol)
        self._watched = spec.client == "starttls"
        self._prelude: Relay | Offer = (
            Relay() if self.joined else Offer(tracker, spec.protocol, self._conduct)
        )
        self._aside = dialogue(spec.protocol)  # what comes behind STARTTLS is no part of any
        self._ear: Ear | None = None  # the client may believe that TLS has begun
        self._again = b""

    @property
    def expects_tls(self) -> bool:
        """Whether a client that sends TLS now has a reason to."""
        return self._ear is not None

    def start_over(self, ear: Ear, *, greeted: bool) -> None:
        """TLS is broken off, and the dialogue goes on in clear: nothing is said of TLS again.

        ``greeted`` says that the client is to hear no greeting of the server's.
        """
        conduct = without_tls(self._protocol)
        if self._dialogue.greeted:
            self._dialogue.secured()
        elif greeted:
            conduct = replace(conduct, greeting=b"")
        self._ear = ear
        self._watched = True
        self._prelude = Offer(self._dialogue, self._protocol, conduct)

    def instead_of_hello(self, octets: bytes) -> Outcome:
        """Text of the client where TLS is due."""
        if self._conduct.pipelined != "drop":
            found = self._go_behind(octets, "waits for TLS")
        elif self._conduct.is_attack:
            self._dialogue.secured()
            self._ear = Ear(self._observer)
            found = self.client(octets)
        else:
            self._observer.in_clear(self._aside.client(octets))
            found = "dismissed"
        return found

    def client(self, octets: bytes) -> Outcome:
        """Handle what the client said."""
        heard = self._ear
        text = octets if heard is None else heard.hear(octets)
        while (outcome := self._read(text)) == "goes on" and self._again not in {b"", text}:
            # STARTTLS was answered, but not with TLS: what is behind it belongs to the dialogue.
            text, self._again = self._again, b""
            if self._ear is not heard and self._ear is not None:
                heard = self._ear
                text = heard.hear(text)
        return outcome

    def _read(self, text: bytes) -> Outcome:
        pieces = self._interpreter.hear("client", text)
        if self._watched:
            self._observer.in_clear(pieces)
        return self._carry_out(self._prelude.client(pieces))

    def server(self, octets: bytes) -> Outcome:
        """Handle what the server said; the client is shown what it gets instead."""
        return self._carry_out(self._prelude.server(self._dialogue.server(octets)))

    def overhear(self, text: bytes) -> Outcome:
        """Text of the client behind STARTTLS: what becomes of it is the conduct's to say."""
        self._observer.in_clear(self._aside.client(text))
        if self._conduct.pipelined == "relay":
            self._chronicle.note("relayed-after-starttls", octets=len(text))
            self._observer.attacked("pipelined")
            self.pipelined += text
            return "flood" if len(self.pipelined) > LIMIT else "goes on"
        self._chronicle.dropped("client", len(text))
        if self._conduct.pipelined == "close":
            self._observer.attacked("pipelined")
            self.end = "close"
            return "broken off"
        return "goes on"

    def _carry_out(self, steps: list[Step]) -> Outcome:
        out: dict[Who, bytes] = {"client": b"", "server": b""}
        outcome: Outcome = "goes on"
        again, goes_on = b"", False
        for step in steps:
            match step:
                case Pass(who, octets):
                    out[who] += octets
                case Noted(fact, verb):
                    self._chronicle.note(fact, verb=verb)
                case Attacked(what, around) if self._watched:
                    self._observer.attacked(what, around=around)
                case Dropped("client", octets):
                    again += octets
                case Dropped(who, octets):
                    self._chronicle.dropped(who, len(octets))
                case Upgrade():
                    outcome = "upgrade"
                case GoOn():
                    goes_on = True
                    self._ear = self._ear or Ear(self._observer)
                case BreakOff(end):
                    self.end, outcome = end, "broken off"
                case Flood():
                    return "flood"
        self._outlet.send("server", out["server"])
        self._interpreter.show("server", out["client"])  # a door changes the server's words
        self._outlet.send("client", out["client"])
        if goes_on:
            self._again = again
            return outcome
        return self._go_behind(again, outcome) if again else outcome

    def _go_behind(self, octets: bytes, outcome: Outcome) -> Outcome:
        if outcome == "broken off":
            self.behind = octets
            return outcome
        # A ClientHello may share the segment with STARTTLS; anything else there is an injection.
        if self._backlog.of("client") or octets[:1] == TLS_HANDSHAKE:
            text, tls = b"", octets
        else:
            at = octets.find(b"\n" + TLS_HANDSHAKE) + 1 or len(octets)
            text, tls = octets[:at], octets[at:]
        found = self.overhear(text) if text else "goes on"
        if found != "goes on":
            return found
        return outcome if self._backlog.keep("client", tls) else "flood"
