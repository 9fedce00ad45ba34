"""What is seen of the client: noted as facts, and announced as a verdict once one is due."""

from collections.abc import Sequence
from dataclasses import dataclass

from mitmail.engine.chronicle import Chronicle
from mitmail.engine.fault import faults
from mitmail.engine.leg import NO_CLIENT_CERTIFICATE, Leg
from mitmail.engine.spec import Identity, MailProtocol
from mitmail.engine.verdict import Verdict, Witness
from mitmail.wire import Kind, Piece
from mitmail.wire.clienthello import ClientHello
from mitmail.wire.dialogue import is_http


@dataclass(slots=True)
class Presented:
    """What the client was shown, for the record."""

    identity: Identity | None = None
    version: str | None = None
    cipher: str | None = None


class Observer:
    """Writes to a session's chronicle what its client did."""

    def __init__(self, protocol: MailProtocol, chronicle: Chronicle) -> None:
        self.witness = Witness(protocol)
        self.shown = Presented()
        self._chronicle = chronicle
        self.alerted = False
        """The client ended TLS itself, with a fatal alert."""

    def hello(self, hello: ClientHello) -> None:
        """The client sent its ClientHello."""
        self._chronicle.note(
            "client-hello", sni=hello.sni, offered=hello.versions, fingerprint=hello.fingerprint
        )

    def presented(self, identity: Identity) -> None:
        """The client was sent this chain."""
        self.shown.identity = identity
        self.witness.present(faults(identity.chain, identity.anchors))
        self._chronicle.note("certificate-presented", chain=len(identity.chain))

    def secured(self, leg: Leg) -> None:
        """The handshake is complete."""
        self.witness.handshake_done = True
        self.shown.version = leg.version
        self.shown.cipher = leg.cipher
        self._chronicle.note("handshake-done", version=leg.version)

    def alert(self, code: int, *, fatal: bool, received: bool) -> None:
        """An alert was received, or sent."""
        self._chronicle.note("alert-received" if received else "alert-sent", code=code)
        if received:
            self.alerted = self.alerted or fatal
            self._chronicle.decide(self.witness.alert(code, fatal=fatal))

    def failed(self, error: str) -> None:
        """TLS with the client is broken; not by us, if the client sent a fatal alert."""
        self._chronicle.note("tls-failed", who="client", words=error)
        if not self.alerted:
            self.witness.broken = error
            if error == NO_CLIENT_CERTIFICATE:
                self._chronicle.decide(self.witness.sent_no_certificate())
            if self.witness.presented is None:
                self._chronicle.decide(self.witness.refused_hello(error))

    def broke_off(self, how: str) -> None:
        """Our manner ended TLS on purpose; ``how`` goes on after "the server broke TLS off"."""
        self._chronicle.note("tls-broken-off", how=how)
        self.witness.broke_off = how

    def in_clear(self, verb: str, *, credentials: bool) -> None:
        """After that the client sent a mail command in clear."""
        self._chronicle.note("clear-text-after-failure", verb=verb, credentials=credentials)
        self._chronicle.decide(self.witness.in_clear(verb, credentials=credentials))

    def said(self, pieces: Sequence[Piece]) -> None:
        """The client said something through TLS; unfinished lines make no piece."""
        self.witness.spoke = True
        for piece in pieces:
            self._piece(piece)

    def _piece(self, piece: Piece) -> None:
        if self._chronicle.verdict is None and is_http(piece.raw):
            self._chronicle.note("certificate-viewer")
            self._chronicle.decide(self.witness.http())
        elif piece.kind is Kind.COMMAND:
            self._chronicle.note("command", verb=piece.verb)
            # POP3's AUTH without a mechanism only asks for the list of them (RFC 5034).
            asks = piece.raw.split() == [piece.verb.encode()] == [b"AUTH"]
            self._chronicle.decide(self.witness.command("CAPA" if asks else piece.verb))
        elif piece.kind is Kind.OPAQUE:
            self._chronicle.note("not-mail", octets=len(piece.raw))

    def closed(self) -> None:
        """The client has gone, or the session is over."""
        self._chronicle.decide(self.witness.closed())

    def silent(self, seconds: float) -> None:
        """The client has said nothing for so long."""
        self._chronicle.decide(self.witness.silent(seconds))

    def unjudged(self, words: str) -> None:
        """The client cannot be judged, and why."""
        self._chronicle.decide(Verdict("none", "sure", words))
