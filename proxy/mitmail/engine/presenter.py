"""Which TLS implementation presents an identity: OpenSSL, and tlslite-ng where it must be."""

from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from mitmail.engine import openssl_server
from mitmail.engine.leg import Leg, UnpresentableError
from mitmail.engine.spec import Identity
from mitmail.manner import Instead, Manner
from mitmail.wire.clienthello import ClientHello

SHORTEST_RSA = 528  # bits; RSA-PSS with SHA-256 needs 66 octets (RFC 8017 section 9.1.1)
# Ciphers that OpenSSL no longer has, or (DHE) only with a group that pyOpenSSL cannot give it.
GONE = ("RC4", "DES-CBC3", "DHE-", "EDH-")

# What only tlslite does. The last word on the rest is OpenSSL's own: UnpresentableError.
NEEDS_TLSLITE: dict[str, Callable[[Manner], bool]] = {
    "octets as they are": lambda manner: manner.lenient,
    "a wrong key": lambda manner: manner.wrong_key,
    "a Diffie-Hellman group of a given size": lambda manner: manner.dh_bits is not None,
    "SSL 3.0": lambda manner: "SSLv3" in manner.versions,
    "an old cipher": lambda manner: any(_is_gone(name) for name in manner.ciphers),
    "groups of its own": lambda manner: _needs_own_groups(manner.groups),
    "fragments": lambda manner: manner.record_size is not None,
    "a warning before ServerHello": lambda manner: manner.unrecognized_name,
    "half a Certificate message": lambda manner: manner.cut is not None,
}


def _is_exotic(key: PrivateKeyTypes) -> bool:
    # Of these OpenSSL sends no certificate to a client that does not list them, and it would look
    # as if the client had refused (measured: "no shared cipher", "no suitable signature
    # algorithm"). Whether it does is for the client to say.
    match key:
        case rsa.RSAPrivateKey():
            return key.key_size < SHORTEST_RSA
        case ec.EllipticCurvePrivateKey():
            return key.curve.name not in openssl_server.GROUPS
        case _:
            return isinstance(key, dsa.DSAPrivateKey)


def _is_gone(cipher: str) -> bool:
    return cipher.startswith(GONE) or any(f"-{word}" in cipher for word in ("RC4", "DES-CBC3"))


def _needs_own_groups(groups: tuple[str, ...]) -> bool:
    return len(groups) > 1 or any(group not in openssl_server.GROUPS for group in groups)


def _needs_tlslite(identity: Identity) -> bool:
    asked = any(needs(identity.manner) for needs in NEEDS_TLSLITE.values())
    return asked or not identity.chain or _is_exotic(identity.key)


def present(identity: Identity) -> Leg:
    """A leg that presents ``identity`` exactly, in its manner.

    Raises UnpresentableError where no implementation does.
    """
    if not _needs_tlslite(identity):
        with suppress(UnpresentableError):
            return openssl_server.leg(identity)
    # Most sessions never need it, and its import takes 85 ms.
    from mitmail.engine.tlslite_leg import TlsliteLeg

    return TlsliteLeg(identity)


def instead(
    identity: Identity, hello: ClientHello, when: Literal["client-hello", "secured"]
) -> Instead | None:
    """What comes in place of TLS at this moment to a client with this ClientHello, if anything.

    Raises UnpresentableError for what should have come as soon as the client was connected.
    """
    found = identity.manner.instead
    if found is None or found.when not in {when, "connected"}:
        return None
    if found.when == "connected":
        raise UnpresentableError("the client has already spoken: nothing can come before it")
    # TLS 1.0 has a short name in OpenSSL, and so in a ClientHello as it is recorded.
    offered = {"TLSv1.0" if version == "TLSv1" else version for version in hello.versions}
    return found if found.offering is None or found.offering in offered else None
