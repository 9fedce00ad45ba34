"""What passes between a client, us and a server, state by state.

The client leg is brought up in one order only, whatever the modes::

    [clear] -> hello -> upstream -> handshake -> relay

``clear`` is the dialogue before STARTTLS, or all of it where the client has no TLS; ``hello``
waits for the whole ClientHello, so that the server can be asked for the name that the client
asked for; ``upstream`` brings the server's side up, because a shield copies what it finds there;
``handshake`` is the client's. A manner that breaks TLS off leads from any of these to
``aftermath``, and nowhere else.

Where the client waits for a greeting in clear, the server's side is up before it, unless both
speak STARTTLS: then the client's is passed on, and both begin TLS at the server's go-ahead.
"""

from mitmail.engine import leg, presenter, suitability
from mitmail.engine.action import SetTimer
from mitmail.engine.clear_text import Outcome
from mitmail.engine.context import is_address
from mitmail.engine.footing import Footing
from mitmail.engine.seam import TLS_HANDSHAKE
from mitmail.engine.server_leg import Broken, Ended, Ready, ServerEvent, Spoken
from mitmail.engine.spec import Upstream
from mitmail.manner import Instead
from mitmail.wire import Kind
from mitmail.wire.clienthello import ClientHello, Malformed, NotTls, parse


