"""Follows the headers of the TLS records that a client sends."""

HEADER = 5  # octets of a record before its payload (RFC 8446 section 5.1)
CHANGE_CIPHER_SPEC, APPLICATION_DATA = 20, 23
TYPES = range(20, 25)  # the last is heartbeat (RFC 6520)
MAJOR = 3  # the version's first octet, since SSL 3.0
# Without early data, which is never accepted here, a client sends neither before it has read
# what our side began TLS with: in TLS 1.3 a ServerHello, in TLS 1.2 the certificate, too.
BEHIND_SERVER_HELLO = frozenset({CHANGE_CIPHER_SPEC, APPLICATION_DATA})


class Records:
    """Cuts a client's TLS into records, and forgets them; what is none is handed back."""

    def __init__(self) -> None:
        self.read_on = False
        """The client has read our first record of TLS, whatever came before that."""
        self._header = b""
        self._payload = 0  # octets that belong to the record at hand
        self._ended = False

    def hear(self, octets: bytes) -> bytes:
        """Octets of the client; from where no record begins, all of them are handed back."""
        at = 0
        while at < len(octets) and not self._ended:
            if self._payload:
                taken = min(self._payload, len(octets) - at)
                self._payload -= taken
                at += taken
                continue
            begun = len(self._header)
            self._header += octets[at : at + HEADER - begun]
            at += len(self._header) - begun
            if not self._may_be_header():
                text, self._header, self._ended = self._header, b"", True
                return text + octets[at:]
            if len(self._header) == HEADER:
                self.read_on = self.read_on or self._header[0] in BEHIND_SERVER_HELLO
                self._payload = int.from_bytes(self._header[3:])
                self._header = b""
        return octets[at:]

    def _may_be_header(self) -> bool:
        return self._header[0] in TYPES and self._header[1:2] in (b"", bytes((MAJOR,)))
