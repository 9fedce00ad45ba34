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
    certificate, whatever the server sent. ``staple`` is the OCSP response (DER), if one came.
    ``version`` and ``cipher`` are OpenSSL's words (``TLSv1.3``), where a handshake was done.
    """

    chain: tuple[bytes, ...]
    name: str | None
    at: datetime
    source: str
    only_leaf: bool = False
    staple: bytes | None = None
    port: int | None = None
    tls: TlsMode | None = None
    version: str | None = None
    cipher: str | None = None
