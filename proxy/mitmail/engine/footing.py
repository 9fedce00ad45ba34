"""What a conversation stands on: its parts, what it keeps of both sides, and its end."""

from mitmail.conduct import PROPER
from mitmail.engine.action import Action, Close, SetTimer, Who
from mitmail.engine.aftermath import Aftermath
from mitmail.engine.backlog import Backlog
from mitmail.engine.chronicle import Chronicle
from mitmail.engine.clear_text import ClearText
from mitmail.engine.inspection import Inspection
from mitmail.engine.interpreter import Interpreter
from mitmail.engine.leg import LegEvent
from mitmail.engine.observer import Observer
from mitmail.engine.outlet import Outlet
from mitmail.engine.secured_text import SecuredText
from mitmail.engine.server_leg import ServerLeg
from mitmail.engine.spec import Identity, SessionSpec, Upstream
from mitmail.engine.stray import Stray
from mitmail.engine.tunnel import Tunnel
from mitmail.wire import dialogue
from mitmail.wire.clienthello import ClientHello
from mitmail.wire.first_words import FirstWords


class Footing:
    """Both sides of a session, whatever passes between them."""

    def __init__(self, spec: SessionSpec, chronicle: Chronicle, actions: list[Action]) -> None:
        self.spec = spec
        self.error: str | None = None
        self.hello: ClientHello | None = None
        self.upstream: Upstream | None = None
        self.over = False
        self.connected = False
        self.state = "hello" if spec.client == "implicit" else "clear"
        self.tunnel: Tunnel | None = None
        conduct = spec.conducting() if spec.client == "starttls" else PROPER
        self.observer = Observer(
            spec.protocol, chronicle, conduct, watching=spec.client == "starttls", lure=spec.lure
        )
        self.observer.witness.tls_is_due = spec.client != "plain"
        self.is_odd = conduct.is_attack or conduct.pipelined != "drop"
        self._chronicle = chronicle
        self._actions = actions
        self._inspection = Inspection(spec.protocol, spec.fixup)
        self._outlet = Outlet(actions, self._inspection)
        self._dialogue = dialogue(spec.protocol)
        self._interpreter = Interpreter(self._dialogue, actions)
        self.first_words = FirstWords(spec.protocol)
        self._early = Backlog()
        self._clear_text = ClearText(
            spec, self._dialogue, conduct, interpreter=self._interpreter, backlog=self._early,
            outlet=self._outlet, observer=self.observer, chronicle=chronicle,
            send=self._pass_to_server,
        )  # fmt: skip
        self._secured_text = SecuredText(
            spec, self._dialogue, conduct, interpreter=self._interpreter, outlet=self._outlet,
            observer=self.observer, actions=actions,
        )  # fmt: skip
        self._server = ServerLeg(spec, outlet=self._outlet, chronicle=chronicle, actions=actions)
        self._joined = self._clear_text.joined
        self._aftermath = Aftermath(
            spec.protocol, outlet=self._outlet, observer=self.observer, chronicle=chronicle,
            actions=actions,
        )  # fmt: skip
        self._identity: Identity | None = None
        self._stray = Stray(spec.protocol, self.observer, actions)
        self._closed: set[Who] = set()

    def next_segment(self) -> None:
        """The pause behind a segment is over."""
        self._outlet.next_segment()

    def waited(self) -> None:
        """The reply to the client's first command has been withheld long enough."""
        self._secured_text.waited()
        self.release()

    @property
    def withholding(self) -> bool:
        """Whether the reply to the client's first command is being kept back."""
        return self._secured_text.withholding

    @property
    def in_vain(self) -> bool:
        """Whether the client has begun TLS where the dialogue goes on in clear, or the reverse."""
        witness = self.observer.witness
        reverse = self.state == "hello" and witness.overheard
        return reverse or (self.state == "clear" and witness.began_tls)

    def release(self) -> None:
        """The greeting has been held long enough."""
        if self._outlet.holding and not self._secured_text.withholding:
            self._outlet.release()
            if "server" in self._closed:
                self._end_client()

    def _pass_to_server(self, octets: bytes) -> None:
        self._outlet.send("server", octets)

    def _receive(self, octets: bytes) -> list[LegEvent]:
        """Feed the client's leg."""
        witness = self.observer.witness
        self._stray.follow(octets)
        if not witness.handshake_done:
            witness.read_on = self._stray.read_on
        return self._outlet.legs["client"].receive(octets)

    def _keep_early(self, who: Who, octets: bytes) -> None:
        if not self._early.keep(who, octets):
            self._flooded(who)

    def hear_behind_hello(self, octets: bytes) -> None:
        """What a client sent, its ClientHello first, that has left before it was answered."""
        self._stray.hear(octets)

    def _flooded(self, who: Who) -> None:
        self._chronicle.note("flood", who=who)
        if who == "server":
            self.fail("the mail server said too much before its turn")
        else:
            self._dismiss("the client said too much before its turn")

    def _dismiss(self, words: str) -> None:
        self.observer.unjudged(words)
        self.finish()

    def _turn_away(self) -> None:
        """Answer the client no more; what it still says in clear is heard until it leaves."""
        self.state = "blocked"
        self.observer.witness.we_closed = True
        self._outlet.half_close("client")
        if self.connected:
            self._outlet.half_close("server")
        self._actions.append(SetTimer("linger", self.spec.linger))

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
            self._hear_last(self._early.take("client"))
            self.observer.ended(self.error, answered=self._secured_text.answered)
            self._outlet.release()
            self._outlet.shutdown("client")
            self._outlet.shutdown("server")
            self._outlet.hurry()
        finally:
            self._actions += [Close("client"), Close("server")]

    def _hear_last(self, early: bytes) -> None:
        # What it sent counts, whether or not its turn has come, and its line an end.
        in_clear = self.state == "clear"
        if self.spec.client != "plain" and not in_clear and self.tunnel is None:
            self._stray.hear(early)
            self._stray.ends()
        self._clear_text.ends(early, in_clear=in_clear)
        self._aftermath.ends()

    def _end_client(self) -> None:
        self.observer.witness.we_closed = True
        self._outlet.half_close("client")
        if "client" in self._closed:
            self.finish()
        else:
            self._actions.append(SetTimer("linger", self.spec.linger))

    def _guarding(self) -> bool:
        return self.spec.guarded and self.upstream is not None and bool(self.upstream.errors)

    def _refuse_to_relay(self) -> None:
        self._chronicle.note("not-relayed", words="the server's certificate failed")
        self.finish()
