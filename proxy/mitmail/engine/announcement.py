"""The capabilities that a server announces, changed where its replies are parsed."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from mitmail.conduct import Capabilities, Conduct
from mitmail.engine.spec import MailProtocol
from mitmail.wire import Kind, Piece
from mitmail.wire.capability import rewrite

OFFER: dict[MailProtocol, str] = {"smtp": "STARTTLS", "imap": "STARTTLS", "pop3": "STLS"}
# RFC 9051 section 7.2.2: what tells a client of IMAP not to log in before TLS.
WARNING: dict[MailProtocol, tuple[str, ...]] = {
    "smtp": (), "imap": ("LOGINDISABLED",), "pop3": ()
}  # fmt: skip
LOGIN: dict[MailProtocol, tuple[str, ...]] = {
    "smtp": ("AUTH",), "imap": ("AUTH", "SASL-IR"), "pop3": ("USER", "SASL")
}  # fmt: skip
# The replies that tell capabilities; IMAP's greeting and untagged responses answer no command.
ANNOUNCING: dict[MailProtocol, frozenset[str]] = {
    "smtp": frozenset({"EHLO"}),
    "imap": frozenset({"CAPABILITY", ""}),
    "pop3": frozenset({"CAPA"}),
}
# In IMAP each line announces by itself; the others' replies have many lines.
LINES = frozenset({Kind.UNTAGGED, Kind.GREETING, Kind.REPLY})
REPLIES = frozenset({Kind.PART, Kind.REPLY})
REPLY_LIMIT = 65536  # octets of a reply that wait for its end

type Change = Callable[[bytes], bytes]


def in_clear(protocol: MailProtocol, conduct: Conduct) -> Change:
    """What becomes of an announcement in clear."""
    offer = OFFER[protocol]
    shown = {"shown": (offer,), "masked": ("X" * len(offer),), "removed": ()}[conduct.offer]
    add = shown if conduct.login else (*shown, *WARNING[protocol])
    remove = () if conduct.login else LOGIN[protocol]
    if conduct.offer != "shown":
        remove += (offer,)

    def change(reply: bytes) -> bytes:
        offered = rewrite(protocol, reply, add=add, remove=remove)
        return _changed(protocol, offered, conduct.clear)

    return change


def through_tls(
    protocol: MailProtocol, conduct: Conduct, *, hidden: Mapping[str, tuple[str, ...]] | None
) -> Change:
    """What becomes of an announcement through TLS; ``hidden`` is not shown there in any case."""
    remove = () if hidden is None else hidden[protocol]

    def change(reply: bytes) -> bytes:
        return _changed(protocol, rewrite(protocol, reply, add=(), remove=remove), conduct.secured)

    return change


def _changed(protocol: MailProtocol, reply: bytes, capabilities: Capabilities) -> bytes:
    return rewrite(protocol, reply, add=capabilities.add, remove=capabilities.remove)


class Announcements:
    """Changes announcements, and nothing else that a server says.

    ``everywhere`` also takes IMAP's tagged replies to any command for announcements: after LOGIN
    many servers put the capabilities there.
    """

    def __init__(
        self, protocol: MailProtocol, change: Change, *, everywhere: bool = False
    ) -> None:
        self._protocol: MailProtocol = protocol
        self._change = change
        self._everywhere = everywhere
        self._held = b""
        self._endless = False  # the reply at hand was too long to wait for its end

    def read(self, pieces: Iterable[Piece]) -> Iterator[tuple[Piece, bytes]]:
        """Each piece with the octets that stand for it; a reply comes whole with its last one."""
        for piece in pieces:
            octets = self._held + piece.raw
            if self._endless or not self._announces(piece):
                self._held = b""
                yield piece, octets
                self._endless = self._endless and piece.kind is not Kind.REPLY
            elif piece.kind in LINES:
                self._held = b""
                yield piece, self._change(octets)
            elif len(octets) > REPLY_LIMIT:
                self._held, self._endless = b"", True
                yield piece, octets
            else:
                self._held = octets

    def rest(self) -> bytes:
        """What of a reply waits for its end, which does not come any more."""
        held, self._held = self._held, b""
        return held

    def _announces(self, piece: Piece) -> bool:
        announces = piece.verb in ANNOUNCING[self._protocol]
        if self._protocol == "imap":
            return piece.kind in LINES and (announces or self._everywhere)
        return piece.kind in REPLIES and announces
