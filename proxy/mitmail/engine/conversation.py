"""What passes between a client, us and a server, state by state.

The client leg is brought up in one order only, whatever the modes::

    [clear] -> hello -> [upstream] -> handshake -> relay

``clear`` is the dialogue before STARTTLS; ``hello`` waits for the whole ClientHello, so that the
server can be asked for the name that the client asked for; ``upstream`` is the TLS handshake
with the server, because a shield copies what it finds there; ``handshake`` is the client's.
"""

from mitmail.engine import context, leg
from mitmail.engine.action import Action, Close, Said, SetTimer, Who
from mitmail.engine.chronicle import Chronicle
from mitmail.engine.credential import Credentials
from mitmail.engine.leg import Leg
from mitmail.engine.observer import Observer
from mitmail.engine.outlet import Outlet
from mitmail.engine.prelude import Dropped, Flood, Noted, Offer, Pass, Relay, Step, Upgrade
from mitmail.engine.spec import Identity, SessionSpec, Upstream
from mitmail.wire import Kind, Piece, dialogue
from mitmail.wire.clienthello import ClientHello, Malformed, NotTls, parse

TLS_HANDSHAKE = b"\x16"  # the type of a handshake record (RFC 8446 section 5.1)
EARLY_LIMIT = 262_144  # octets kept of a side whose turn has not come; TLS handshakes are smaller


