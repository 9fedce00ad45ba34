"""Understands what both sides say, and shows it without what a client gave as credentials."""

from mitmail.engine.action import Action, Said, Who
from mitmail.engine.credential import Credentials
from mitmail.wire import Dialogue, Piece


class Interpreter:
    """Cuts octets into the pieces of a mail dialogue, and tells the driver what may be shown."""

    def __init__(self, dialogue: Dialogue, actions: list[Action]) -> None:
        self._dialogue = dialogue
        self._actions = actions
        self._credentials = Credentials()

    def hear(self, who: Who, octets: bytes) -> list[Piece]:
        """The pieces of what one side said; it is shown, too."""
        track = self._dialogue.client if who == "client" else self._dialogue.server
        pieces = track(octets)
        if who == "client":
            self._credentials.learn(pieces)
        self.show(who, b"".join(piece.shown for piece in pieces))
        return pieces

    def rest(self) -> list[Piece]:
        """The client's last line, which has no end; it is not shown."""
        return self._dialogue.rest()

    def show(self, who: Who, shown: bytes) -> None:
        """Show what one side said; a server may echo what a client gave."""
        if shown:
            hidden = self._credentials.hide(shown) if who == "server" else shown
            self._actions.append(Said(who, hidden))
