"""How a TLS server speaks: plain data, and all of it as it should be unless it is said."""

from dataclasses import dataclass
from typing import Literal

type Version = Literal["SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
type End = Literal["close", "reset", "stall"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instead:
    """What comes instead of TLS: these octets, and then the end.

    ``when`` is the moment: as soon as the client is connected (an implicit-TLS endpoint only),
    when its whole ClientHello is there, or when its first command has come through TLS: from then
    on there are no records any more. With ``offering``, it comes only to a client that offers
    this version; any other one gets TLS. ``stall`` leaves the connection open and silent;
    ``clear`` goes on with the mail dialogue in clear, STARTTLS no longer offered and login
    allowed (never as soon as the client is connected). Octets also stand for the greeting, if
    that was still due, and for any other answer to the command.
    """

    when: Literal["connected", "client-hello", "secured"] = "client-hello"
    octets: bytes = b""
    then: End | Literal["clear"] = "close"
    offering: Version | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a TLS server speaks.

    ``ciphers`` (OpenSSL's names, TLS 1.2 and older) and ``groups`` (``secp521r1``, ``x25519``)
    empty mean the library's own. ``dh_bits`` is the size of the finite-field group where the
    ciphers ask for one. ``staple`` is a DER OCSPResponse. ``wrong_key`` signs the handshake with
    a new key of the same kind instead of the leaf's. ``record_size`` and ``segment_size`` limit,
    in octets, a handshake record's payload (TLS 1.2) and a TCP segment. ``cut`` ends the
    handshake in the middle of the Certificate message. ``weak`` lets the library use what it
    calls too weak: keys, digests, versions. ``alpn`` are the protocols that it chooses from.
    ``lenient`` demands the implementation that presents
    octets as they are, whatever it thinks of them.
    """

    versions: tuple[Version, ...] = ("TLSv1.2", "TLSv1.3")
    ciphers: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    dh_bits: int | None = None
    staple: bytes | None = None
    client_certificate: Literal["none", "optional", "required"] = "none"
    wrong_key: bool = False
    unrecognized_name: bool = False
    """Sends the warning alert unrecognized_name before the ServerHello (RFC 6066 section 3)."""
    record_size: int | None = None
    segment_size: int | None = None
    close_notify: bool = True
    renegotiate: bool = False
    """Sends HelloRequest once the client has spoken (TLS 1.2)."""
    cut: Literal["close", "stall"] | None = None
    instead: Instead | None = None
    weak: bool = False
    alpn: tuple[bytes, ...] = ()
    lenient: bool = False


PROPER = Manner()
