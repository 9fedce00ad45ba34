"""Where clear text ends and TLS begins in what a client sends behind STARTTLS."""

import re

TLS_HANDSHAKE = b"\x16"  # the type of a handshake record (RFC 8446 section 5.1)
# In the middle of a line it takes more of a record's header: its version, too.
BEGINS_IN_LINE = rb"\x16\x03[\x00-\x04]"
_BEGINS = re.compile(rb"(?<=\n)\x16|" + BEGINS_IN_LINE)
_MAY_BEGIN = re.compile(rb"\x16\x03?\Z")


def undecided(octets: bytes) -> int:
    """How many octets, the last ones of a line that goes on, may be the beginning of TLS."""
    found = _MAY_BEGIN.search(octets)
    return 0 if found is None else len(found[0])


class Seam:
    """Tells text from TLS on the stream: TLS begins where a line could, or with a whole header.

    How the network cuts the stream says nothing: a ClientHello may share its segment with
    STARTTLS, and what is injected before it may come in a segment of its own, and without the
    end of its line.
    """

    def __init__(self) -> None:
        self._in_line = False
        self._tls = False
        self._held = b""  # of a line: it may be the beginning of TLS

    def split(self, octets: bytes) -> tuple[bytes, bytes]:
        """The text in these octets, and the TLS behind it."""
        if self._tls:
            return b"", octets
        octets = self.take_held() + octets
        if not self._in_line and octets[:1] == TLS_HANDSHAKE:
            self._tls = True
            return b"", octets
        if (found := _BEGINS.search(octets)) is not None:
            self._tls = True
            return octets[: found.start()], octets[found.start() :]
        end = len(octets) - undecided(octets)
        text, self._held = octets[:end], octets[end:]
        if text:
            self._in_line = not text.endswith(b"\n")
        return text, b""

    def take_held(self) -> bytes:
        """What was not decided upon."""
        octets, self._held = self._held, b""
        return octets
