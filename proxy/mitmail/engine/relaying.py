"""What passes through the client's TLS, from its handshake on."""

from abc import ABC, abstractmethod

from mitmail.engine import leg, presenter, suitability
from mitmail.engine.action import SetTimer
from mitmail.engine.departure import Departure
from mitmail.manner import Instead
from mitmail.wire import Kind


class Relaying(Departure, ABC):
    """The client's leg while it is brought up, and both sides once they are."""

    @abstractmethod
    def play(self, instead: Instead) -> None:
        """Send these octets where the client expects TLS, and end as they say."""

    @abstractmethod
    def drops_foreign(self) -> bool:
        """Whether the client has spoken no mail, and is not relayed any more for that."""

    def _feed_client_leg(self, octets: bytes) -> None:
        self._handle_client_leg(self._receive(octets))
        if not self.over:
            self._stray.hear()

    def _handle_client_leg(self, events: list[leg.LegEvent]) -> None:
        for event in events:
            if self.over or self.state not in {"handshake", "relay"}:
                return
            match event:
                case leg.Presented() if self.observer.witness.presented is None:
                    self._on_presented()
                case leg.Cut():
                    self._on_cut()
                case leg.Alert(code, fatal, received):
                    self.observer.alert(code, fatal=fatal, received=received)
                case leg.HandshakeDone():
                    self._on_secured()
                case leg.Plaintext(octets):
                    self._on_plaintext(octets)
                case leg.Closed():
                    self.on_client_eof()
                case leg.Failed(error):
                    self._on_client_failed(error)
        self._outlet.flush("client")

    def _on_presented(self) -> None:
        assert self._identity is not None
        self.observer.presented(self._identity)
        if self.spec.waiting is not None:
            self._actions.append(SetTimer("waiting", self.spec.waiting))

    def _on_secured(self) -> None:
        tls = self._outlet.legs["client"]
        self.state = "relay"
        self.observer.secured(tls)
        # TLS 1.2 owes the client our Finished; in TLS 1.3 only tickets are left, and they wait.
        if tls.version != "TLSv1.3":
            self._outlet.flush("client")
        if self.spec.client == "starttls":
            self._dialogue.secured()
        self._outlet.hold()
        self._actions.append(SetTimer("greeting", self.spec.greeting_hold))
        if early := self._early.take("server"):
            self._relay_to_client(early)
        if (pipelined := self._clear_text.pipelined) and not self._guarding():
            self._interpreter.hear("client", pipelined)
            self._pass_to_server(pipelined)

    def _on_plaintext(self, octets: bytes) -> None:
        self.first_words.hear(octets)
        begun = self._secured_text.begun
        pieces = self._secured_text.client(octets)
        if self._secured_text.begun and not begun and (instead := self._instead()) is not None:
            self._outlet.release()
            self.play(instead)
            return
        if self.spec.foreign is not None and self.first_words.foreign:
            self._outlet.release()
            self.drops_foreign()
        elif not self._guarding():
            self._pass_to_server(octets)
        elif any(piece.kind is Kind.COMMAND for piece in pieces):
            self._refuse_to_relay()
        if not self.over and self.state == "relay":
            self.release()

    def _instead(self) -> Instead | None:
        assert self._identity is not None
        assert self.hello is not None
        return presenter.instead(self._identity, self.hello, "secured")

    def _on_client_failed(self, error: str) -> None:
        assert self._identity is not None
        assert self.hello is not None
        self.observer.failed(suitability.cause(error, self._identity, self.hello))
        self._outlet.flush("client")
        self.observer.closed()
        self._turn_away()

    def _relay_to_client(self, octets: bytes) -> None:
        if said := self._secured_text.server(octets):
            self._outlet.send("client", said)

    def _on_cut(self) -> None:
        assert self._identity is not None
        self.state = "aftermath"
        self._aftermath.cut(self._identity.manner.cut or "close")
