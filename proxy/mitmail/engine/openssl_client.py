"""OpenSSL's side of speaking to a server: the ClientHello, the library's own or a client's."""

import ssl
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cache
from typing import Final

from OpenSSL import SSL
from OpenSSL._util import lib

from mitmail.engine.openssl_server import VERSIONS
from mitmail.hello import Hello, Mirrored
from mitmail.manner import Version
from mitmail.wire.clienthello import ClientHello

# IANA's "TLS Supported Groups" and "TLS SignatureScheme", as far as OpenSSL 4.0 has them.
GROUPS: Final[Mapping[int, str]] = {
    23: "secp256r1", 24: "secp384r1", 25: "secp521r1", 29: "x25519", 30: "x448",
    256: "ffdhe2048", 257: "ffdhe3072", 258: "ffdhe4096", 259: "ffdhe6144", 260: "ffdhe8192",
    4587: "SecP256r1MLKEM768", 4588: "X25519MLKEM768", 4589: "SecP384r1MLKEM1024",
}  # fmt: skip
SIGNATURES: Final[Mapping[int, str]] = {
    0x0201: "rsa_pkcs1_sha1", 0x0203: "ecdsa_sha1", 0x0301: "rsa_pkcs1_sha224",
    0x0303: "ecdsa_sha224", 0x0401: "rsa_pkcs1_sha256", 0x0403: "ecdsa_secp256r1_sha256",
    0x0501: "rsa_pkcs1_sha384", 0x0503: "ecdsa_secp384r1_sha384", 0x0601: "rsa_pkcs1_sha512",
    0x0603: "ecdsa_secp521r1_sha512", 0x0804: "rsa_pss_rsae_sha256",
    0x0805: "rsa_pss_rsae_sha384", 0x0806: "rsa_pss_rsae_sha512", 0x0807: "ed25519",
    0x0808: "ed448", 0x0809: "rsa_pss_pss_sha256", 0x080A: "rsa_pss_pss_sha384",
    0x080B: "rsa_pss_pss_sha512", 0x0904: "mldsa44", 0x0905: "mldsa65", 0x0906: "mldsa87",
}  # fmt: skip
STATUS_REQUEST: Final = 5
# A ClientHello is recorded with OpenSSL's short name of TLS 1.0.
SHORT: Final[Mapping[str, Version]] = {"TLSv1": "TLSv1.0"}
ALPN_LIMIT: Final = 255  # octets of one protocol (RFC 7301 section 3.1)


def client_context(hello: Hello, client: ClientHello | None) -> SSL.Context:
    """A context that greets a server in this way; ``client`` is whose hello may be mirrored.

    Nothing is ever resumed: a resumed session shows no certificate.
    """
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    mirrored = _Mirror(hello, client)
    _set_versions(context, mirrored.versions)
    _set_ciphers(context, mirrored.ciphers, ":@SECLEVEL=0" * is_weakened(hello, client))
    _set_list(context, "SSL_CTX_set1_curves_list", mirrored.groups)
    _set_list(context, "SSL_CTX_set1_sigalgs_list", mirrored.signatures)
    if mirrored.alpn:
        context.set_alpn_protos(mirrored.alpn)
    return context


def is_weakened(hello: Hello, client: ClientHello | None) -> bool:
    """Whether such a hello needs OpenSSL's level 0, at which no certificate is too weak."""
    # TLS 1.0 and 1.1 are only there at that level.
    return not {"TLSv1.2", "TLSv1.3"}.issuperset(_Mirror(hello, client).versions)


def asks_status(hello: Hello, client: ClientHello | None) -> bool:
    """Whether the server is asked for a stapled OCSP response."""
    asked = client is not None and STATUS_REQUEST in client.extensions
    return hello.asks_status or (asked and "status-request" in hello.mirrors)


class _Mirror:
    def __init__(self, hello: Hello, client: ClientHello | None) -> None:
        def taken[T](
            what: Mirrored, said: tuple[T, ...], read: Callable[[ClientHello], Iterable[T]]
        ) -> tuple[T, ...]:
            if client is None or what not in hello.mirrors:
                return said
            return tuple(dict.fromkeys(read(client))) or said

        self.versions = taken("versions", hello.versions, _versions)
        self.ciphers = taken("ciphers", hello.ciphers, _ciphers)
        self.groups = taken("groups", hello.groups, _groups)
        self.signatures = taken("signatures", hello.signatures, _signatures)
        self.alpn = list(taken("alpn", (), _alpn))


def _versions(client: ClientHello) -> Iterable[Version]:
    offered = {SHORT.get(version, version) for version in client.versions}
    # One who names its highest version only, speaks those below it, too (RFC 5246 appendix E.1).
    if client.versions and 43 not in client.extensions:
        names = list(VERSIONS)
        highest = SHORT.get(client.versions[0], client.versions[0])
        offered = set(names[: names.index(highest) + 1]) if highest in names else set()
    return [version for version in VERSIONS if version in offered]


def _ciphers(client: ClientHello) -> Iterable[str]:
    return [_suites()[number] for number in client.ciphers if number in _suites()]


def _groups(client: ClientHello) -> Iterable[str]:
    return [GROUPS[number] for number in client.groups if number in GROUPS]


def _signatures(client: ClientHello) -> Iterable[str]:
    return [SIGNATURES[x] for x in client.signature_algorithms if x in SIGNATURES]


def _alpn(client: ClientHello) -> Iterable[bytes]:
    named = (name.encode().decode("unicode_escape").encode("latin-1") for name in client.alpn)
    return [name for name in named if 0 < len(name) <= ALPN_LIMIT]


@cache
def _suites() -> Mapping[int, str]:
    # pyOpenSSL lists names only; the numbers are the standard library's.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    return {int(each["id"]) & 0xFFFF: each["name"] for each in context.get_ciphers()}


def _set_versions(context: SSL.Context, versions: tuple[Version, ...]) -> None:
    spoken = [number for word, (number, _) in VERSIONS.items() if word in versions]
    context.set_min_proto_version(spoken[0])
    context.set_max_proto_version(spoken[-1])
    for word, (_, option) in VERSIONS.items():
        if word not in versions:
            context.set_options(option)


def _set_ciphers(context: SSL.Context, ciphers: tuple[str, ...], level: str) -> None:
    modern = [name for name in ciphers if name.startswith("TLS_")]
    older = [name for name in ciphers if not name.startswith("TLS_")]
    # Of an anonymous suite there would be no certificate to copy.
    names = f"{':'.join(older) or 'DEFAULT'}:!aNULL{level}"
    try:
        context.set_cipher_list(names.encode("ascii"))
    except SSL.Error:  # it knows none of them, and has dropped its own
        context.set_cipher_list(f"DEFAULT{level}".encode("ascii"))
    if modern:
        with suppress(SSL.Error):
            context.set_tls13_ciphersuites(":".join(modern).encode("ascii"))


def _set_list(context: SSL.Context, setter: str, names: tuple[str, ...]) -> None:
    # pyOpenSSL has no call for either list; both functions are in the bindings it stands on. A
    # question mark lets OpenSSL pass over a name that it does not know.
    if names:
        text = ":".join(f"?{name}" for name in names).encode("ascii")
        if getattr(lib, setter)(context._context, text) != 1:
            lib.ERR_clear_error()  # it knows none of them
