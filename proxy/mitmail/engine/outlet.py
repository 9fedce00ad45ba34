"""What goes out to each side: through TLS where there is TLS, and held back where it must be."""

from collections import deque

from mitmail.engine.action import Action, HalfClose, Send, SetTimer, Who
from mitmail.engine.leg import Leg

# Seconds. What waits for an acknowledgement, or is written too fast, Linux joins: of 164 segments
# without a pause 73 to 157 arrived by themselves, with 1 ms all.
PAUSE = 0.002
HOLD_LIMIT = 262_144  # octets; what a server sends at once before it has heard a word is less


class Outlet:
    """Sends to both sides of a session.

    While it holds, nothing goes to the client: neither the server's octets nor the session
    tickets that TLS 1.3 writes by itself. With ``segment_size`` the client gets no more octets
    than that at a time, with a pause behind them; what is left at an end goes out at once.
    """

    def __init__(self, actions: list[Action]) -> None:
        self.legs: dict[Who, Leg] = {}
        self.segment_size: int | None = None
        self._segments: deque[bytes] = deque()
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
        if not octets or who in self._ended:
            return
        if who == "server" or self.segment_size is None:
            self._actions.append(Send(who, octets))
            return
        size = self.segment_size
        pausing = bool(self._segments)
        self._segments += [octets[at : at + size] for at in range(0, len(octets), size)]
        if not pausing:
            self.next_segment()

    def next_segment(self) -> None:
        """Send the next segment, after the pause behind the last one."""
        if self._segments:
            self._actions.append(Send("client", self._segments.popleft()))
        if self._segments:
            self._actions.append(SetTimer("segment", PAUSE))

    def hurry(self) -> None:
        """Send what is left of the segments without any pause."""
        while self._segments:
            self._actions.append(Send("client", self._segments.popleft()))

    def shutdown(self, who: Who) -> None:
        """Send close_notify, where there is TLS."""
        if (leg := self.legs.get(who)) is not None:
            leg.shutdown()
            self.flush(who)

    def half_close(self, who: Who) -> None:
        """close_notify where there is TLS, then FIN, once; what that side still says is read."""
        if who not in self._ended:
            self.shutdown(who)
            self.hurry()
            self._ended.add(who)
            self._actions.append(HalfClose(who))
