"""How the certificate that the customer saw compares with one that the provider shows."""

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mitmail.diagnose.certificate import Certificate


def has_same_key(one: Certificate, other: Certificate) -> bool:
    """Whether two certificates are for the same key."""
    keys = [each.key and each.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            for each in (one, other)]  # fmt: skip
    return keys[0] is not None and keys[0] == keys[1]


def is_copy(one: Certificate, original: Certificate) -> bool:
    """Whether names and dates were taken from the other one, and the key and the issuer not.

    Two certificates of two authorities never begin and end in the same second by chance.
    """
    if one.read is None or original.read is None or has_same_key(one, original):
        return False
    dates = (one.not_before, one.not_after) == (original.not_before, original.not_after)
    names = set(one.names) == set(original.names) and one.read.subject == original.read.subject
    return dates and names and one.read.issuer != original.read.issuer


def shares_name(one: Certificate, other: Certificate) -> bool:
    """Whether a name stands in both."""
    return not _names(one).isdisjoint(_names(other))


def _names(one: Certificate) -> set[str]:
    return {name.lower() for name in one.names or one.common_names}
