"""A conversation in which messages are screened, where the orders say so."""

from mitmail.engine.action import Action, Pause, Resume, SetTimer, Who
from mitmail.engine.chronicle import Chronicle
from mitmail.engine.conversation import Conversation
from mitmail.engine.screen import ROOM
from mitmail.engine.screens import screened
from mitmail.engine.spec import SessionSpec
from mitmail.screening import Scanned


class ScreenedConversation(Conversation):
    """Puts the screen between the dialogue and the server leg; without one nothing is between."""

    def __init__(self, spec: SessionSpec, chronicle: Chronicle, actions: list[Action]) -> None:
        super().__init__(spec, chronicle, actions)
        self._paused = False  # the client is not read from
        self._ends: set[Who] = set()  # they wait for the screen
        self._screen = screened(
            spec, send=super()._pass_to_server, chronicle=chronicle, actions=actions
        )

    def scanned(self, token: int, result: Scanned) -> None:
        """The answer to ``Scan``."""
        if self._screen is not None:
            self._screen.scanned(token, result)

    def screen_timer(self, name: str) -> None:
        """A timer of the screen has run out."""
        if self._screen is not None and name == "screen":
            self._screen.tick()
        elif self._screen is not None:
            self._screen.drip()

    def settle(self) -> None:
        """Let the client hear what the screen says by itself, and deal with ends that waited."""
        if self._screen is None:
            return
        self._hear_screen()
        for who in sorted(self._ends):
            if not self._screen.busy and not self.over:
                self._ends.discard(who)
                self._on_eof(who)
                self._hear_screen()
        self._keep_pace(self._screen.ahead)

    def _keep_pace(self, ahead: int) -> None:
        """Let a client wait that is faster than its server."""
        if not self._paused and ahead > ROOM and not self.over:
            self._paused = True
            self._actions.append(Pause("client"))
        elif self._paused and (ahead < ROOM // 2 or self.over):
            self._paused = False
            self._actions.append(Resume("client"))

    def _hear_screen(self) -> None:
        assert self._screen is not None
        while not self.over and (said := self._screen.take()):
            self._on_spoken(said)

    def _pass_to_server(self, octets: bytes) -> None:
        if self._screen is None:
            super()._pass_to_server(octets)
            return
        self._screen.client(octets)

    def _on_arrived(self, octets: bytes) -> None:
        if self._screen is None:
            super()._on_arrived(octets)
            return
        self._screen.server(octets)
        self._hear_screen()

    def _on_secured(self) -> None:
        if self._screen is not None and self._joined:
            self._screen.secured()
        super()._on_secured()

    def on_client_eof(self) -> None:
        """The client will send no more."""
        if not self._waits("client"):
            super().on_client_eof()

    def on_server_eof(self) -> None:
        """The server will send no more."""
        self._hear_rest()
        if not self._waits("server"):
            super().on_server_eof()

    def _on_eof(self, who: Who) -> None:
        if who == "client":
            self.on_client_eof()
        else:
            self.on_server_eof()

    def _waits(self, who: Who) -> bool:
        """Whether one side's end has to wait for what the screen is doing."""
        if self._screen is None or self.over or who in self._closed:
            return False
        if who == "client":
            self._screen.client_left()
        else:
            self._screen.server_left()
        self._hear_screen()
        if not self._screen.busy or who in self._ends:
            return self._screen.busy
        self._ends.add(who)
        patience = self.spec.handshake_deadline + self.spec.linger
        self._actions.append(SetTimer("linger", patience))
        return True
