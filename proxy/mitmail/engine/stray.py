"""Clear text on a connection that is TLS's: of a client that never began TLS, or has ended it."""

from mitmail.engine.action import Action
from mitmail.engine.interpreter import Interpreter
from mitmail.engine.observer import Observer
from mitmail.engine.prelude import given
from mitmail.engine.records import Records
from mitmail.engine.spec import MailProtocol
from mitmail.wire import dialogue


class Stray:
    """Hears what nobody answers; of a line without an end no more than 64 KiB is kept.

    It is told of all octets of the client's, from where TLS is due.
    """

    def __init__(self, protocol: MailProtocol, observer: Observer, actions: list[Action]) -> None:
        self._observer = observer
        self._interpreter = Interpreter(dialogue(protocol), actions)
        self._records = Records()
        self._text = b""

    @property
    def read_on(self) -> bool:
        """Whether the client has read our first record of TLS."""
        return self._records.read_on

    def follow(self, octets: bytes) -> None:
        """Octets of the client that TLS is about to read; the text in them is kept."""
        self._text += self._records.hear(octets)

    def hear(self, octets: bytes = b"") -> None:
        """Octets of the client that nobody reads, and what was kept."""
        self.follow(octets)
        text, self._text = self._text, b""
        if text:
            self._observer.strayed(self._interpreter.hear("client", text))

    def ends(self) -> None:
        """The client says no more: what it gave in a line without its end is given."""
        self._observer.strayed(given(self._interpreter.rest()))
