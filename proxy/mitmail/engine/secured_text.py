"""The part of a session inside the client's TLS: heard, judged and passed on."""

from mitmail.conduct import Capabilities, Conduct
from mitmail.engine.action import Action, SetTimer
from mitmail.engine.announcement import Announcements, through_tls
from mitmail.engine.concealer import HIDDEN, Concealer
from mitmail.engine.interpreter import Interpreter
from mitmail.engine.observer import Observer
from mitmail.engine.outlet import Outlet
from mitmail.engine.spec import SessionSpec
from mitmail.wire import Dialogue, Kind, Piece


class SecuredText:
    """The dialogue through TLS. What the server says is streamed, unless some of it is changed.

    ``withholding``: the reply to the client's first command is being kept back.
    """

    def __init__(
        self,
        spec: SessionSpec,
        dialogue: Dialogue,
        conduct: Conduct,
        *,
        interpreter: Interpreter,
        outlet: Outlet,
        observer: Observer,
        actions: list[Action],
    ) -> None:
        self.withholding = False
        self.begun = False
        """The client has sent a complete command."""
        self._replied = False
        self._dialogue = dialogue
        self._conduct = conduct
        self._interpreter = interpreter
        self._outlet = outlet
        self._observer = observer
        self._actions = actions
        # A server that a user names, and that has its leg in clear, may offer a STARTTLS of its
        # own.
        conceals = spec.server == "plain" and spec.trust is not None
        self._concealer = Concealer(spec.protocol) if conceals else None
        self._announcements: Announcements | None = None
        if conduct.secured != Capabilities():
            change = through_tls(spec.protocol, conduct, hidden=HIDDEN if conceals else None)
            self._announcements = Announcements(spec.protocol, change, everywhere=True)
        self._line = b""

    def client(self, octets: bytes) -> list[Piece]:
        """Octets of the client."""
        pieces = self._interpreter.hear("client", octets)
        self._observer.said()
        for piece in pieces:
            if piece.kind is Kind.COMMAND:
                self._on_command(piece)
            self._observer.said(piece)
        return pieces

    @property
    def answered(self) -> bool:
        """Whether a command of the client has had its whole reply."""
        return self._replied and not self.withholding

    def _on_command(self, piece: Piece) -> None:
        if self.withholding:
            # Too much to be kept back was let go long ago.
            if self._outlet.holding:
                self._observer.lookout.ahead(piece)
            self.withholding = False
        elif not self.begun and self._conduct.withhold:
            self.withholding = True
            self._outlet.hold()
            self._actions.append(SetTimer("withhold", self._conduct.withhold))
        self.begun = True

    def waited(self) -> None:
        """The reply has been kept back for long enough."""
        if self.withholding:
            self.withholding = False
            self._observer.lookout.waited = True

    def server(self, octets: bytes) -> bytes:
        """Octets of the server; what is for the client."""
        if self._announcements is None:
            pieces = self._interpreter.hear("server", octets)
            self._note_replies(pieces)
            return octets if self._concealer is None else self._concealer.pass_on(octets, pieces)
        pieces = self._dialogue.server(octets)
        self._note_replies(pieces)
        self._line = (self._line + octets)[sum(len(piece.raw) for piece in pieces) :]
        changed = b""
        for piece, said in self._announcements.read(pieces):
            self._interpreter.show("server", piece.shown if said == piece.raw else said)
            changed += said
        return changed

    def _note_replies(self, pieces: list[Piece]) -> None:
        replied = any(piece.kind is Kind.REPLY and piece.verb for piece in pieces)
        self._replied = self._replied or replied

    def rest(self) -> bytes:
        """What waits for the end of its line or of its reply: the server says no more."""
        if self._announcements is not None:
            rest, self._line = self._announcements.rest() + self._line, b""
            return rest
        return b"" if self._concealer is None else self._concealer.rest()
