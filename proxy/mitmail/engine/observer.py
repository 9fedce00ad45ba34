"""What is seen of the client: noted as facts, and announced as a verdict once one is due."""

from collections.abc import Sequence
from dataclasses import dataclass

from mitmail.conduct import PROPER, Conduct
from mitmail.engine.chronicle import Chronicle
from mitmail.engine.fault import faults
from mitmail.engine.leg import NO_CLIENT_CERTIFICATE, Leg
from mitmail.engine.lookout import Lookout
from mitmail.engine.prelude import STARTTLS, gives_credentials, only_begins
from mitmail.engine.spec import Identity, MailProtocol
from mitmail.engine.verdict import NO_RENEGOTIATION, Verdict, Witness
from mitmail.wire import Kind, Piece
from mitmail.wire.clienthello import ClientHello
from mitmail.wire.dialogue import is_http

LINES = frozenset({Kind.COMMAND, Kind.PART})


@dataclass(slots=True)
class Presented:
    """What the client was shown, for the record."""

    identity: Identity | None = None
    version: str | None = None
    cipher: str | None = None


class Observer:
    """Writes to a session's chronicle what its client did."""

    def __init__(
        self,
        protocol: MailProtocol,
        chronicle: Chronicle,
        conduct: Conduct = PROPER,
        *,
        watching: bool = False,
        lure: bool = False,
    ) -> None:
        self.witness = Witness(protocol)
        self.lookout = Lookout(
            protocol, conduct, self.witness, chronicle, watching=watching, lure=lure
        )
        self.shown = Presented()
        self._attacks: set[str] = set()
        self._chronicle = chronicle
        self.alerted = False
        """The client ended TLS itself, with a fatal alert."""

    @property
    def has_leaked(self) -> bool:
        """Whether the client has given something away in clear."""
        return self.witness.leaked is not None or self.lookout.finding is not None

    def hello(self, hello: ClientHello) -> None:
        """The client sent its ClientHello."""
        self.witness.began_tls = True
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
            self.lookout.left = self.lookout.left or fatal
            self._chronicle.decide(self.witness.alert(code, fatal=fatal))
        elif code == NO_RENEGOTIATION:
            self.witness.refused_again = True

    def failed(self, error: str) -> None:
        """TLS with the client is broken; not by us, if the client sent a fatal alert."""
        self._chronicle.note("tls-failed", who="client", words=error)
        if not self.alerted:
            self.witness.broken = error
            if error == NO_CLIENT_CERTIFICATE:
                self._chronicle.decide(self.witness.sent_no_certificate())
            if self.witness.presented is None:
                self._chronicle.decide(self.witness.refused_hello(error))

    def attacked(self, what: str, *, around: bool = False) -> None:
        """This of an attack reached the client; ``around`` STARTTLS it may be taken for TLS."""
        self.witness.attacked = True
        self.witness.tampered = self.witness.tampered or around
        self.witness.greeted_oddly = self.witness.greeted_oddly or what == "greeting"
        self.witness.answered_early = self.witness.answered_early or what == "early"
        self.witness.answered_oddly = self.witness.answered_oddly or what == "starttls"
        if what not in self._attacks:
            self._attacks.add(what)
            self._chronicle.note("attack", what=what)

    def broke_off(self, how: str, reason: str = "transport") -> None:
        """TLS was ended on purpose; ``how`` goes on after "the server broke TLS off"."""
        self._chronicle.note("tls-broken-off", how=how)
        self.witness.broke_off, self.witness.broke_reason = how, reason
        self.witness.spoke = False  # what counts is what it says to that
        self.lookout.watching = True

    def in_clear(self, pieces: Sequence[Piece]) -> None:
        """The client said something in clear, where TLS is due."""
        for piece in pieces:
            self.lookout.in_clear(piece)
            if self.witness.broke_off is not None:
                self._after_all(piece)
            elif piece.kind in {Kind.COMMAND, Kind.PART, Kind.OPAQUE}:
                self.witness.before_tls(
                    piece.verb,
                    asks=piece.verb in STARTTLS,
                    leaks=self.lookout.leaks(piece),
                    foreign=self.lookout.foreign,
                )

    def noted(self, fact: str) -> None:
        """A fact about the dialogue in clear."""
        self.witness.gave = self.witness.gave or fact == "credentials-in-clear"

    def in_line(self, where: str, octets: int) -> None:
        """So many octets of a line of the client's have come in clear, and not its end."""
        (self.witness.in_line.add if octets else self.witness.in_line.discard)(where)

    def overheard(self, pieces: Sequence[Piece]) -> None:
        """The client said this in clear behind STARTTLS, where it is not even read."""
        self.witness.overheard = True
        self.in_clear(pieces)

    def strayed(self, pieces: Sequence[Piece]) -> None:
        """The client said this in clear on a connection that is TLS's: nobody answers it."""
        ended = self.lookout.left and self.witness.presented is not None
        self.lookout.place = "after it had ended TLS" if ended else "where TLS was due"
        for piece in pieces:
            self.lookout.watching = True
            self.lookout.in_clear(piece)
        self.lookout.place = ""

    def _after_all(self, piece: Piece) -> None:
        witness = self.witness
        witness.foreign_in_clear = witness.foreign_in_clear or not piece.verb
        if witness.foreign_in_clear or piece.kind not in {Kind.COMMAND, Kind.PART}:
            witness.spoke = True
            return
        credentials = gives_credentials(piece)
        fact = "clear-text-behind-starttls" if witness.undated else "clear-text-after-failure"
        self._chronicle.note(fact, verb=piece.verb, credentials=credentials)
        what = " with credentials" if credentials and not only_begins(piece) else ""
        self._chronicle.decide(witness.in_clear(piece.verb, what, credentials=credentials))

    def said(self, *pieces: Piece) -> None:
        """The client said something through TLS; unfinished lines make no piece."""
        self.witness.spoke = True
        for piece in pieces:
            self._piece(piece)
            self.lookout.through_tls(piece)

    def _piece(self, piece: Piece) -> None:
        if self._chronicle.verdict is None and piece.kind in LINES and is_http(piece.raw):
            self._chronicle.note("certificate-viewer")
            self._chronicle.decide(self.witness.http())
        elif piece.kind is Kind.COMMAND:
            self._chronicle.note("command", verb=piece.verb)
            # POP3's AUTH without a mechanism only asks for the list of them (RFC 5034).
            asks = piece.raw.split() == [piece.verb.encode()] == [b"AUTH"]
            self._chronicle.decide(self.witness.command("CAPA" if asks else piece.verb))
        elif piece.kind is Kind.OPAQUE:
            self._chronicle.count("not-mail", len(piece.raw))

    def closed(self) -> None:
        """The client has gone, or the session is over."""
        self._chronicle.decide(self.witness.closed())

    def left(self) -> None:
        """The client ended the session by itself."""
        self.lookout.left = self.lookout.left or not self.witness.we_closed

    def ended(self, error: str | None, *, answered: bool) -> None:
        """The session is over; what our own side failed with, and whether anything that the
        client said through TLS was answered.
        """
        self.closed()
        self.lookout.end(self._chronicle.verdict, error, answered=answered)

    def silent(self, seconds: float) -> None:
        """The client has said nothing for so long."""
        self._chronicle.decide(self.witness.silent(seconds))

    def unjudged(self, words: str) -> None:
        """The client cannot be judged, and why."""
        self._chronicle.decide(Verdict("none", "sure", words))
