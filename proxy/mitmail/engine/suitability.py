"""Why a ClientHello could not be answered, where that is because of our own certificate."""

from cryptography.hazmat.primitives.asymmetric import ec

from mitmail.engine.leg import UnpresentableError
from mitmail.engine.spec import Identity
from mitmail.wire.clienthello import ClientHello

NO_CIPHER = "no shared cipher"
UNSUITABLE = "it lists no signature scheme or no curve for our key"
GROUPS = {"secp256r1": 23, "secp384r1": 24, "secp521r1": 25, "x25519": 29, "x448": 30}  # RFC 8422
# RFC 5246 section 7.4.1.4.1: the second octet of a pair is the signature; RFC 8446 4.2.3.
RSA, DSA, ECDSA = 1, 2, 3
SCHEMES = {
    "rsa": {0x0804, 0x0805, 0x0806}, "rsa-pss": {0x0809, 0x080A, 0x080B},
    "Ed25519": {0x0807}, "Ed448": {0x0808},
}  # fmt: skip
SIGNATURES = {"rsa": RSA, "dsa": DSA, "ecdsa": ECDSA}


def cause(error: str, identity: Identity, hello: ClientHello) -> str:
    """The error, or ``UNSUITABLE`` where there was a cipher suite, and our key did not suit.

    In TLS 1.2 OpenSSL and tlslite say "no shared cipher" of that as well (measured: a P-384 leaf
    and a client of P-256, an ECDSA leaf and a client that lists RSA schemes alone).
    """
    if error != NO_CIPHER or not _shares_group(hello, identity):
        return error
    # Their import takes 85 ms, and most sessions never need it.
    from mitmail.engine.tlslite_key import signing
    from mitmail.engine.tlslite_settings import authenticated, suites

    try:
        _, algorithm = signing(identity)
        wanted = authenticated(algorithm) & suites(identity.manner.ciphers)
    except UnpresentableError:
        return error
    listed = _lists_scheme(hello, algorithm) and _lists_curve(hello, identity)
    return error if listed or not wanted & {*hello.ciphers} else UNSUITABLE


def _lists_scheme(hello: ClientHello, algorithm: str) -> bool:
    schemes, signature = SCHEMES.get(algorithm, set()), SIGNATURES.get(algorithm)
    listed = hello.signature_algorithms
    # Pairs have a hash of RFC 5246 in front (1 to 6).
    return not listed or any(
        x in schemes or (x >> 8 in range(1, 7) and x & 0xFF == signature) for x in listed
    )


def _lists_curve(hello: ClientHello, identity: Identity) -> bool:
    key = identity.key
    curve = GROUPS.get(key.curve.name) if isinstance(key, ec.EllipticCurvePrivateKey) else None
    return curve is None or not hello.groups or curve in hello.groups


def _shares_group(hello: ClientHello, identity: Identity) -> bool:
    # A server that was told to take few groups has nothing in common with a client of others.
    only = {GROUPS[name] for name in identity.manner.groups if name in GROUPS}
    return not only or not hello.groups or not only.isdisjoint(hello.groups)
