"""What a server showed: its certificates, and where and when they were seen."""

from dataclasses import dataclass
from datetime import datetime

from mitmail.endpoint import TlsMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """The certificates of one server, in the order in which it sent them.

    ``chain`` is DER, the leaf first; ``name`` is the host name that was typed, where it is known;
    ``at`` the time to judge by, UTC; ``source`` what to call it in a message: ``HOST:PORT``, a
    file, ``the pasted text``. ``only_leaf`` means that the source shows no more than the first
    certificate, whatever the server sent; ``partial``, that it is a text which does not prove to
    hold all that was sent; ``listed``, how many were, where the text says so. ``besides`` are
    certificates (DER) in a text that proves the server not to have sent them. ``staple`` is the
    OCSP response (DER), if one came. ``version`` and ``cipher`` are OpenSSL's words
    (``TLSv1.3``), where a handshake was done.
    """

    chain: tuple[bytes, ...]
    name: str | None
    at: datetime
    source: str
    only_leaf: bool = False
    partial: bool = False
    listed: int | None = None
    besides: tuple[bytes, ...] = ()
    staple: bytes | None = None
    port: int | None = None
    tls: TlsMode | None = None
    version: str | None = None
    cipher: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether these are known to be all that the server sent: then what lacks was not sent."""
        return not (self.only_leaf or self.partial)

    @property
    def is_saved(self) -> bool:
        """Whether somebody put them together: what was sent, in which order, is unknown."""
        return not self.is_whole and self.listed is None
