"""What passes between a client, us and a server, state by state.

The client leg is brought up in one order only, whatever the modes::

    [clear] -> hello -> [upstream] -> handshake -> relay

``clear`` is the dialogue before STARTTLS; ``hello`` waits for the whole ClientHello, so that the
server can be asked for the name that the client asked for; ``upstream`` is the TLS handshake
with the server, because a shield copies what it finds there; ``handshake`` is the client's.
"""

from dataclasses import dataclass

from OpenSSL import SSL, crypto

from mitmail.engine import context, leg
from mitmail.engine.action import Action, Close, Said, Send, SetTimer, Who
from mitmail.engine.chronicle import Chronicle
from mitmail.engine.leg import Leg
from mitmail.engine.outlet import Outlet
from mitmail.engine.prelude import Dropped, Noted, Offer, Pass, Prelude, Relay, Step, Upgrade
from mitmail.engine.spec import Identity, SessionSpec, Upstream
from mitmail.engine.verdict import Verdict, Witness
from mitmail.wire import Kind, Piece, dialogue
from mitmail.wire.clienthello import ClientHello, Malformed, NotTls, parse
from mitmail.wire.dialogue import is_http

HANDSHAKE_RECORD = 0x16
EARLY_LIMIT = 262_144  # octets kept of a side whose turn has not come; TLS handshakes are smaller


@dataclass(slots=True)
class Presented:
    """What the client was shown, for the record."""

    identity: Identity | None = None
    version: str | None = None
    cipher: str | None = None


