"""Who leaves a conversation first, and what becomes of the other side."""

from mitmail.engine.action import SetTimer, Who
from mitmail.engine.footing import Footing

LEFT_ASKING = "the client left while the antivirus' dialog was open: it was shown no certificate"


class Departure(Footing):
    """The ends of both sides, in every state."""

    def on_client_eof(self) -> None:
        """The client will send no more."""
        if "client" in self._closed:
            return
        self._closed.add("client")
        self._chronicle.note("client-closed")
        self.observer.left()
        if self.state == "asking":
            self.observer.unjudged(LEFT_ASKING)
        elif self.state == "tunnel":
            self._leave_tunnel("client", "server")
            return
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

    def on_server_eof(self) -> None:
        """The server will send no more."""
        if "server" in self._closed:
            return
        self._closed.add("server")
        if self.state == "blocked":
            return  # it answers our end, which the client's may overtake
        self._chronicle.note("server-closed")
        if self.state == "tunnel":
            self._leave_tunnel("server", "client")
            return
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

    def _leave_tunnel(self, left: Who, other: Who) -> None:
        assert self.tunnel is not None
        if not self.tunnel.up and left == "server":
            self.fail("the mail server closed the connection before it agreed to STARTTLS")
        elif not self.tunnel.up or other in self._closed:
            self.finish()
        else:
            self._outlet.half_close(other)
            self._actions.append(SetTimer("linger", self.spec.linger))

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
        """Whether the server is there, with its TLS where it has any, or is needed no more."""
        needless = self.state in {"aftermath", "blocked"}
        return needless or (self.connected and not self._server.opening)

    @property
    def is_dialling(self) -> bool:
        """Whether the first connection to the server is waited for."""
        return not (self.connected or self.reached() or self.tunnel is not None)
