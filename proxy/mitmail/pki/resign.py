"""The simulated antivirus' copy of the certificate that it found upstream."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mitmail.pki.authority import Authority
from mitmail.pki.certificate import Parsed, Recipe, make, parse, random_serial
from mitmail.pki.extension import (
    OID,
    Extension,
    authority_key_identifier,
    subject_key_identifier,
)
from mitmail.pki.key import Key, key_id, spki
from mitmail.pki.word import choose


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyStyle:
    """What a product keeps of the upstream leaf, and what it makes itself.

    ``drop`` holds extension words of ``extension.OID``: aia crldp policies sct tlsfeature ...;
    an unknown one raises MitmailError.
    """

    serial: Literal["guid", "random16", "upstream"]
    subject_key_identifier: Literal["upstream", "new", "none"]
    authority_key_identifier: Literal["issuer", "none"]
    drop: frozenset[str]
    hash: str = "sha256"

    def __post_init__(self) -> None:
        for word in self.drop:
            choose(OID, word, "the extension")


def guid_serial() -> int:
    """A random GUID (version 4) as Windows lays it out in memory, read as 16 octets.

    Measured on five certificates of the Gen engine. The number is positive: its DER has a leading
    00 when the first octet of the GUID is 80 or above.
    """
    while True:
        octets = uuid.uuid4().bytes_le
        if octets[0]:  # a leading 00 would be lost, and with it the sixteenth octet
            return int.from_bytes(octets)


_SERIALS: dict[str, Callable[[Parsed], int | bytes]] = {
    "guid": lambda upstream: guid_serial(),
    "random16": lambda upstream: random_serial(16),
    "upstream": lambda upstream: upstream.serial,
}


def copy(upstream_leaf: bytes, signer: Authority, key: Key, style: CopyStyle) -> bytes:
    """The DER certificate for ``key`` that says what the upstream's leaf says.

    Subject, validity and every kept extension are the upstream's octets, in its order; issuer and
    authorityKeyIdentifier are the signer's. Raises MitmailError when the upstream's is unreadable.
    """
    upstream = parse(upstream_leaf)
    extensions = _extensions(upstream, signer, key, style)
    recipe = Recipe(
        subject=upstream.subject,
        issuer=signer.subject,
        not_before=upstream.not_before,
        not_after=upstream.not_after,
        validity=upstream.validity,
        spki=spki(key),
        serial=_SERIALS[style.serial](upstream),
        version=3 if extensions else upstream.version,
        hash=style.hash,
        extensions=extensions,
    )
    return make(recipe, signer.key)


def _extensions(
    upstream: Parsed, signer: Authority, key: Key, style: CopyStyle
) -> tuple[Extension, ...]:
    ours = _key_identifiers(signer, key, style)
    kept = []
    dropped = {OID[word] for word in style.drop}
    for found in upstream.extensions:
        if found.oid in dropped:
            continue
        if found.oid not in ours:
            kept.append(found)
        elif new := ours[found.oid]:
            kept.append(Extension(new.oid, new.value, found.critical))
    present = {found.oid for found in upstream.extensions} | dropped
    return (*kept, *(new for oid, new in ours.items() if new and oid not in present))


def _key_identifiers(signer: Authority, key: Key, style: CopyStyle) -> dict[str, Extension | None]:
    ours: dict[str, Extension | None] = {OID["ski"]: None, OID["aki"]: None}
    if style.subject_key_identifier == "upstream":
        del ours[OID["ski"]]
    elif style.subject_key_identifier == "new":
        ours[OID["ski"]] = subject_key_identifier(key_id(key))
    if style.authority_key_identifier == "issuer":
        ours[OID["aki"]] = authority_key_identifier(signer.key_id)
    return ours