class Conversation:
    """The state machine over octets; time and its own failures are the session's business."""

    def __init__(self, spec: SessionSpec, chronicle: Chronicle, actions: list[Action]) -> None:
        self.spec = spec
        self.error: str | None = None
        self.hello: ClientHello | None = None
        self.upstream: Upstream | None = None
        self.presented = Presented()
        self.over = False
        self.connected = False
        self.state = "clear" if spec.client == "starttls" else "hello"
        self.witness = Witness(spec.protocol)
        self._chronicle = chronicle
        self._actions = actions
        self._outlet = Outlet(actions)
        self._dialogue = dialogue(spec.protocol)
        self._prelude: Prelude = (
            Relay() if spec.server == "starttls" else Offer(self._dialogue, spec.protocol)
        )
        self._early: dict[Who, bytes] = {"client": b"", "server": b""}
        self._verifier: context.Verifier | None = None
        self._closed: set[Who] = set()

    def release(self) -> None:
        """The greeting has been held long enough."""
        self._outlet.release()

    # -- ends ------------------------------------------------------------------------------------

    def fail(self, error: str) -> None:
        """Our own side failed: no verdict about the client, and the end."""
        self.error = self.error or error
        self._chronicle.note("error", words=error)
        self._chronicle.decide(Verdict("none", "sure", f"could not judge: {error}"))
        self.finish()

    def finish(self) -> None:
        """End the session: both sides are closed, and there is a verdict."""
        if self.over:
            return
        self._chronicle.decide(self.witness.closed())
        self._outlet.release()
        self._outlet.shutdown("client")
        self._outlet.shutdown("server")
        self.over = True
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
            self._chronicle.note("flood", who=who)
            self.finish()

    def _on_clear_client(self, octets: bytes) -> None:
        if not self._dialogue.outstanding and octets[:2] == b"\x16\x03":
            self._chronicle.note("tls-on-starttls-port")
            words = "the client spoke TLS at once on a STARTTLS port"
            self._chronicle.decide(Verdict("none", "sure", words))
            self.finish()
            return
        self._take(self._prelude.client(self._parse("client", octets)))

    def _parse(self, who: Who, octets: bytes) -> list[Piece]:
        track = self._dialogue.client if who == "client" else self._dialogue.server
        pieces = track(octets)
        if shown := b"".join(piece.shown for piece in pieces):
            self._actions.append(Said(who, shown))
        return pieces

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
        for who in ("server", "client"):
            if out[who]:
                self._actions.append(Send(who, out[who]))
        if upgrade:
            self._chronicle.note("go-ahead")
            self.state = "hello"
            self._on_hello(b"")

    def _drop(self, who: Who, octets: bytes) -> None:
        # A ClientHello may share the segment with STARTTLS; anything else there is an injection.
        if who == "client" and (self._early["client"] or octets[0] == HANDSHAKE_RECORD):
            self._keep_early("client", octets)
        else:
            self._chronicle.note("dropped-after-starttls", who=who, octets=len(octets))

    # -- ClientHello, upstream, certificate ------------------------------------------------------

    def _on_hello(self, octets: bytes) -> None:
        if octets:
            self._keep_early("client", octets)
        if self.over or not (self._early["client"] or octets):
            return
        try:
            self.hello = parse(self._early["client"])
        except (NotTls, Malformed) as error:
            self._not_tls(error)
            return
        if self.hello is not None and self.connected:
            self._chronicle.note(
                "client-hello", sni=self.hello.sni, offered=self.hello.versions,
                fingerprint=self.hello.fingerprint,
            )  # fmt: skip
            self._dial_upstream(self.hello)

    def _not_tls(self, error: Exception) -> None:
        self._chronicle.note("not-tls", words=str(error))
        words = f"the client did not speak TLS where TLS was due: {error}"
        self._chronicle.decide(Verdict("none", "sure", words))
        self.finish()

    def _dial_upstream(self, hello: ClientHello) -> None:
        if self.spec.server == "plain" or self.spec.trust is None:
            self._present(hello)
            return
        self.state = "upstream"
        self._actions.append(SetTimer("upstream", self.spec.handshake_deadline))
        self._verifier = context.Verifier(self.spec.trust)
        sni = hello.sni

        def prepare(connection: SSL.Connection) -> None:
            if sni is not None:
                connection.set_tlsext_host_name(sni.encode("ascii", "ignore"))

        tls = Leg(self._verifier.context(), accepting=False, prepare=prepare)
        self._outlet.legs["server"] = tls
        early, self._early["server"] = self._early["server"], b""
        self._handle_server_leg(tls.start())
        if early and not self.over:
            self._handle_server_leg(tls.receive(early))

    def _on_upstream_secured(self) -> None:
        assert self._verifier is not None
        assert self.hello is not None
        certificates = self._outlet.legs["server"].connection.get_peer_cert_chain() or []
        chain = tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, x) for x in certificates)
        self.upstream = Upstream(chain, self._verifier.errors(chain[0]))
        self._chronicle.note("upstream-verified", errors=self.upstream.errors)
        self._present(self.hello)

    def _on_upstream_failed(self, error: str) -> None:
        self._chronicle.note("tls-failed", who="server", words=error)
        if self.state == "relay":
            self.on_server_eof()
        else:
            self.fail(f"TLS with the mail server failed: {error}")

    def _present(self, hello: ClientHello) -> None:
        identity = self.spec.choose(self.upstream, hello.sni)
        if identity is None:
            self.fail("there is no certificate to present")
            return
        self.state = "handshake"
        self.presented.identity = identity
        tls = Leg(context.server_context(identity), accepting=True)
        self._outlet.legs["client"] = tls
        early, self._early["client"] = self._early["client"], b""
        self._handle_client_leg(tls.receive(early))

    # -- the client leg --------------------------------------------------------------------------

    def _handle_client_leg(self, events: list[leg.LegEvent]) -> None:
        for event in events:
            if self.over:
                return
            match event:
                case leg.Presented() if self.witness.presented is None:
                    self._on_presented()
                case leg.Alert(code, fatal, received):
                    self._on_alert(code, fatal=fatal, received=received)
                case leg.HandshakeDone():
                    self._on_secured()
                case leg.Plaintext(octets):
                    self._outlet.release()
                    self._on_plaintext(octets)
                case leg.Closed():
                    self.on_client_eof()
                case leg.Failed(error):
                    self._on_client_failed(error)
        self._outlet.flush("client")

    def _on_presented(self) -> None:
        assert self.presented.identity is not None
        chain = self.presented.identity.chain
        self.witness.present([context.validity(der) for der in chain])
        self._chronicle.note("certificate-presented", chain=len(chain))
        if self.spec.waiting is not None:
            self._actions.append(SetTimer("waiting", self.spec.waiting))

    def _on_alert(self, code: int, *, fatal: bool, received: bool) -> None:
        self._chronicle.note("alert-received" if received else "alert-sent", code=code)
        if received:
            self._chronicle.decide(self.witness.alert(code, fatal=fatal))

    def _on_secured(self) -> None:
        tls = self._outlet.legs["client"]
        self.state = "relay"
        self.witness.handshake_done = True
        self.presented.version = tls.version
        self.presented.cipher = tls.connection.get_cipher_name()
        self._chronicle.note("handshake-done", version=tls.version)
        # TLS 1.2 owes the client our Finished; in TLS 1.3 only tickets are left, and they wait.
        if tls.version != "TLSv1.3":
            self._outlet.flush("client")
        if self.spec.client == "starttls":
            self._dialogue.secured()
        self._outlet.hold()
        self._actions.append(SetTimer("greeting", self.spec.greeting_hold))
        early, self._early["server"] = self._early["server"], b""
        if early:
            self._relay_to_client(early)

    def _on_plaintext(self, octets: bytes) -> None:
        pieces = self._parse("client", octets)
        for piece in pieces:
            self._on_piece(piece)
        if not self._guarding():
            self._outlet.send("server", octets)
        elif any(piece.kind is Kind.COMMAND for piece in pieces):
            self._chronicle.note("not-relayed", words="the server's certificate failed")
            self.finish()

    def _guarding(self) -> bool:
        return self.spec.guarded and self.upstream is not None and bool(self.upstream.errors)

    def _on_piece(self, piece: Piece) -> None:
        if self._chronicle.verdict is None and is_http(piece.raw):
            self._chronicle.note("certificate-viewer")
            self._chronicle.decide(self.witness.http())
        elif piece.kind is Kind.COMMAND:
            self._chronicle.note("command", verb=piece.verb)
            self._chronicle.decide(self.witness.command(piece.verb))
        elif piece.kind is Kind.OPAQUE:
            self._chronicle.note("not-mail", octets=len(piece.raw))

    def _on_client_failed(self, error: str) -> None:
        self._chronicle.note("tls-failed", who="client", words=error)
        if self.witness.presented is None:
            self._chronicle.decide(self.witness.refused_hello(error))
        self.witness.we_closed = True
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
        self._chronicle.decide(self.witness.closed())
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
            self._take(self._prelude.server(self._parse("server", octets)))
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
            return
        if "client" not in self._outlet.legs:
            self.witness.we_closed = True
            self.finish()
            return
        self._outlet.release()
        self.witness.we_closed = True
        self._outlet.half_close("client")
        if "client" in self._closed:
            self.finish()
        else:
            self._actions.append(SetTimer("linger", self.spec.linger))

    def client_is_due(self) -> bool:
        """Whether the next word is the client's: a slow server must not become its verdict."""
        if self.state in {"clear", "relay"}:
            return self._dialogue.greeted and not self._dialogue.outstanding
        return self.connected and self.state != "upstream"
