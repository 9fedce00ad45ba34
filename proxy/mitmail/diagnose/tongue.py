"""What a server's first octets are: of a mail protocol, of TLS, or of something else."""

import re
from typing import Final, Literal

from mitmail.endpoint import MailProtocol
from mitmail.wire import is_http

type Tongue = Literal["imap", "pop3", "smtp", "tls", "http", "ssh", "ftp", "sieve", "other"]

LIMIT: Final = 1024  # octets; a first line that is longer is nothing that is known here
MAIL: Final[dict[Tongue, MailProtocol]] = {"imap": "imap", "pop3": "pop3", "smtp": "smtp"}
NAMES: Final[dict[Tongue, str]] = {
    "imap": "IMAP", "pop3": "POP3", "smtp": "SMTP", "tls": "TLS", "http": "HTTP (a web server)",
    "ssh": "SSH", "ftp": "FTP", "sieve": "ManageSieve",
    "other": "a protocol that is not known here",
}  # fmt: skip

# RFC 9051 7.1, RFC 1939 3, RFC 5321 4.2, RFC 4253 4.2, RFC 5804 1.7. FTP greets like SMTP, and
# may say its name (RFC 959 section 5.4).
_GREETINGS: Final[tuple[tuple[Tongue, re.Pattern[bytes]], ...]] = (
    ("imap", re.compile(rb"\* (OK|PREAUTH|BYE)\b", re.IGNORECASE)),
    ("pop3", re.compile(rb"(\+OK|-ERR)\b", re.IGNORECASE)),
    ("ftp", re.compile(rb"220[ -].*ftp", re.IGNORECASE)),
    ("smtp", re.compile(rb"(220|421|554)([ -]|\r?$)")),
    ("ssh", re.compile(rb"SSH-\d")),
    ("sieve", re.compile(rb'"IMPLEMENTATION"', re.IGNORECASE)),
    ("http", re.compile(rb"\s*<(!doctype html|html|head|body)\b", re.IGNORECASE)),
    ("http", re.compile(rb"HTTP/\d")),
)
# An alert or a handshake record of any version (RFC 8446 section 5.1).
_TLS = re.compile(rb"[\x15\x16]\x03")


def is_whole(octets: bytes) -> bool:
    """Whether enough was said to tell what it is."""
    tls = octets[:1] in (b"\x15", b"\x16")
    return b"\n" in octets or len(octets) >= LIMIT or (tls and len(octets) > 1)


def tongue(octets: bytes) -> Tongue:
    """Which protocol a server's first octets are of."""
    if _TLS.match(octets):
        return "tls"
    line = octets.partition(b"\n")[0][:LIMIT]
    for name, pattern in _GREETINGS:
        if pattern.match(line):
            return name
    return "http" if is_http(line) else "other"
