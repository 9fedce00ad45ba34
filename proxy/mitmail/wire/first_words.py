"""What a client's first words are: of the protocol that is spoken here, or of another one."""

import re
from typing import Literal

from mitmail.wire.dialogue import is_http

type Tongue = Literal["imap", "pop3", "smtp", "http", "ssh", "rdp", "text", "binary"]

LIMIT = 1024  # octets; a first line that is longer is nothing that is known here
# Commands that begin a session and that no other mail protocol has; a tag may be any word, so
# IMAP comes last.
_MAIL: tuple[tuple[Tongue, re.Pattern[bytes]], ...] = (
    ("smtp", re.compile(rb"(EHLO|HELO|LHLO)( |\r?$)|(MAIL FROM|RCPT TO):", re.IGNORECASE)),
    ("pop3", re.compile(rb"(CAPA|STLS) *\r?$|(USER|PASS|APOP) ", re.IGNORECASE)),
    ("imap", re.compile(
        rb"[^ ]+ (CAPABILITY|LOGIN|AUTHENTICATE|STARTTLS|ID|NOOP|LOGOUT|ENABLE|NAMESPACE|LIST|"
        rb"SELECT|EXAMINE)( |\r?$)", re.IGNORECASE,
    )),
)  # fmt: skip
# RFC 4253 section 4.2; a TPKT header with an X.224 connection request (MS-RDPBCGR 2.2.1.1).
_SSH = re.compile(rb"SSH-\d")
_RDP = re.compile(rb"\x03\x00...\xe0", re.DOTALL)
_TEXT = re.compile(rb"[\t\r -~]*")
_TLS = b"\x16"


class FirstWords:
    """Hears what a client says first, before TLS or behind it, until its first line is there."""

    def __init__(self, protocol: Tongue) -> None:
        self.tongue: Tongue | None = None
        """What the first line is of; None while nothing was said, or where it was TLS."""
        self._protocol = protocol
        self._octets = b""
        self._known = False

    @property
    def foreign(self) -> bool:
        """Whether the client certainly speaks no mail; unknown words in a line may be mail."""
        return self.tongue == "binary" or (self._known and self.tongue in {"http", "ssh", "rdp"})

    def hear(self, octets: bytes) -> None:
        """Octets of the client, without TLS around them."""
        if self._known or not octets:
            return
        self._octets += octets[:LIMIT]
        line, end, _ = self._octets.partition(b"\n")
        self.tongue = None if line[:1] == _TLS else tongue(line, self._protocol)
        self._known = bool(end) or len(self._octets) >= LIMIT
        if self._known:
            self._octets = b""


def tongue(line: bytes, here: Tongue) -> Tongue:
    """Which protocol a first line is of: ``here`` if it may be that one."""
    matching: list[Tongue] = [name for name, pattern in _MAIL if pattern.match(line)]
    if here in matching:
        return here
    if is_http(line):
        return "http"
    if _SSH.match(line):
        return "ssh"
    if _RDP.match(line):
        return "rdp"
    if matching:
        return matching[0]
    return "text" if _TEXT.fullmatch(line) else "binary"
