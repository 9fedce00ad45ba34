"""The TLS ClientHello: what a client offers, read before any TLS library sees it."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

LIMIT = 65536
_HANDSHAKE, _CLIENT_HELLO = 22, 1
_MAX_FRAGMENT = 1 << 14
# Every call walks over the records again: without a limit, 64 KiB cost half a minute.
_MAX_RECORDS = 2048
_SNI, _GROUPS, _SIGNATURE_ALGORITHMS, _ALPN, _VERSIONS = 0, 10, 13, 16, 43

_VERSION_NAMES = {
    0x0304: "TLSv1.3",
    0x0303: "TLSv1.2",
    0x0302: "TLSv1.1",
    0x0301: "TLSv1",
    0x0300: "SSLv3",
}
_JA4_VERSIONS = {
    "TLSv1.3": "13",
    "TLSv1.2": "12",
    "TLSv1.1": "11",
    "TLSv1": "10",
    "SSLv3": "s3",
}


class NotTls(ValueError):
    """The first octets are not a TLS handshake record (an SSLv2 hello is none either)."""


class Malformed(ValueError):
    """A TLS handshake record, but not a ClientHello that RFC 8446 section 4.1.2 allows."""


@dataclass(frozen=True, slots=True)
class ClientHello:
    r"""What the client offered, in its own order and with its GREASE values (RFC 8701).

    Only ``versions`` is sorted (newest first) and free of GREASE and of unknown values. Without
    the supported_versions extension it holds the one version that the client named, its highest.
    Octets of ``sni`` and ``alpn`` that are not printable ASCII, and the backslash, are written
    ``\xNN``.
    """

    sni: str | None
    alpn: tuple[str, ...]
    versions: tuple[str, ...]
    ciphers: tuple[int, ...]
    extensions: tuple[int, ...]
    groups: tuple[int, ...]
    signature_algorithms: tuple[int, ...]

    @property
    def fingerprint(self) -> str:
        """The JA4 fingerprint, for instance ``t13d1516h2_8daaf6152771_e5627efa2ab1``.

        Source: FoxIO, github.com/FoxIO-LLC/ja4, technical_details/JA4.md.
        """
        ciphers, extensions = _no_grease(self.ciphers), _no_grease(self.extensions)
        head = "".join(
            (
                "t",
                _JA4_VERSIONS[self.versions[0]] if self.versions else "00",
                "i" if self.sni is None else "d",
                f"{min(len(ciphers), 99):02}{min(len(extensions), 99):02}",
                _ja4_alpn(self.alpn),
            )
        )
        hashed = sorted(e for e in extensions if e not in (_SNI, _ALPN))
        signatures = _no_grease(self.signature_algorithms)
        tail = f"{_hex(hashed)}_{_hex(signatures)}" if signatures else _hex(hashed)
        return f"{head}_{_ja4_hash(_hex(sorted(ciphers)))}_{_ja4_hash(tail)}"


def parse(data: bytes) -> ClientHello | None:
    """Read the ClientHello at the start of a connection; None means: feed more.

    ``data`` is everything received so far. The hello may be spread over several records
    (RFC 8446 section 5.1); what lies behind it is ignored. Raises NotTls at the first octet that
    cannot be one of TLS, Malformed for a broken hello or one that is not complete in 64 KiB or
    2048 records.
    """
    if data[:1] not in (b"", b"\x16") or data[1:2] not in (b"", b"\x03"):
        raise NotTls("not a TLS handshake record")
    # What is behind the limit does not count, however many octets come at once.
    message = _first_message(data[:LIMIT])
    if message is None and len(data) >= LIMIT:
        raise Malformed("no complete ClientHello in 64 KiB")
    return None if message is None else _client_hello(_Octets(message))


def _first_message(data: bytes) -> bytes | None:
    handshake = bytearray()
    at = records = 0
    while at + 5 <= len(data):
        records += 1
        length = int.from_bytes(data[at + 3 : at + 5])
        if data[at] != _HANDSHAKE or data[at + 1] != 3 or not 0 < length <= _MAX_FRAGMENT:
            raise Malformed("not a handshake record")
        if records > _MAX_RECORDS:
            raise Malformed("a ClientHello in too many records")
        handshake += data[at + 5 : at + 5 + length]
        at += 5 + length
        if handshake and handshake[0] != _CLIENT_HELLO:
            raise Malformed(f"handshake message {handshake[0]} instead of a ClientHello")
        end = 4 + int.from_bytes(handshake[1:4])
        if len(handshake) >= 4 and end > LIMIT:
            raise Malformed("the ClientHello is larger than 64 KiB")
        if 4 <= end <= len(handshake):
            return bytes(handshake[4:end])
    return None


class _Octets:
    """The octets of one structure, read from the front; reading past the end is Malformed."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, size: int) -> bytes:
        start, self._at = self._at, self._at + size
        if self._at > len(self._data):
            raise Malformed("a length points behind the end")
        return self._data[start : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def vector(self, length_size: int) -> "_Octets":
        return _Octets(self.take(self.number(length_size)))

    def numbers(self) -> tuple[int, ...]:
        found = []
        while self:
            found.append(self.number(2))
        return tuple(found)


def _client_hello(hello: _Octets) -> ClientHello:
    legacy_version = hello.number(2)
    hello.take(32)
    hello.vector(1)
    ciphers = hello.vector(2).numbers()
    hello.vector(1)
    extensions = _extensions(hello.vector(2)) if hello else []
    if hello:
        raise Malformed("octets behind the extensions")
    bodies = dict(reversed(extensions))

    def read[T](kind: int, how: Callable[[_Octets], T], absent: T) -> T:
        return how(_Octets(bodies[kind])) if bodies.get(kind) else absent

    sni = read(_SNI, _server_name, None)
    return ClientHello(
        sni="" if sni is None and _SNI in bodies else sni,
        alpn=read(_ALPN, _protocols, ()),
        versions=_versions(read(_VERSIONS, lambda b: b.vector(1).numbers(), (legacy_version,))),
        ciphers=ciphers,
        extensions=tuple(kind for kind, _ in extensions),
        groups=read(_GROUPS, lambda b: b.vector(2).numbers(), ()),
        signature_algorithms=read(_SIGNATURE_ALGORITHMS, lambda b: b.vector(2).numbers(), ()),
    )


def _extensions(block: _Octets) -> list[tuple[int, bytes]]:
    found = []
    while block:
        kind = block.number(2)
        found.append((kind, block.take(block.number(2))))
    return found


def _server_name(body: _Octets) -> str | None:
    names = body.vector(2)
    while names:
        kind, name = names.number(1), names.take(names.number(2))
        if kind == 0:
            return _text(name)
    return None


def _protocols(body: _Octets) -> tuple[str, ...]:
    names = body.vector(2)
    found = []
    while names:
        found.append(_text(names.take(names.number(1))))
    return tuple(found)


def _versions(offered: Iterable[int]) -> tuple[str, ...]:
    known = set(offered) & _VERSION_NAMES.keys()
    return tuple(_VERSION_NAMES[v] for v in sorted(known, reverse=True))


def _text(octets: bytes) -> str:
    return "".join(chr(o) if 0x20 < o < 0x7F and o != 0x5C else f"\\x{o:02x}" for o in octets)


def _no_grease(values: Iterable[int]) -> list[int]:
    return [v for v in values if not (v & 0x0F0F == 0x0A0A and v >> 8 == v & 0xFF)]


def _hex(values: Iterable[int]) -> str:
    return ",".join(f"{v:04x}" for v in values)


def _ja4_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else "0" * 12


def _ja4_alpn(alpn: tuple[str, ...]) -> str:
    name = alpn[0].encode().decode("unicode_escape").encode("latin-1") if alpn else b""
    if not name:
        return "00"
    if name[:1].isalnum() and name[-1:].isalnum():
        return chr(name[0]) + chr(name[-1])
    return name.hex()[0] + name.hex()[-1]
