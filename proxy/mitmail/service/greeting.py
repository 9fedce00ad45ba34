"""What a server says first, for scenarios that say it in the wrong place."""

from dataclasses import replace
from typing import Final

from mitmail.endpoint import MailProtocol
from mitmail.manner import Instead
from mitmail.pki.identity import Identity

PLACEHOLDER: Final = b"{greeting}"
# RFC 9051 section 7.1.5, RFC 1939 section 4, RFC 5321 section 4.3.1; the line's end is the file's.
GREETINGS: Final[dict[MailProtocol, bytes]] = {
    "imap": b"* OK mitmail IMAP ready",
    "pop3": b"+OK mitmail POP3 ready",
    "smtp": b"220 mail.customer.test ESMTP mitmail",
}


def opening(identity: Identity) -> Instead | None:
    """What comes at once when a client connects, where that is this server's manner."""
    instead = identity.manner.instead
    return instead if instead is not None and instead.when == "connected" else None


def greeting(identity: Identity, protocol: MailProtocol) -> Identity:
    """The identity, with the protocol's greeting where its octets ask for one."""
    instead = identity.manner.instead
    if instead is None or PLACEHOLDER not in instead.octets:
        return identity
    octets = instead.octets.replace(PLACEHOLDER, GREETINGS[protocol])
    manner = replace(identity.manner, instead=replace(instead, octets=octets))
    return replace(identity, manner=manner)
