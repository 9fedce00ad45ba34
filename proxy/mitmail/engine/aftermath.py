"""What a client says after the server broke TLS off, or never began it."""

from mitmail.engine.action import Action, Reset
from mitmail.engine.chronicle import Chronicle
from mitmail.engine.ear import Ear
from mitmail.engine.interpreter import Interpreter
from mitmail.engine.observer import Observer
from mitmail.engine.outlet import Outlet
from mitmail.engine.prelude import given
from mitmail.engine.spec import MailProtocol
from mitmail.manner import End, Instead
from mitmail.wire import dialogue
from mitmail.wire.clienthello import ClientHello

# How the server broke TLS off, in words for a person.
HOW: dict[str, str] = {
    "close": "by closing the connection", "reset": "by a reset", "stall": "by falling silent",
    "clear": "by going on in clear",
}  # fmt: skip


class Aftermath:
    """Breaks TLS off as it is told, and then listens: for alerts, in clear or through the leg
    where keys were agreed on, and for mail commands in clear text. Nothing is answered any more.

    What may end the session at once tells so by its result.
    """

    def __init__(
        self,
        protocol: MailProtocol,
        *,
        outlet: Outlet,
        observer: Observer,
        chronicle: Chronicle,
        actions: list[Action],
    ) -> None:
        self.ear = Ear(observer)
        self._outlet = outlet
        self._observer = observer
        self._chronicle = chronicle
        self._actions = actions
        self._interpreter = Interpreter(dialogue(protocol), actions)
        self._unfinished = 0  # octets of a line

    @property
    def hello(self) -> ClientHello | None:
        """The ClientHello, of a client that was met before it had sent one."""
        return self.ear.hello

    def play(self, instead: Instead, hello: ClientHello | None) -> bool:
        """Send these octets where the client expects TLS, and end as they say.

        With ``clear`` only the octets are sent: what follows is not for here.
        """
        self._chronicle.note("instead-of-tls", octets=len(instead.octets))
        self._listen(hello)
        self._outlet.send("client", instead.octets)
        where = "with other octets, " if instead.octets else ""
        if instead.then != "clear":
            return self._break_off(instead.then, where)
        self._observer.broke_off(where + HOW["clear"])
        return False

    def cut(self, end: End) -> bool:
        """The leg has sent half of its certificate; end like this."""
        self._outlet.flush("client")
        self._listen(None)
        return self._break_off(end, "in the middle of its certificate ")

    def after_starttls(self, end: End, ear: Ear | None) -> bool:
        """STARTTLS has been answered, and no TLS follows; end like this.

        ``ear`` is what has heard the client so far, if it may have begun TLS.
        """
        self.ear = ear or self.ear
        return self._break_off(end, "after STARTTLS ", reason="starttls")

    def _listen(self, hello: ClientHello | None) -> None:
        # From now on there are no records of ours any more; the client's may still be read.
        self.ear = Ear(self._observer, tls=self._outlet.legs.pop("client", None), hello=hello)

    def _break_off(self, end: End, where: str, reason: str = "transport") -> bool:
        self._observer.broke_off(where + HOW[end], reason)
        if end == "close":
            self._outlet.half_close("client")
        elif end == "reset":
            self._outlet.hurry()
            self._actions.append(Reset("client"))
            self._observer.left()  # whatever the client says to that, nobody can hear
        return end == "reset"

    def hear(self, octets: bytes) -> bool:
        """Octets of the client."""
        text = self.ear.hear(octets)
        pieces = self._interpreter.hear("client", text)
        self._unfinished += len(text) - sum(len(piece.raw) for piece in pieces)
        self._observer.in_line("aftermath", self._unfinished)
        self._observer.in_clear(pieces)
        return self._observer.alerted

    def ends(self) -> None:
        """The client says no more: what it gave in a line without its end is given."""
        self._observer.in_clear(given(self._interpreter.rest()))
