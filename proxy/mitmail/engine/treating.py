"""What is done with a client, once it is known: a copy is presented, or it is one of the rest."""

from mitmail.engine import leg, presenter
from mitmail.engine.action import Ask, Reset, SetTimer
from mitmail.engine.aftermath import HOW
from mitmail.engine.relaying import Relaying
from mitmail.engine.spec import Answer, Identity
from mitmail.engine.tunnel import PASSED, Tunnel
from mitmail.interception import Block, Ending, PassThrough, Popup

# What of a treatment that is asked for may always be answered.
ANSWERS: dict[str, Answer] = {"block": Block("close"), "pass-through": PassThrough()}


class Treating(Relaying):
    """Presents, blocks, passes through, or asks first."""

    _popup: Popup[Answer] | None = None

    def treat(self, answer: Answer | Popup[Answer] | None) -> None:
        """Do this with the client, whose ClientHello is there."""
        match answer:
            case None:
                self.fail("there is no certificate to present")
            case Popup():
                self._ask(answer)
            case Block(ending):
                blocked = f"the antivirus blocked the client {HOW[ending]}"
                self.block(ending, f"{blocked}: it was shown no certificate")
            case PassThrough():
                self.pass_through()
            case _:
                self._present(answer)

    def _present(self, identity: Identity) -> None:
        assert self.hello is not None
        try:
            self._identity = identity
            self._outlet.segment_size = identity.manner.segment_size
            instead = presenter.instead(identity, self.hello, "client-hello")
            if instead is not None:
                self.play(instead)
                return
            tls = presenter.present(identity)
        except leg.UnpresentableError as error:
            self.fail(str(error))
            return
        self.state = "handshake"
        self._outlet.legs["client"] = tls
        self._feed_client_leg(self._early.take("client"))

    # -- ask -------------------------------------------------------------------------------------

    def _ask(self, popup: Popup[Answer]) -> None:
        self._chronicle.note("popup", words=popup.words, seconds=popup.seconds)
        self._actions.append(Ask(popup.words, popup.seconds))
        if popup.seconds <= 0:
            self.treat(popup.then)
            return
        self.state = "asking"
        self._popup = popup
        self._actions.append(SetTimer("popup", popup.seconds))

    def answers(self) -> dict[str, Answer]:
        """What the pop-up on the screen may be answered, by its word; empty without one."""
        return {} if self._popup is None else ANSWERS | dict(self._popup.answers)

    def answered(self, word: str | None) -> None:
        """A person has answered the pop-up, or nobody has for as long as it waits."""
        if (popup := self._popup) is None:
            return
        answer = popup.then if word is None else self.answers()[word]
        self._popup = None
        self._chronicle.note("popup-closed", answer=word)
        self.treat(answer)

    # -- block -----------------------------------------------------------------------------------

    def block(self, ending: Ending, words: str) -> None:
        """End TLS before it has begun, or the dialogue in it, like this; ``words`` say why."""
        self.state = "blocked"
        self._chronicle.note("blocked", how=ending)
        self.observer.unjudged(words)
        self.observer.witness.we_closed = True
        if ending == "reset":
            self._outlet.legs.pop("client", None)  # no close_notify behind it
            self._actions.append(Reset("client"))
            self.finish()
            return
        if ending == "close":
            self._outlet.half_close("client")
            self._actions.append(SetTimer("linger", self.spec.linger))
        if self.connected:
            self._outlet.half_close("server")

    def drops_foreign(self) -> bool:
        """Whether the client has spoken no mail, and is not relayed any more for that."""
        if self.spec.foreign is None or not self.first_words.foreign:
            return False
        self._drop(self.spec.foreign, "the client spoke no mail")
        return True

    def _drop(self, ending: Ending, why: str) -> None:
        self.block(ending, f"the antivirus dropped the client {HOW[ending]}: {why}")

    # -- pass through ----------------------------------------------------------------------------

    def pass_through(self) -> None:
        """Let the client have the server's own TLS; where it begins, we have not interfered."""
        self._chronicle.note("passed-through")
        if self.spec.behind is None:
            self.dig()
        else:
            self.state = "passing"

    def dig(self) -> None:
        """Put nothing between the client and the server any more but octets."""
        upgrading = self.hello is not None
        if not self._begin_alike(upgrading=upgrading):
            self.fail("the client cannot be passed through: the mail server's side has other TLS")
            return
        self.state = "tunnel"
        self.tunnel = Tunnel(
            self.spec, outlet=self._outlet, chronicle=self._chronicle, actions=self._actions
        )
        self.leave_server()
        if not self.tunnel.client(self._early.take("client")):
            self._flooded("client")
            return
        self.tunnel.dial(upgrading=upgrading)

    def _begin_alike(self, *, upgrading: bool) -> bool:
        # A client that was greeted in clear, or was not, must not be so again.
        modes = (self.spec.client, self.spec.server)
        # Of whom the antivirus would have refused STARTTLS, the server may well let TLS begin.
        return modes[0] == modes[1] or (not upgrading and "implicit" not in modes)

    def leave_server(self) -> None:
        """Close the connection to the server, if there is one: another one will follow."""
        if self.connected:
            self._outlet.let_go()
        self.connected = False
        self._closed.discard("server")

    def take_early(self) -> bytes:
        """What the client has sent, and nobody but us has had."""
        return self._early.take("client")

    def _on_tunnel_connected(self) -> None:
        assert self.tunnel is not None
        self.tunnel.connected()
        self._note_passed()

    def _on_tunnel_client(self, octets: bytes) -> None:
        assert self.tunnel is not None
        if not self.tunnel.client(octets):
            self._flooded("client")

    def _on_tunnel_server(self, octets: bytes) -> None:
        assert self.tunnel is not None
        self.tunnel.server(octets)
        if self.tunnel.refused is not None:
            self.fail(f"the mail server {self.tunnel.refused}")
        else:
            self._note_passed()

    def _note_passed(self) -> None:
        if self.tunnel is not None and self.tunnel.up:
            self.observer.unjudged(PASSED)
