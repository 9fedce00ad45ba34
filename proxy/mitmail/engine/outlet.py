"""What goes out to each side: through TLS where there is TLS, and held back where it must be."""

from mitmail.engine.action import Action, HalfClose, Send, Who
from mitmail.engine.leg import Leg

HOLD_LIMIT = 262_144  # octets; what a server sends at once before it has heard a word is less


class Outlet:
    """Sends to both sides of a session.

    While it holds, nothing goes to the client: neither the server's octets nor the session
    tickets that TLS 1.3 writes by itself.
    """

    def __init__(self, actions: list[Action]) -> None:
        self.legs: dict[Who, Leg] = {}
        self._actions = actions
        self._holding = False
        self._held = b""
        self._ended: set[Who] = set()

    @property
    def holding(self) -> bool:
        """Whether what is for the client is being held back."""
        return self._holding

    def hold(self) -> None:
        """Hold back what is for the client, until :meth:`release`."""
        self._holding = True

    def release(self) -> None:
        """Let go what was held."""
        if self._holding:
            self._holding = False
            held, self._held = self._held, b""
            self.send("client", held)
            self.flush("client")

    def send(self, who: Who, octets: bytes) -> None:
        """Send octets to one side, encrypted if that side has TLS."""
        if who == "client" and self._holding:
            self._held += octets
            if len(self._held) > HOLD_LIMIT:
                self.release()
        elif (leg := self.legs.get(who)) is not None:
            leg.send(octets)
            self.flush(who)
        else:
            self._emit(who, octets)

    def flush(self, who: Who) -> None:
        """Send what TLS itself has to say."""
        leg = self.legs.get(who)
        held = who == "client" and self._holding
        if leg is not None and not held:
            self._emit(who, leg.output())

    def _emit(self, who: Who, octets: bytes) -> None:
        if octets and who not in self._ended:
            self._actions.append(Send(who, octets))

    def shutdown(self, who: Who) -> None:
        """Send close_notify, where there is TLS."""
        if (leg := self.legs.get(who)) is not None:
            leg.shutdown()
            self.flush(who)

    def half_close(self, who: Who) -> None:
        """close_notify where there is TLS, then FIN, once; what that side still says is read."""
        if who not in self._ended:
            self.shutdown(who)
            self._ended.add(who)
            self._actions.append(HalfClose(who))
