"""What a sentence says of ports and of the way of TLS: with others it means another thing."""

from typing import Final

PORTS: Final = frozenset(("25", "110", "143", "465", "587", "993", "995"))
WAYS: Final = frozenset(("tls", "starttls"))


def differs(known: frozenset[str], said: frozenset[str]) -> bool:
    """Whether a text names ports, and none of those of a known sentence, or another way of TLS.

    SSL/TLS at port 587 is wrong; STARTTLS at 587 is right, and so is SSL/TLS at port 993.
    """
    ports, ways = known & PORTS, known & WAYS
    compared = ports and ways and said & PORTS
    return bool(compared and not (ports & said and ways & said))
