"""The part of a session in clear: what the prelude decides is carried out here."""

from collections.abc import Callable, Sequence
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
    Heard,
    Noted,
    Pass,
    Relay,
    Step,
    Upgrade,
    given,
)
from mitmail.engine.seam import TLS_HANDSHAKE, Seam
from mitmail.engine.spec import SessionSpec
from mitmail.manner import End
from mitmail.wire import Dialogue, Kind, Piece, dialogue

type Outcome = Literal["goes on", "upgrade", "in clear", "tls at once", "flood", "broken off"]


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
        send: Callable[[bytes], None],
    ) -> None:
        odd = conduct.is_attack or conduct.pipelined != "drop"
        self.joined = spec.client == spec.server == "starttls" and not odd
        self.end: End = "close"
        self.pipelined = b""
        """What it sent there for the server, which takes it for a part of what comes in TLS."""
        self._protocol = spec.protocol
        self._dialogue = tracker
        self._interpreter = interpreter
        self._backlog = backlog
        self._outlet = outlet
        self._observer = observer
        self._chronicle = chronicle
        self._send = send  # to the server
        self._conduct = conduct if spec.client == "starttls" else without_tls(spec.protocol)
        self._watched = spec.client == "starttls"
        self._heard = self._watched or spec.lure
        self._prelude: Relay | Offer = (
            Relay() if self.joined else Offer(tracker, spec.protocol, self._conduct)
        )
        self._aside = dialogue(spec.protocol)  # what comes behind STARTTLS is no part of any
        self._seam = Seam()
        self.ear: Ear | None = None
        """What takes TLS out of the client's words: it may believe that TLS has begun."""
        self._opaque = False  # the client has said what is none of the protocol
        self._unheard = b""  # of what the client sent
        self._begun = 0  # octets of a line of the client's
        self._begun_aside = 0
        self._beyond = b""  # what the server sent behind its go-ahead

    def guard(self) -> None:
        """Nothing of the client's may reach the server but what leads to STARTTLS."""
        if isinstance(self._prelude, Offer):
            self._prelude.guard()

    def start_over(self, ear: Ear, *, greeted: bool) -> None:
        """TLS is broken off, and the dialogue goes on in clear: nothing is said of TLS again.

        ``greeted`` says that the client is to hear no greeting of the server's.
        """
        conduct = without_tls(self._protocol)
        if self._dialogue.greeted:
            self._dialogue.secured()
        elif greeted:
            conduct = replace(conduct, greeting=b"")
        self.ear = ear
        self._watched = self._heard = True
        self._prelude = Offer(self._dialogue, self._protocol, conduct)

    def client(self, octets: bytes) -> Outcome:
        """Handle what the client said."""
        self._unheard += octets
        return self._hear()

    def _hear(self) -> Outcome:
        while self._unheard:
            # A line at a time: the line may be what makes TLS of that behind it.
            end = len(self._unheard) if self.ear is None else self._unheard.find(b"\n") + 1
            said = self._unheard[: end or None]
            self._unheard = self._unheard[len(said) :]
            outcome = self._read(said if self.ear is None else self.ear.hear(said))
            if outcome != "goes on":
                return outcome
        return "goes on"

    def _read(self, text: bytes) -> Outcome:
        pieces = self._cut(text)
        tls = self._begins_tls(pieces)
        if tls is not None:
            pieces = pieces[:tls]
        steps: list[Step] = []
        for piece in pieces:  # one by one, as if each had come by itself
            steps += [Heard(piece), *self._prelude.client([piece])]
        outcome = self._carry_out(steps)
        return "tls at once" if tls is not None and outcome == "goes on" else outcome

    def _cut(self, text: bytes) -> list[Piece]:
        pieces = self._interpreter.hear("client", text)
        self._begun += len(text) - sum(len(piece.raw) for piece in pieces)
        if self._watched:
            self._observer.in_line("clear", self._begun)
        return pieces

    def _begins_tls(self, pieces: Sequence[Piece]) -> int | None:
        for at, piece in enumerate(pieces):
            if piece.kind is Kind.OPAQUE and not self._opaque:
                self._opaque = True
                if piece.raw[:1] == TLS_HANDSHAKE and self.ear is None:
                    return at
        return None

    def server(self, octets: bytes) -> Outcome:
        """Handle what the server said; the client is shown what it gets instead."""
        outcome = self._carry_out(self._prelude.server(self._dialogue.server(octets)))
        return self._hear() if outcome == "goes on" else outcome

    def until_reply(self, octets: bytes) -> tuple[bytes, bytes]:
        """The server's octets up to what may make way for another command, and the rest."""
        end = octets.find(b"\n") + 1 if self._prelude.holds else 0
        return octets[: end or len(octets)], octets[end or len(octets) :]

    def take_unheard(self) -> bytes:
        """What the client sent behind STARTTLS, and nobody has heard yet."""
        octets, self._unheard = self._unheard, b""
        return octets

    def take_beyond(self) -> bytes:
        """What the server sent behind its go-ahead."""
        octets, self._beyond = self._beyond, b""
        return octets

    def behind_starttls(self, octets: bytes) -> Outcome:
        """What the client sends behind STARTTLS; TLS is kept, and of text the conduct says."""
        text, tls = self._seam.split(octets)
        if text:
            if self._conduct.is_attack and self._conduct.pipelined == "drop":
                return self._go_on_in_clear(octets)
            found = self._overhear(text, tls)
            if found != "goes on":
                return found
        return "goes on" if self._backlog.keep("client", tls) else "flood"

    def _go_on_in_clear(self, octets: bytes) -> Outcome:
        # The client may have taken what it was told for a refusal.
        self._chronicle.note("not-tls", words="clear text, which an odd dialogue may explain")
        self._dialogue.secured()
        self._seam, self.ear = Seam(), Ear(self._observer)
        self._unheard = octets + self._unheard
        return "in clear"

    def _overhear(self, text: bytes, tls: bytes) -> Outcome:
        if self._conduct.pipelined == "relay":
            self._chronicle.count("relayed-after-starttls", len(text))
            self._hear_aside(text)
            self.pipelined += text
            return "flood" if len(self.pipelined) > LIMIT else "goes on"
        closes = self._conduct.pipelined == "close"
        end = text.find(b"\n") + 1 if closes else 0
        line = text[: end or len(text)]
        self._chronicle.dropped("client", len(line))
        self._hear_aside(line)
        if end == 0:
            return "goes on"
        # It may have been sent before we closed: how the network cut it says nothing.
        self._observer.witness.undated = True
        rest = text[end:] + self._seam.take_held() + tls
        self.end, self._unheard = "close", rest + self._unheard
        return "broken off"

    def ends(self, early: bytes, *, in_clear: bool) -> None:
        """The session is over: what may have been the beginning of TLS was none.

        ``early`` is what the client sent before its turn; ``in_clear``: TLS had not begun.
        """
        if in_clear and self._watched:
            self._hear_last(self._unheard + early)
        if last := given(self._aside.rest()):
            self._observer.overheard(last)
        if (held := self._seam.take_held()) and self._conduct.pipelined != "relay":
            self._chronicle.dropped("client", len(held))

    def _hear_last(self, octets: bytes) -> None:
        # It was sent, though nobody was there to answer it.
        self._unheard = b""
        pieces = self._cut(octets if self.ear is None else self.ear.hear(octets))
        pieces += given(self._interpreter.rest())
        behind = [piece.raw for piece in pieces if piece.kind is Kind.AFTER_STARTTLS]
        self._observer.in_clear([x for x in pieces if x.kind is not Kind.AFTER_STARTTLS])
        text, _ = self._seam.split(b"".join([self._prelude.behind, *behind]))
        if text:
            self._hear_aside(text)

    def _hear_aside(self, text: bytes) -> None:
        pieces = self._aside.client(text)
        self._begun_aside += len(text) - sum(len(piece.raw) for piece in pieces)
        self._observer.in_line("aside", self._begun_aside)
        self._observer.overheard(pieces)

    def _carry_out(self, steps: list[Step]) -> Outcome:
        out: dict[Who, bytes] = {"client": b"", "server": b""}
        outcome: Outcome = "goes on"
        behind, goes_on = b"", False
        for step in steps:
            match step:
                case Heard(piece) if self._heard:
                    self._observer.in_clear([piece])
                case Pass(who, octets):
                    out[who] += octets
                case Noted(fact, verb):
                    self._chronicle.note(fact, verb=verb)
                    self._observer.noted(fact)
                    self._forget_tls(fact)
                case Attacked(what, around) if self._watched:
                    self._observer.attacked(what, around=around)
                case Dropped("client", octets):
                    behind += octets
                case Dropped("server", octets):
                    self._beyond += octets
                case Upgrade():
                    self._chronicle.note("go-ahead")
                    outcome = "upgrade"
                case GoOn():
                    goes_on = True
                    self._observer.witness.goes_on = self._watched
                    self.ear = self.ear or Ear(self._observer)
                case BreakOff(end):
                    self.end, outcome = end, "broken off"
                case Flood():
                    return "flood"
        if out["server"]:
            self._send(out["server"])
        self._interpreter.show("server", out["client"])  # a door changes the server's words
        self._outlet.send("client", out["client"])
        if goes_on or outcome != "goes on":
            # Not answered with TLS: what is behind it belongs to the dialogue.
            self._unheard = behind + self._unheard
            return outcome
        return self.behind_starttls(behind) if behind else outcome

    def _forget_tls(self, fact: str) -> None:
        # What was kept for a TLS that has been refused is part of nothing.
        if fact == "starttls-refused":
            self._seam = Seam()
            if tls := self._backlog.take("client"):
                self._chronicle.dropped("client", len(tls))
