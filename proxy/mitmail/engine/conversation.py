"""What passes between a client, us and a server, state by state.

The client leg is brought up in one order only, whatever the modes::

    [clear] -> hello -> upstream -> handshake -> relay

``clear`` is the dialogue before STARTTLS, or all of it where the client has no TLS; ``hello``
waits for the whole ClientHello, so that the server can be asked for the name that the client
asked for; ``upstream`` brings the server's side up, because a shield copies what it finds there;
``handshake`` is the client's. A manner that breaks TLS off leads from any of these to
``aftermath``, and nowhere else.

A shield may do otherwise with a client than to present a copy, once it has looked upstream::

    upstream -> asking    a pop-up is open; the answer leads to handshake or to the others
    upstream -> blocked   nothing is answered any more; clear text is heard
    upstream -> tunnel    the server is dialled anew, for the client's own TLS

From ``clear`` and ``relay``, too, a client that speaks no mail is ``blocked``, from ``hello`` one
that does not speak TLS, and from ``handshake`` and ``relay`` one whose TLS has failed. Where the
server is our own door, a client that is passed through is handed to the door's conversation by
the session.

Where the client waits for a greeting in clear, the server's side is up before it, unless both
speak STARTTLS: then the client's is passed on, and both begin TLS at the server's go-ahead.
"""

from mitmail.engine import leg
from mitmail.engine.clear_text import Outcome
from mitmail.engine.context import is_address
from mitmail.engine.seam import TLS_HANDSHAKE
from mitmail.engine.server_leg import Broken, Ended, Ready, ServerEvent, Spoken
from mitmail.engine.spec import Upstream
from mitmail.engine.treating import Treating
from mitmail.manner import Instead
from mitmail.wire.clienthello import ClientHello, Malformed, NotTls, parse


class Conversation(Treating):
    """The state machine over octets; time and its own failures are the session's business."""

    # -- the client's octets ---------------------------------------------------------------------

    def on_connected(self, error: str | None) -> None:
        """The connection to the server is open, or why it is not."""
        if self.state == "blocked":
            self._let_go_late(error)
            return
        if error is not None:
            self._chronicle.note("upstream-unreachable", words=error)
            self.fail(f"the mail server could not be reached: {error}")
            return
        self.connected = True
        self._chronicle.note("upstream-connected")
        if self.state == "tunnel":
            self._on_tunnel_connected()
        elif self.state == "hello":
            self._on_hello(b"")
        elif self._joined:
            self._on_clear_client(self._early.take("client"))
        else:
            self._handle_server(self._server.open(self._own_sni(), b""))

    def _let_go_late(self, error: str | None) -> None:
        # The client was dropped while the server was dialled: nobody needs it any more.
        if error is None:
            self.connected = True
            self._outlet.half_close("server")

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
        elif self.state == "tunnel":
            self._on_tunnel_client(octets)
        elif self.state == "blocked":
            self._hear_stray(octets)
        elif "client" not in self._outlet.legs:
            self._keep_early("client", octets)
        else:
            self._feed_client_leg(octets)

    def _on_clear_client(self, octets: bytes) -> None:
        if self.connected and (self._joined or self._server.ready):
            self.first_words.hear(octets)
            if self.drops_foreign():
                return
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
            self._on_no_tls(error)
            return
        if self.hello is not None and self.connected:
            self.observer.hello(self.hello)
            self._ask_server(self.hello)

    def _on_no_tls(self, error: NotTls | Malformed) -> None:
        self.first_words.hear(self._early.of("client"))
        self._chronicle.note("not-tls", words=str(error))
        words = f"the client did not speak TLS where TLS was due: {error}"
        self._hear_stray(b"")
        if self.spec.foreign is not None:
            self._drop(self.spec.foreign, words)
            return
        self.observer.unjudged(words)
        self._turn_away()

    def _hear_stray(self, octets: bytes) -> None:
        if self.spec.client != "plain":
            self._stray.hear(self._early.take("client") + octets)

    def _hear_early_server(self) -> None:
        if self.state == "clear" and (early := self._early.take("server")):
            self._on_spoken(early)

    def _ask_server(self, hello: ClientHello) -> None:
        if self._server.ready:
            self._choose(hello)
            return
        self.state = "upstream"
        early = self._early.take("server")
        self._handle_server(self._server.open(hello.sni, early, asked=self._joined, client=hello))

    def _on_server_ready(self, upstream: Upstream | None) -> None:
        self.upstream = upstream
        if self._joined:
            self._inspection.secured()
        if self.state == "upstream":
            assert self.hello is not None
            self._choose(self.hello)
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

    def _choose(self, hello: ClientHello) -> None:
        try:
            answer = self.spec.choose(self.upstream, hello.sni)
        except leg.UnpresentableError as error:
            self.fail(str(error))
            return
        self.treat(answer)

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

    def _on_aftermath(self, octets: bytes) -> None:
        over = self._aftermath.hear(octets)
        self.hello = self.hello or self._aftermath.hello
        if over:
            self.finish()

    # -- the server's octets ---------------------------------------------------------------------

    def on_server(self, octets: bytes) -> None:
        """Octets of the server."""
        if self.state in {"aftermath", "blocked"}:
            return
        if self.state == "tunnel":
            self._on_tunnel_server(octets)
        elif self._server.ready or self._server.opening:
            self._handle_server(self._server.receive(octets))
        elif self.state == "clear":
            self._on_inspected(octets)
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
                    self._on_inspected(octets)
                case Broken(words):
                    self._on_server_broken(words)
                case Ended():
                    self.on_server_eof()

    def _on_inspected(self, octets: bytes) -> None:
        said, freed = self._inspection.server(octets)
        if said:
            self._on_arrived(said)
        if freed and not self.over:
            self._outlet.forward("server", freed)

    def on_server_eof(self) -> None:
        """The server will send no more; what it had begun to say is heard."""
        self._hear_rest()
        super().on_server_eof()

    def _hear_rest(self) -> None:
        talking = self.state in {"clear", "relay"} and not self._server.opening
        if talking and "server" not in self._closed and (rest := self._inspection.rest()):
            self._on_arrived(rest)

    def hear_answers(self) -> None:
        """Hear what was answered in the server's place."""
        while not self.over and (said := self._inspection.take_answers()):
            self._on_arrived(said)
        if self._inspection.flooded and not self.over:
            self._flooded("client")

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
