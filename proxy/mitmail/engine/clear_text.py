"""The part of a session before STARTTLS: what the prelude decides is carried out here."""

from typing import Literal

from mitmail.engine.action import Who
from mitmail.engine.backlog import Backlog
from mitmail.engine.chronicle import Chronicle
from mitmail.engine.interpreter import Interpreter
from mitmail.engine.outlet import Outlet
from mitmail.engine.prelude import Dropped, Flood, Noted, Offer, Pass, Relay, Step, Upgrade
from mitmail.engine.spec import SessionSpec
from mitmail.wire import Dialogue

TLS_HANDSHAKE = b"\x16"  # the type of a handshake record (RFC 8446 section 5.1)

type Outcome = Literal["goes on", "upgrade", "flood"]


class ClearText:
    """The clear-text dialogue of a session that begins without TLS."""

    def __init__(
        self,
        spec: SessionSpec,
        dialogue: Dialogue,
        *,
        interpreter: Interpreter,
        backlog: Backlog,
        outlet: Outlet,
        chronicle: Chronicle,
    ) -> None:
        self._dialogue = dialogue
        self._interpreter = interpreter
        self._backlog = backlog
        self._outlet = outlet
        self._chronicle = chronicle
        joined = spec.client == "plain" or spec.client == spec.server
        self._prelude: Relay | Offer = Relay() if joined else Offer(dialogue, spec.protocol)

    def client(self, octets: bytes) -> Outcome:
        """Handle what the client said."""
        return self._carry_out(self._prelude.client(self._interpreter.hear("client", octets)))

    def server(self, octets: bytes) -> Outcome:
        """Handle what the server said; the client is shown what it gets instead."""
        return self._carry_out(self._prelude.server(self._dialogue.server(octets)))

    def _carry_out(self, steps: list[Step]) -> Outcome:
        out: dict[Who, bytes] = {"client": b"", "server": b""}
        outcome: Outcome = "goes on"
        for step in steps:
            match step:
                case Pass(who, octets):
                    out[who] += octets
                case Noted(fact, verb):
                    self._chronicle.note(fact, verb=verb)
                case Dropped(who, octets) if not self._drop(who, octets):
                    return "flood"
                case Upgrade():
                    outcome = "upgrade"
                case Flood():
                    return "flood"
        self._outlet.send("server", out["server"])
        self._interpreter.show("server", out["client"])  # a door changes the server's words
        self._outlet.send("client", out["client"])
        return outcome

    def _drop(self, who: Who, octets: bytes) -> bool:
        # A ClientHello may share the segment with STARTTLS; anything else there is an injection.
        if who == "client" and (self._backlog.of("client") or octets[:1] == TLS_HANDSHAKE):
            return self._backlog.keep("client", octets)
        self._chronicle.note("dropped-after-starttls", who=who, octets=len(octets))
        return True
