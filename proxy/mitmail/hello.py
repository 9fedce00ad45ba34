"""How a shield greets a server in TLS: plain data, and the library's own way unless it is said."""

from dataclasses import dataclass
from typing import Literal

from mitmail.manner import Version

type Mirrored = Literal["versions", "ciphers", "groups", "signatures", "alpn", "status-request"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """How the ClientHello towards the server is made.

    ``ciphers`` (OpenSSL's names, those of TLS 1.3 too), ``groups`` and ``signatures`` (as RFC 8446
    names them) empty mean the library's own. What is in ``mirrors`` is taken from the client's own
    ClientHello, in its order and as far as OpenSSL knows it; where the client has sent none yet,
    what is said here holds. ``asks_status`` sends status_request, and believes a stapled
    OCSP response that says ``revoked``; a mirrored status_request is asked for and not read.
    """

    versions: tuple[Version, ...] = ("TLSv1.2", "TLSv1.3")
    ciphers: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    signatures: tuple[str, ...] = ()
    mirrors: frozenset[Mirrored] = frozenset()
    asks_status: bool = False


OWN = Hello()
