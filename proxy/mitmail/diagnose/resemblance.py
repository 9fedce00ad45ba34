"""How the certificate that the customer saw compares with one that the provider shows."""

from datetime import time
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mitmail.diagnose.certificate import Certificate
from mitmail.pki.extension import OID

OF_ISSUER: Final = ("aia", "crldp", "policies", "sct")


def has_same_key(one: Certificate, other: Certificate) -> bool:
    """Whether two certificates are for the same key."""
    keys = [each.key and each.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            for each in (one, other)]  # fmt: skip
    return keys[0] is not None and keys[0] == keys[1]


def is_copy(one: Certificate, original: Certificate) -> bool:
    """Whether names and dates were taken from the other one, and the key and the issuer not.

    The dates prove little by themselves: many authorities begin and end their days at midnight,
    and one order may bring two certificates, for RSA and for ECDSA. So a copy is one that keeps
    no word of an issuer of its own, and leaves out what the original's issuer says of itself, or
    has dates that nobody chose.
    """
    if one.read is None or original.read is None or has_same_key(one, original):
        return False
    dates = (one.not_before, one.not_after) == (original.not_before, original.not_after)
    names = set(one.names) == set(original.names) and one.read.subject == original.read.subject
    if not (dates and names and one.read.issuer != original.read.issuer):
        return False
    words, originals = _of_issuer(one), _of_issuer(original)
    if words - originals:
        return False
    return bool(originals - words) or not _are_days(original)


def _of_issuer(one: Certificate) -> set[tuple[str, bytes]]:
    """What a certificate says of its issuer, and of the public logs that he told of it."""
    found = ((word, one.parsed and one.parsed.extension(OID[word])) for word in OF_ISSUER)
    return {(word, said.value) for word, said in found if said}


def _are_days(one: Certificate) -> bool:
    return one.not_before is not None and one.not_before.time() == time.min


def shares_name(one: Certificate, other: Certificate) -> bool:
    """Whether a name stands in both."""
    return not _names(one).isdisjoint(_names(other))


def _names(one: Certificate) -> set[str]:
    return {name.lower() for name in one.names or one.common_names}