class Conversation(Footing):
    """The state machine over octets; time and its own failures are the session's business."""

    # -- the client's octets ---------------------------------------------------------------------

    def on_connected(self, error: str | None) -> None:
        """The connection to the server is open, or why it is not."""
        if error is not None:
            self._chronicle.note("upstream-unreachable", words=error)
            self.fail(f"the mail server could not be reached: {error}")
            return
        self.connected = True
        self._chronicle.note("upstream-connected")
        if self.state == "hello":
            self._on_hello(b"")
        elif self._joined:
            self._on_clear_client(self._early.take("client"))
        else:
            self._handle_server(self._server.open(self._own_sni(), b""))

    def _own_sni(self) -> str | None:
        # The client has asked for no name yet.
        trust = self.spec.trust
        return None if trust is None or is_address(trust.name) else trust.name

    def on_client(self, octets: bytes) -> None:
        """Octets of the client."""
        if self.state == "clear":
            self._on_clear_client(octets)
        elif self.state == "hello":
            self._on_hello(octets)
        elif self.state == "aftermath":
            self._on_aftermath(octets)
        elif "client" not in self._outlet.legs:
            self._keep_early("client", octets)
        else:
            self._handle_client_leg(self._receive(octets))

    def _on_clear_client(self, octets: bytes) -> None:
        if self.connected and (self._joined or self._server.ready):
            self.first_words.hear(octets)
            self._after_clear_text(self._clear_text.client(octets))
            return
        self._keep_early("client", octets)
        if self._early.of("client")[:1] == TLS_HANDSHAKE:
            self._after_clear_text("tls at once")

    def _after_clear_text(self, outcome: Outcome) -> None:
        match outcome:
            case "flood":
                self._flooded("client")
            case "tls at once":
                port = "a STARTTLS" if self.spec.client == "starttls" else "a clear-text"
                self._chronicle.note(f"tls-on-{self.spec.client}-port")
                self._dismiss(f"the client spoke TLS at once on {port} port")
            case "upgrade":
                self.state = "hello"
                self._on_hello(self._clear_text.take_unheard())
                if (beyond := self._clear_text.take_beyond()) and not self.over:
                    self.on_server(beyond)
            case "in clear":
                self.state = "clear"
                self._hear_early_server()
                if not self.over:
                    self._after_clear_text(self._clear_text.client(b""))
            case "broken off":
                self.state = "aftermath"
                behind = self._clear_text.take_unheard()
                if self._aftermath.after_starttls(self._clear_text.end, self._clear_text.ear):
                    self.finish()
                elif behind:
                    self._on_aftermath(behind)

    # -- ClientHello, upstream, certificate ------------------------------------------------------

    def _on_hello(self, octets: bytes) -> None:
        if self.spec.client == "starttls":
            outcome = self._clear_text.behind_starttls(octets)
            if outcome != "goes on":
                self._after_clear_text(outcome)
                return
        else:
            self._keep_early("client", octets)
        if self.over or not self._early.of("client"):
            return
        try:
            self.hello = parse(self._early.of("client"))
        except (NotTls, Malformed) as error:
            self.first_words.hear(self._early.of("client"))
            self._chronicle.note("not-tls", words=str(error))
            self._dismiss(f"the client did not speak TLS where TLS was due: {error}")
            return
        if self.hello is not None and self.connected:
            self.observer.hello(self.hello)
            self._ask_server(self.hello)

    def _hear_early_server(self) -> None:
        if self.state == "clear" and (early := self._early.take("server")):
            self._on_spoken(early)

    def _ask_server(self, hello: ClientHello) -> None:
        if self._server.ready:
            self._present(hello)
            return
        self.state = "upstream"
        early = self._early.take("server")
        self._handle_server(self._server.open(hello.sni, early, asked=self._joined))

    def _on_server_ready(self, upstream: Upstream | None) -> None:
        self.upstream = upstream
        if self.state == "upstream":
            assert self.hello is not None
            self._present(self.hello)
            return
        if self._guarding():
            if self.spec.client == "plain":
                self._refuse_to_relay()
                return
            self._clear_text.guard()
        if early := self._early.take("client"):
            self._on_clear_client(early)
            self._end_server_in_clear()

    def _on_server_broken(self, words: str) -> None:
        if self.state in {"handshake", "relay"} or self._server.ready:
            self.on_server_eof()
        else:
            self.fail(words)

    def _present(self, hello: ClientHello) -> None:
        try:
            identity = self.spec.choose(self.upstream, hello.sni)
            if identity is None:
                self.fail("there is no certificate to present")
                return
            self._identity = identity
            self._outlet.segment_size = identity.manner.segment_size
            if (instead := presenter.instead(identity, hello, "client-hello")) is not None:
                self.play(instead)
                return
            tls = presenter.present(identity)
        except leg.UnpresentableError as error:
            self.fail(str(error))
            return
        self.state = "handshake"
        self._outlet.legs["client"] = tls
        self._handle_client_leg(self._receive(self._early.take("client")))

    # -- TLS broken off on purpose ---------------------------------------------------------------

    def play(self, instead: Instead) -> None:
        """Send these octets where the client expects TLS, and end as they say."""
        self.state = "aftermath"
        if self._aftermath.play(instead, self.hello):
            self.finish()
        elif instead.then == "clear":
            self.state = "clear"
            self._clear_text.start_over(self._aftermath.ear, greeted=bool(instead.octets))
            self._hear_early_server()
            self._after_clear_text(self._clear_text.client(self._early.take("client")))

    def _on_cut(self) -> None:
        assert self._identity is not None
        self.state = "aftermath"
        self._aftermath.cut(self._identity.manner.cut or "close")

    def _on_aftermath(self, octets: bytes) -> None:
        over = self._aftermath.hear(octets)
        self.hello = self.hello or self._aftermath.hello
        if over:
            self.finish()

    # -- the client leg --------------------------------------------------------------------------

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
        if not self._guarding():
            self._pass_to_server(octets)
        elif any(piece.kind is Kind.COMMAND for piece in pieces):
            self._refuse_to_relay()
        if not self.over:
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
        self.finish()

    def on_client_eof(self) -> None:
        """The client will send no more."""
        if "client" in self._closed:
            return
        self._closed.add("client")
        self._chronicle.note("client-closed")
        self.observer.left()
        if self._answers_are_due():
            self.observer.closed()
            patience = self.spec.handshake_deadline + self.spec.linger
            self._actions.append(SetTimer("linger", patience))
            return
        if not self._is_relaying():
            self.finish()
            return
        # A client that leaves at once did not like the certificate; one that was kept waiting
        # may have had enough of the server.
        late = not self._dialogue.greeted and not self._outlet.holding
        self.observer.witness.ungreeted = late
        self.observer.closed()
        self._outlet.release()
        self._outlet.half_close("server")
        if "server" in self._closed:
            self._outlet.half_close("client")
            self.finish()
        else:
            self._actions.append(SetTimer("linger", self.spec.linger))

    def _answers_are_due(self) -> bool:
        # A client without TLS may say all that it has to say, and end, as ``printf | nc`` does.
        waits = bool(self._early.of("client") or self._dialogue.outstanding)
        return waits and self.spec.client == "plain" and "server" not in self._closed

    def _end_server_in_clear(self) -> None:
        if "client" in self._closed and not self.over and not self._answers_are_due():
            self._outlet.half_close("server")
            self._actions.append(SetTimer("linger", self.spec.linger))

    # -- the server's octets ---------------------------------------------------------------------

    def on_server(self, octets: bytes) -> None:
        """Octets of the server."""
        if self.state == "aftermath":
            return
        if self._server.ready or self._server.opening:
            self._handle_server(self._server.receive(octets))
        elif self.state == "clear":
            self._on_arrived(octets)
        elif self._joined:
            self._chronicle.dropped("server", len(octets))
        else:
            self._keep_early("server", octets)

    def _handle_server(self, events: list[ServerEvent]) -> None:
        for event in events:
            if self.over:
                return
            match event:
                case Ready(upstream):
                    self._on_server_ready(upstream)
                case Spoken(octets):
                    self._on_arrived(octets)
                case Broken(words):
                    self._on_server_broken(words)
                case Ended():
                    self.on_server_eof()

    def _on_arrived(self, octets: bytes) -> None:
        self._on_spoken(octets)

    def _on_spoken(self, octets: bytes) -> None:
        if self.state == "clear":
            said, rest = self._clear_text.until_reply(octets)
            self._after_clear_text(self._clear_text.server(said))
            self._end_server_in_clear()
            if rest and not self.over:
                self._on_spoken(rest)
        elif self.state == "relay":
            self._relay_to_client(octets)
        elif self.state != "aftermath":
            self._keep_early("server", octets)

    def _relay_to_client(self, octets: bytes) -> None:
        if said := self._secured_text.server(octets):
            self._outlet.send("client", said)

    def on_server_eof(self) -> None:
        """The server will send no more."""
        if "server" in self._closed:
            return
        self._closed.add("server")
        self._chronicle.note("server-closed")
        if rest := self._secured_text.rest():
            self._outlet.send("client", rest)
        if self._server.opening:
            self.fail(f"the mail server closed the connection {self._server.stage}")
        elif self.state == "hello":
            self.fail("the mail server closed the connection before TLS")
        elif self._is_relaying():
            if not self._outlet.holding:
                self._end_client()
        elif self.state == "clear":
            self.observer.witness.we_closed = True
            self.finish()
        # Otherwise the client is still being asked what it thinks of the certificate.

    def _is_relaying(self) -> bool:
        in_clear = self.state == "clear" and self.spec.client == "plain"
        return self.state == "relay" or (in_clear and self._server.ready)

    def unheard(self) -> bool:
        """Whether the client has said nothing at all where it begins with TLS."""
        return self.state == "hello" and not self._early.of("client")

    def client_is_due(self) -> bool:
        """Whether the next word is the client's: a slow server must not become its verdict."""
        if self.state in {"clear", "relay"}:
            # A server may be silent in IDLE for half an hour (RFC 2177).
            waits = any(verb != "IDLE" for verb, _ in self._dialogue.outstanding)
            return self._dialogue.greeted and not waits
        return self.reached()

    def reached(self) -> bool:
        """Whether the server is there, with its TLS where it has any."""
        return self.state == "aftermath" or (self.connected and not self._server.opening)
