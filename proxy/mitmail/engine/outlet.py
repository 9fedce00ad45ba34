"""What goes out to each side: through TLS where there is TLS, and held back where it must be."""

from mitmail.engine.action import Action, Close, HalfClose, Send, SetTimer, Who
from mitmail.engine.inspection import Inspection
from mitmail.engine.leg import Leg

# Seconds. What waits for an acknowledgement, or is written too fast, Linux joins: of 164 segments
# without a pause 73 to 157 arrived by themselves, with 1 ms all.
PAUSE = 0.002
HOLD_LIMIT = 262_144  # octets; what a server sends at once before it has heard a word is less
WAIT_LIMIT = 65_536  # octets that wait for their pauses; a minute's worth in segments of three


class Outlet:
    """Sends to both sides of a session.

    While it holds, nothing goes to the client: neither the server's octets nor the session
    tickets that TLS 1.3 writes by itself. With ``segment_size`` the client gets no more octets
    than that at a time, with a pause behind them. Of what waits for that, more than WAIT_LIMIT
    goes out without a pause, and so does what is left at an end: nothing is lost. What is for the
    server passes the ``inspection`` first.
    """

    def __init__(self, actions: list[Action], inspection: Inspection | None = None) -> None:
        self._inspection = inspection
        self.legs: dict[Who, Leg] = {}
        self.segment_size: int | None = None
        self._waiting = bytearray()
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
        if who == "server" and self._inspection is not None:
            octets = self._inspection.client(octets)
        if who == "client" and self._holding:
            self._held += octets
            if len(self._held) > HOLD_LIMIT:
                self.release()
        else:
            self.forward(who, octets)

    def forward(self, who: Who, octets: bytes) -> None:
        """Send octets as they are, held by nothing."""
        if (leg := self.legs.get(who)) is not None:
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
        pausing = bool(self._waiting)
        self._waiting += octets
        while len(self._waiting) > WAIT_LIMIT:
            self._send_segment()
        if not pausing:
            self.next_segment()

    def _send_segment(self) -> None:
        size = self.segment_size
        self._actions.append(Send("client", bytes(self._waiting[:size])))
        del self._waiting[:size]

    def next_segment(self) -> None:
        """Send the next segment, after the pause behind the last one."""
        if self._waiting:
            self._send_segment()
        if self._waiting:
            self._actions.append(SetTimer("segment", PAUSE))

    def hurry(self) -> None:
        """Send what is left of the segments without any pause."""
        while self._waiting:
            self._send_segment()

    def shutdown(self, who: Who) -> None:
        """Send close_notify, where there is TLS."""
        if (leg := self.legs.get(who)) is not None:
            leg.shutdown()
            self.flush(who)

    def let_go(self) -> None:
        """End the connection to the server for good; another one may follow it."""
        self.shutdown("server")
        self.legs.pop("server", None)
        self._ended.discard("server")
        self._actions.append(Close("server"))

    def half_close(self, who: Who) -> None:
        """close_notify where there is TLS, then FIN, once; what that side still says is read."""
        if who not in self._ended:
            self.shutdown(who)
            self.hurry()
            self._ended.add(who)
            self._actions.append(HalfClose(who))
