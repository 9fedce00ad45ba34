"""Damage: certificates that are broken on purpose, before they are signed or afterwards."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import shake_256

from mitmail.errors import MitmailError
from mitmail.pki import der
from mitmail.pki.certificate import Recipe, make
from mitmail.pki.extension import OID, Extension
from mitmail.pki.key import Key, kind_of
from mitmail.pki.signature import signature_algorithm
from mitmail.pki.word import choose

CUT = 300  # octets that are left of a truncated certificate, and random ones in place of one
# Chosen once: what a parser says of such octets differs with each of the first few.
RANDOM = shake_256(b"random octets in place of a certificate").digest(CUT)


def damaged(recipe: Recipe, signer: Key, kind: str) -> bytes:
    """The certificate of this recipe with one damage; what it does not touch is right.

    Signed although they are wrong: ``long-serial`` (leading zero octets), ``empty-extensions``,
    ``explicit-critical-false`` and ``explicit-ca-false`` (DER leaves a DEFAULT out, X.690 11.5),
    ``algorithm-differs`` (the outer signatureAlgorithm, RFC 5280 4.1.1.2). Done to the finished
    one: ``signature-bit``, ``truncated``, ``random``, ``trailing-octets``, ``long-length`` (a
    length that is not minimal, X.690 10.1). Raises MitmailError on another word, and where a
    recipe or a signer has nothing that could be damaged so.
    """
    return choose(_DAMAGES, kind, "the damage")(recipe, signer)


def _to_recipe(change: Callable[[Recipe], Recipe]) -> Callable[[Recipe, Key], bytes]:
    return lambda recipe, signer: make(change(recipe), signer)


def _to_certificate(change: Callable[[bytes], bytes]) -> Callable[[Recipe, Key], bytes]:
    return lambda recipe, signer: change(make(recipe, signer))


def _long_serial(recipe: Recipe) -> Recipe:
    serial = recipe.serial
    octets = der.read(der.integer(serial)).content if isinstance(serial, int) else serial
    return replace(recipe, serial=b"\0\0" + octets)


def _explicit_critical(recipe: Recipe) -> Recipe:
    if all(x.critical for x in recipe.extensions):
        raise MitmailError("explicit-critical-false needs an extension that is not critical")
    encoded = [_with_critical_false(x) if not x.critical else x.der() for x in recipe.extensions]
    return replace(recipe, raw_extensions=b"".join(encoded))


def _with_critical_false(extension: Extension) -> bytes:
    value = der.octet_string(extension.value)
    return der.sequence(der.oid(extension.oid), der.boolean(False), value)


def _explicit_ca(recipe: Recipe) -> Recipe:
    if all(x.oid != OID["bc"] for x in recipe.extensions):
        raise MitmailError("explicit-ca-false needs basicConstraints")
    said = der.sequence(der.boolean(False))
    changed = (replace(x, value=said) if x.oid == OID["bc"] else x for x in recipe.extensions)
    return replace(recipe, extensions=tuple(changed))


def _differ(recipe: Recipe, signer: Key) -> bytes:
    other = "sha256" if recipe.hash == "sha384" else "sha384"
    if signature_algorithm(signer, other) == signature_algorithm(signer, recipe.hash):
        raise MitmailError(f"algorithm-differs: a key of kind {kind_of(signer)} has but one")
    return make(recipe, signer, outer_hash=other)


def _flip(certificate: bytes) -> bytes:
    return certificate[:-1] + bytes((certificate[-1] ^ 1,))


def _lengthen(certificate: bytes) -> bytes:
    content = der.read(certificate).content
    return bytes((der.SEQUENCE, 0x84)) + len(content).to_bytes(4) + content


_DAMAGES: dict[str, Callable[[Recipe, Key], bytes]] = {
    "long-serial": _to_recipe(_long_serial),
    "empty-extensions": _to_recipe(lambda recipe: replace(recipe, raw_extensions=b"")),
    "explicit-critical-false": _to_recipe(_explicit_critical),
    "explicit-ca-false": _to_recipe(_explicit_ca),
    "algorithm-differs": _differ,
    "signature-bit": _to_certificate(_flip),
    "truncated": _to_certificate(lambda certificate: certificate[:CUT]),
    "random": lambda recipe, signer: RANDOM,
    "trailing-octets": _to_certificate(lambda certificate: certificate + b"\0\1\2\3"),
    "long-length": _to_certificate(_lengthen),
}
