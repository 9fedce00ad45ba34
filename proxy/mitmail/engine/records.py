"""Follows the headers of the TLS records that a client sends."""

HEADER = 5  # octets of a record before its payload (RFC 8446 section 5.1)
CHANGE_CIPHER_SPEC, APPLICATION_DATA = 20, 23
# Without early data, which is never accepted here, a client sends neither before it has read
# what our side began TLS with: in TLS 1.3 a ServerHello, in TLS 1.2 the certificate, too.
BEHIND_SERVER_HELLO = frozenset({CHANGE_CIPHER_SPEC, APPLICATION_DATA})


class Records:
    """Cuts a client's TLS into records, and forgets them."""

    def __init__(self) -> None:
        self.read_on = False
        """The client has read our first record of TLS, whatever came before that."""
        self._header = b""
        self._payload = 0  # octets that belong to the record at hand

    def hear(self, octets: bytes) -> None:
        """Octets of the client."""
        while octets:
            if self._payload:
                taken = min(self._payload, len(octets))
                self._payload -= taken
                octets = octets[taken:]
                continue
            missing = HEADER - len(self._header)
            self._header, octets = self._header + octets[:missing], octets[missing:]
            if len(self._header) == HEADER:
                self.read_on = self.read_on or self._header[0] in BEHIND_SERVER_HELLO
                self._payload = int.from_bytes(self._header[3:])
                self._header = b""