class Conversation:
    """The state machine over octets; time and its own failures are the session's business."""

    def __init__(self, spec: SessionSpec, chronicle: Chronicle, actions: list[Action]) -> None:
        self.spec = spec
        self.error: str | None = None
        self.hello: ClientHello | None = None
        self.upstream: Upstream | None = None
        self.over = False
        self.connected = False
        self.state = "clear" if spec.client == "starttls" else "hello"
        self.observer = Observer(spec.protocol, chronicle)
        self._chronicle = chronicle
        self._actions = actions
        self._outlet = Outlet(actions)
        self._dialogue = dialogue(spec.protocol)
        self._prelude: Relay | Offer = (
            Relay() if spec.server == "starttls" else Offer(self._dialogue, spec.protocol)
        )
        self._credentials = Credentials()
        self._early: dict[Who, bytes] = {"client": b"", "server": b""}
        self._verifier: context.Verifier | None = None
        self._identity: Identity | None = None
        self._closed: set[Who] = set()

    def release(self) -> None:
        """The greeting has been held long enough."""
        if self._outlet.holding:
            self._outlet.release()
            if "server" in self._closed:
                self._end_client()

    # -- ends ------------------------------------------------------------------------------------

    def fail(self, error: str) -> None:
        """Our own side failed: no verdict about the client, and the end."""
        self.error = self.error or error
        self._chronicle.note("error", words=error)
        self.observer.unjudged(f"could not judge: {error}")
        self.finish()

    def finish(self) -> None:
        """End the session: both sides are closed, and there is a verdict."""
        if self.over:
            return
        self.over = True
        try:
            self.observer.closed()
            self._outlet.release()
            self._outlet.shutdown("client")
            self._outlet.shutdown("server")
        finally:
            self._actions += [Close("client"), Close("server")]

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
        elif early := self._take_early("client"):
            self._on_clear_client(early)

    def on_client(self, octets: bytes) -> None:
        """Octets of the client."""
        if self.state == "clear":
            self._on_clear_client(octets)
        elif self.state == "hello":
            self._on_hello(octets)
        elif (tls := self._outlet.legs.get("client")) is None:
            self._keep_early("client", octets)
        else:
            self._handle_client_leg(tls.receive(octets))

    def _keep_early(self, who: Who, octets: bytes) -> None:
        self._early[who] += octets
        if len(self._early[who]) > EARLY_LIMIT:
            self._flooded(who)

    def _take_early(self, who: Who) -> bytes:
        early, self._early[who] = self._early[who], b""
        return early

    def _flooded(self, who: Who) -> None:
        self._chronicle.note("flood", who=who)
        if who == "server":
            self.fail("the mail server said too much before its turn")
        else:
            self._dismiss("the client said too much before its turn")

    def _dismiss(self, words: str) -> None:
        self.observer.unjudged(words)
        self.finish()

    def _on_clear_client(self, octets: bytes) -> None:
        if not self._dialogue.outstanding and octets[:1] == TLS_HANDSHAKE:
            self._chronicle.note("tls-on-starttls-port")
            self._dismiss("the client spoke TLS at once on a STARTTLS port")
        elif not self.connected:
            self._keep_early("client", octets)
        else:
            self._take(self._prelude.client(self._parse("client", octets)))

    def _parse(self, who: Who, octets: bytes) -> list[Piece]:
        track = self._dialogue.client if who == "client" else self._dialogue.server
        pieces = track(octets)
        if who == "client":
            self._credentials.learn(pieces)
        self._show(who, b"".join(piece.shown for piece in pieces))
        return pieces

    def _show(self, who: Who, shown: bytes) -> None:
        if shown:
            hidden = self._credentials.hide(shown) if who == "server" else shown
            self._actions.append(Said(who, hidden))

    def _take(self, steps: list[Step]) -> None:
        out: dict[Who, bytes] = {"client": b"", "server": b""}
        upgrade = False
        for step in steps:
            match step:
                case Pass(who, octets):
                    out[who] += octets
                case Noted(fact, verb):
                    self._chronicle.note(fact, verb=verb)
                case Dropped(who, octets):
                    self._drop(who, octets)
                case Upgrade():
                    upgrade = True
                case Flood():
                    self._flooded("client")
        if self.over:
            return
        self._outlet.send("server", out["server"])
        self._show("server", out["client"])  # a door changes the server's words
        self._outlet.send("client", out["client"])
        if upgrade:
            self._chronicle.note("go-ahead")
            self.state = "hello"
            self._on_hello(b"")

    def _drop(self, who: Who, octets: bytes) -> None:
        # A ClientHello may share the segment with STARTTLS; anything else there is an injection.
        if who == "client" and (self._early["client"] or octets[:1] == TLS_HANDSHAKE):
            self._keep_early("client", octets)
        else:
            self._chronicle.note("dropped-after-starttls", who=who, octets=len(octets))

    # -- ClientHello, upstream, certificate ------------------------------------------------------

    def _on_hello(self, octets: bytes) -> None:
        self._keep_early("client", octets)
        if self.over or not self._early["client"]:
            return
        try:
            self.hello = parse(self._early["client"])
        except (NotTls, Malformed) as error:
            self._not_tls(error)
            return
        if self.hello is not None and self.connected:
            self.observer.hello(self.hello)
            self._dial_upstream(self.hello)

    def _not_tls(self, error: Exception) -> None:
        self._chronicle.note("not-tls", words=str(error))
        self._dismiss(f"the client did not speak TLS where TLS was due: {error}")

    def _dial_upstream(self, hello: ClientHello) -> None:
        if self.spec.server == "plain" or self.spec.trust is None:
            self._present(hello)
            return
        self.state = "upstream"
        self._actions.append(SetTimer("upstream", self.spec.handshake_deadline))
        self._verifier = context.Verifier(self.spec.trust)
        tls = self._verifier.leg(hello.sni)
        self._outlet.legs["server"] = tls
        early = self._take_early("server")
        self._handle_server_leg(tls.start())
        if early and not self.over:
            self._handle_server_leg(tls.receive(early))

    def _on_upstream_secured(self) -> None:
        assert self._verifier is not None
        assert self.hello is not None
        self.upstream = self._verifier.found(self._outlet.legs["server"])
        self._chronicle.note("upstream-verified", errors=self.upstream.errors)
        self._present(self.hello)

    def _on_upstream_failed(self, error: str) -> None:
        self._chronicle.note("tls-failed", who="server", words=error)
        if self.state in {"handshake", "relay"}:
            self.on_server_eof()
        else:
            self.fail(f"TLS with the mail server failed: {error}")

    def _present(self, hello: ClientHello) -> None:
        identity = self.spec.choose(self.upstream, hello.sni)
        if identity is None:
            self.fail("there is no certificate to present")
            return
        try:
            tls = Leg(context.server_context(identity), accepting=True)
        except context.UnpresentableError as error:
            self.fail(str(error))
            return
        self.state = "handshake"
        self._identity = identity
        self._outlet.legs["client"] = tls
        self._handle_client_leg(tls.receive(self._take_early("client")))

    # -- the client leg --------------------------------------------------------------------------

    def _handle_client_leg(self, events: list[leg.LegEvent]) -> None:
        for event in events:
            if self.over:
                return
            match event:
                case leg.Presented() if self.observer.witness.presented is None:
                    self._on_presented()
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
        if early := self._take_early("server"):
            self._relay_to_client(early)

    def _on_plaintext(self, octets: bytes) -> None:
        pieces = self._parse("client", octets)
        self.observer.said(pieces)
        if not self._guarding():
            self._outlet.send("server", octets)
        elif any(piece.kind is Kind.COMMAND for piece in pieces):
            self._chronicle.note("not-relayed", words="the server's certificate failed")
            self.finish()
        if not self.over:
            self.release()

    def _guarding(self) -> bool:
        return self.spec.guarded and self.upstream is not None and bool(self.upstream.errors)

    def _on_client_failed(self, error: str) -> None:
        self.observer.failed(error)
        self._outlet.flush("client")
        self.finish()

    def on_client_eof(self) -> None:
        """The client will send no more."""
        if "client" in self._closed:
            return
        self._closed.add("client")
        self._chronicle.note("client-closed")
        if self.state != "relay":
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

    # -- the server's octets ---------------------------------------------------------------------

    def on_server(self, octets: bytes) -> None:
        """Octets of the server."""
        if (tls := self._outlet.legs.get("server")) is not None:
            self._handle_server_leg(tls.receive(octets))
        elif self.state == "clear":
            self._take(self._prelude.server(self._dialogue.server(octets)))
        elif self.state == "relay":
            self._relay_to_client(octets)
        elif self.spec.server == "starttls":
            self._chronicle.note("dropped-after-starttls", who="server", octets=len(octets))
        else:
            self._keep_early("server", octets)

    def _handle_server_leg(self, events: list[leg.LegEvent]) -> None:
        for event in events:
            if self.over:
                return
            match event:
                case leg.HandshakeDone():
                    self._outlet.flush("server")
                    self._on_upstream_secured()
                case leg.Plaintext(octets) if self.state == "relay":
                    self._relay_to_client(octets)
                case leg.Plaintext(octets):
                    self._keep_early("server", octets)
                case leg.Alert(code, _, received) if received and code:
                    self._chronicle.note("upstream-alert", code=code)
                case leg.Closed():
                    self.on_server_eof()
                case leg.Failed(error):
                    self._on_upstream_failed(error)
                case _:
                    pass
        self._outlet.flush("server")

    def _relay_to_client(self, octets: bytes) -> None:
        self._parse("server", octets)
        self._outlet.send("client", octets)

    def on_server_eof(self) -> None:
        """The server will send no more."""
        if "server" in self._closed:
            return
        self._closed.add("server")
        self._chronicle.note("server-closed")
        if self.state == "upstream":
            self.fail("the mail server closed the connection during the TLS handshake")
        elif self.state == "hello":
            self.fail("the mail server closed the connection before TLS")
        elif self.state == "clear":
            self.observer.witness.we_closed = True
            self.finish()
        elif self.state == "relay" and not self._outlet.holding:
            self._end_client()
        # Otherwise the client is still being asked what it thinks of the certificate.

    def _end_client(self) -> None:
        self.observer.witness.we_closed = True
        self._outlet.half_close("client")
        if "client" in self._closed:
            self.finish()
        else:
            self._actions.append(SetTimer("linger", self.spec.linger))

    def client_is_due(self) -> bool:
        """Whether the next word is the client's: a slow server must not become its verdict."""
        if self.state in {"clear", "relay"}:
            return self._dialogue.greeted and not self._dialogue.outstanding
        return self.reached()

    def reached(self) -> bool:
        """Whether the server is there, with its TLS where it has any."""
        return self.connected and self.state != "upstream"
