"""Whether a chain is shaped as a product shapes what it signs: its profile is the fingerprint."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtensionOID

from mitmail.diagnose.certificate import Certificate
from mitmail.pki import der
from mitmail.scenario.vendor import Vendor

# What a copy leaves out because it is about the server's real issuer.
DROPPED: Final = {
    "aia": ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
    "crldp": ExtensionOID.CRL_DISTRIBUTION_POINTS,
    "policies": ExtensionOID.CERTIFICATE_POLICIES,
    "sct": ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS,
    "tlsfeature": ExtensionOID.TLS_FEATURE,
}
SERIALS: Final = {"random16": 16, "random12": 12}


class Mark(NamedTuple):
    """One trait: ``words`` say what was found; whether it ``agrees`` with the profile.

    ``known`` is whether the trait of the product is known from evidence and not guessed.
    """

    words: str
    agrees: bool
    known: bool


def leaf_marks(leaf: Certificate, vendor: Vendor) -> Iterator[Mark]:
    """How a leaf compares with the copies that a product makes."""
    if leaf.read is None or leaf.parsed is None:
        return

    def mark(part: str, words: str, agrees: bool) -> Mark:
        evidence = vendor.known(f"leaf.{part}")
        return Mark(words, agrees, evidence is not None and evidence.mark != "unverified")

    style = vendor.leaf
    yield mark("key", f"the leaf's key is {_key(leaf)}", _key(leaf) == style.key)
    serial = leaf.parsed.serial.removeprefix(b"\0")
    if style.serial == "guid":
        yield mark("serial", _guid_words(serial), is_guid(serial))
    elif style.serial in SERIALS:
        wanted = SERIALS[style.serial]
        # A random number may begin with octets of zero, and one in 64 looks like a GUID.
        fits = wanted - 2 <= len(serial) <= wanted
        yield mark("serial", f"its serial number has {len(serial)} octets", fits)
    extensions = {one.oid: one.critical for one in leaf.parsed.extensions}
    if style.extensions == "none":
        yield mark("extensions", f"it has {len(extensions)} extensions", not extensions)
        return
    kept = [word for word in style.drop if DROPPED[word].dotted_string in extensions]
    words = f"it has {', '.join(kept)}" if kept else "nothing in it is about a real issuer"
    yield mark("drop", words, not kept)
    if style.critical == "none":
        critical = any(extensions.values())
        words = "some of its extensions are critical" if critical else "no extension is critical"
        yield mark("critical", words, not critical)
    if style.subject_key_identifier == "upstream" and (own := _has_own_key_id(leaf)) is not None:
        words = f"its subjectKeyIdentifier is {'' if own else 'not '}of its own key"
        yield mark("subject_key_identifier", words, not own)


def root_marks(root: Certificate, vendor: Vendor) -> Iterator[Mark]:
    """How a root that was sent compares with those of a product."""
    shape = vendor.root_shape
    if root.read is None:
        return

    def mark(part: str, words: str, agrees: bool) -> Mark:
        evidence = vendor.known(f"root_shape.{part}")
        return Mark(words, agrees, evidence is not None and evidence.mark != "unverified")

    if isinstance(shape.not_before, datetime) and isinstance(shape.not_after, datetime):
        fits = (root.not_before, root.not_after) == (shape.not_before, shape.not_after)
        words = f"the root is valid from {root.not_before:%Y} to {root.not_after:%Y}"
        yield mark("not_before", words, fits)
    said = root.extension(ExtensionOID.BASIC_CONSTRAINTS)
    if said is not None:
        words = f"its basicConstraints is {'' if said.critical else 'not '}critical"
        yield mark("basic_constraints", words, said.critical == shape.basic_constraints.critical)
    identified = root.extension(ExtensionOID.SUBJECT_KEY_IDENTIFIER) is not None
    words = f"it has {'a' if identified else 'no'} subjectKeyIdentifier"
    yield mark("subject_key_identifier", words, identified == shape.subject_key_identifier)
    if shape.extended_key_usage:
        used = root.extension(ExtensionOID.EXTENDED_KEY_USAGE) is not None
        words = f"the root has {'an' if used else 'no'} extendedKeyUsage"
        yield mark("extended_key_usage", words, used)


def is_guid(serial: bytes) -> bool:
    """Whether octets are a version 4 GUID as Windows stores it: little-endian (RFC 9562 4)."""
    octets = serial.rjust(16, b"\0")  # an INTEGER loses the zeros before it
    return len(octets) == 16 and octets[7] >> 4 == 4 and octets[8] >> 6 == 2


def _guid_words(serial: bytes) -> str:
    return f"its serial number is {'' if is_guid(serial) else 'not '}a GUID of Windows"


def _key(leaf: Certificate) -> str:
    match leaf.key:
        case rsa.RSAPublicKey() as key:
            return f"rsa{key.key_size}"
        case ec.EllipticCurvePublicKey() as key:
            return f"ec{key.curve.key_size}"
    return type(leaf.key).__name__


def _has_own_key_id(leaf: Certificate) -> bool | None:
    said = leaf.extension(ExtensionOID.SUBJECT_KEY_IDENTIFIER)
    if said is None or not isinstance(said.value, x509.SubjectKeyIdentifier):
        return None
    assert leaf.parsed is not None
    spki = leaf.parsed.spki
    bits = der.children(der.read(spki).content)[-1].content[1:]
    # RFC 5280 section 4.2.1.2 and RFC 7093 section 2; whoever else computes it otherwise.
    of_own = [hashlib.sha1(each, usedforsecurity=False).digest() for each in (bits, spki)]
    of_own += [hashlib.sha256(each).digest() for each in (bits, spki)]
    return any(each.startswith(said.value.digest) for each in of_own)
