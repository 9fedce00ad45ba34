"""The Certificate message of TLS 1.2, read off the wire: what OpenSSL will not read, too."""

from typing import Final

HANDSHAKE: Final = 22  # a record's type (RFC 5246 section 6.2.1)
SERVER_HELLO, CERTIFICATE = 2, 11  # messages (RFC 5246 section 7.4)
HEADER, LENGTH = 4, 3  # octets of a message before its content, and of each length in it


class CertificateMessage:
    """Feed it what a server sends, in clear up to TLS 1.2.

    ``chain`` is what the message holds (DER or not, in its order), null until it is whole.
    ``over`` says that it will never be: another message came, or no handshake at all.
    """

    def __init__(self) -> None:
        self.chain: tuple[bytes, ...] | None = None
        self.over = False
        self._records = b""
        self._messages = b""

    def hear(self, octets: bytes) -> None:
        """Octets of the server."""
        self._records += octets
        while not self.over and self.chain is None and self._take_record():
            self._take_messages()

    def _take_record(self) -> bool:
        end = 5 + int.from_bytes(self._records[3:5])
        if len(self._records) < 5:
            return False
        if self._records[0] != HANDSHAKE or self._records[1] != 3:
            self.over = True
            return False
        if len(self._records) < end:
            return False
        self._messages += self._records[5:end]
        self._records = self._records[end:]
        return True

    def _take_messages(self) -> None:
        while len(self._messages) >= HEADER and not self.over and self.chain is None:
            kind, end = self._messages[0], HEADER + int.from_bytes(self._messages[1:HEADER])
            if kind not in (SERVER_HELLO, CERTIFICATE):
                self.over = True
            elif len(self._messages) < end:
                return
            elif kind == CERTIFICATE:
                self.chain = _listed(self._messages[HEADER:end])
                self.over = self.chain is None
            self._messages = self._messages[end:]


def _listed(content: bytes) -> tuple[bytes, ...] | None:
    rest = content[LENGTH:]
    if int.from_bytes(content[:LENGTH]) != len(rest):
        return None
    found = []
    while rest:
        end = LENGTH + int.from_bytes(rest[:LENGTH])
        if len(rest) < max(end, LENGTH):
            return None
        found.append(rest[LENGTH:end])
        rest = rest[end:]
    return tuple(found)
