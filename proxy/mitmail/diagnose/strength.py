"""Keys and hashes that clients of today call too weak, or do not know."""

from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from mitmail.diagnose.case import Case, Findings
from mitmail.diagnose.certificate import Certificate

# RFC 9325 section 4.5 and CA/B BR 6.1.5; OpenSSL refuses less at its level 2, GnuTLS and NSS
# (below 1024) by themselves.
RSA_BITS: Final = 2048
COMMON_CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
WEAK_HASHES: Final = (hashes.MD5, hashes.SHA1)
NEW_KEY: Final = "Make a new key (EC P-256 or RSA of 2048 bits or more), and have it certified."
NEW_HASH: Final = "Have it issued again: authorities of today sign with SHA-256."


def strengths(case: Case) -> Findings:
    """Findings about the keys of the path, and the hashes that were signed."""
    for one in case.verified.path:
        if one.read is None:
            continue
        if weak := weakness(one):
            words = f"{one.place} has a key that is too weak: {weak}."
            yield case.finding("weak-key", "high", words, fix=NEW_KEY, reason="weak")
        elif exponent := small_exponent(one):
            words = (
                f"{one.place} has an RSA key with the exponent {exponent}; some clients refuse."
            )
            fix = "Make a new key with the usual exponent, 65537, and have it certified."
            yield case.finding("small-exponent", "high", words, fix=fix, reason="weak")
        elif odd := _oddity(one):
            words = f"{one.place} has a key that few clients know: {odd}."
            yield case.finding("odd-key", "medium", words, fix=NEW_KEY, reason="policy")
        if not case.is_anchor(one) and not one.is_self_signed:
            yield from _hash(case, one)


def weakness(one: Certificate) -> str:
    """What is weak about a certificate's key; empty where nothing is."""
    match one.key:
        case rsa.RSAPublicKey() as key if key.key_size < RSA_BITS:
            return f"RSA of {key.key_size} bits"
        case ec.EllipticCurvePublicKey() as key if key.curve.key_size < 256:
            return f"the curve {key.curve.name}"
        case dsa.DSAPublicKey():
            return "DSA"
    return ""


def small_exponent(one: Certificate) -> int:
    """The exponent of an RSA key where CA/B BR 6.1.6 wants a larger one, else 0."""
    exponent = one.key.public_numbers().e if isinstance(one.key, rsa.RSAPublicKey) else 65537
    return exponent if exponent < 65537 else 0


def _oddity(one: Certificate) -> str:
    match one.key:
        case rsa.RSAPublicKey():
            return ""
        case ec.EllipticCurvePublicKey() as key if isinstance(key.curve, COMMON_CURVES):
            return ""
        case ec.EllipticCurvePublicKey() as key:
            return f"the curve {key.curve.name}"
        case None:
            return "of a kind that cannot be read here"
    return type(one.key).__name__.removesuffix("PublicKey")


def _hash(case: Case, one: Certificate) -> Findings:
    assert one.read is not None
    try:
        used = one.read.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return
    if isinstance(used, WEAK_HASHES):
        words = f"{one.place} is signed with {used.name.upper()}, which can be forged."
        yield case.finding("weak-hash", "high", words, fix=NEW_HASH, reason="weak")
