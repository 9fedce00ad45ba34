"""What goes over the wire of a mail session, parsed without I/O.

The function :func:`dialogue` hides the module of that name: write
``from mitmail.wire.dialogue import ...`` for what is in it.
"""

from typing import Literal

from mitmail.wire.dialogue import Dialogue, Kind, Piece, is_http
from mitmail.wire.imap import ImapDialogue
from mitmail.wire.pop3 import Pop3Dialogue
from mitmail.wire.smtp import SmtpDialogue

__all__ = ["Dialogue", "Kind", "Piece", "dialogue", "is_http"]

_TRACKERS: dict[str, type[Dialogue]] = {
    tracker.protocol: tracker for tracker in (ImapDialogue, Pop3Dialogue, SmtpDialogue)
}


def dialogue(protocol: Literal["imap", "pop3", "smtp"]) -> Dialogue:
    """Return a tracker of one session of ``protocol`` that begins with the server's greeting."""
    return _TRACKERS[protocol]()
