"""Where clear text ends and TLS begins in what a client sends behind STARTTLS."""

TLS_HANDSHAKE = b"\x16"  # the type of a handshake record (RFC 8446 section 5.1)
_BEGINS = b"\n" + TLS_HANDSHAKE


class Seam:
    """Tells text from TLS on the stream: TLS begins where a line could, and has no end.

    How the network cuts the stream says nothing: a ClientHello may share its segment with
    STARTTLS, and what is injected before it may come in a segment of its own.
    """

    def __init__(self) -> None:
        self._in_line = False
        self._tls = False

    def split(self, octets: bytes) -> tuple[bytes, bytes]:
        """The text in these octets, and the TLS behind it."""
        if self._tls:
            return b"", octets
        at_once = not self._in_line and octets[:1] == TLS_HANDSHAKE
        end = 0 if at_once else octets.find(_BEGINS) + 1 or len(octets)
        text, tls = octets[:end], octets[end:]
        self._tls = bool(tls)
        if text:
            self._in_line = not text.endswith(b"\n")
        return text, tls
