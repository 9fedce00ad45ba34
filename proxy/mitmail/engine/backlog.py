"""What a side said before its turn: kept, up to a limit."""

from mitmail.engine.action import Who

LIMIT = 262_144  # octets of one side; TLS handshakes are smaller


class Backlog:
    """The octets of both sides that wait for their turn."""

    def __init__(self) -> None:
        self._octets: dict[Who, bytes] = {"client": b"", "server": b""}

    def of(self, who: Who) -> bytes:
        """What waits of one side."""
        return self._octets[who]

    def keep(self, who: Who, octets: bytes) -> bool:
        """Keep octets for later; whether there was room for them."""
        self._octets[who] += octets
        return len(self._octets[who]) <= LIMIT

    def take(self, who: Who) -> bytes:
        """Hand out what waited of one side."""
        octets, self._octets[who] = self._octets[who], b""
        return octets
