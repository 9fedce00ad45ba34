"""The simulated antivirus' copy of the certificate that it found upstream."""

import hashlib
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from mitmail.pki import der
from mitmail.pki.authority import Authority
from mitmail.pki.certificate import Parsed, Recipe, make, parse, random_serial
from mitmail.pki.extension import (
    OID,
    Extension,
    authority_key_identifier,
    subject_alternative_name,
    subject_key_identifier,
)
from mitmail.pki.key import Key, key_id, spki
from mitmail.pki.word import choose


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyStyle:
    """What a product keeps of the upstream leaf, and what it makes itself.

    ``drop`` holds extension words of ``extension.OID``: aia crldp policies sct tlsfeature ...;
    an unknown one raises MitmailError. ``subject`` (DER), ``names`` and ``validity`` stand in for
    the upstream's; ``also`` are names besides the upstream's. ``bare`` is a leaf without any
    extension, ``uncritical`` one in which none is critical.
    """

    serial: Literal["guid", "random16", "random12", "upstream", "reused"]
    subject_key_identifier: Literal["upstream", "new", "none"]
    authority_key_identifier: Literal["issuer", "none"]
    drop: frozenset[str]
    hash: str = "sha256"
    subject: bytes | None = None
    names: tuple[str, ...] | None = None
    also: tuple[str, ...] = ()
    validity: tuple[datetime, datetime] | None = None
    bare: bool = False
    uncritical: bool = False

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


def _reused(signer: Authority) -> int:
    octets = hashlib.sha256(signer.certificate).digest()[:16]
    return int.from_bytes(octets) >> 1 | 1 << 126


_SERIALS: dict[str, Callable[[Parsed, Authority], int | bytes]] = {
    "guid": lambda upstream, signer: guid_serial(),
    "random16": lambda upstream, signer: random_serial(16),
    "random12": lambda upstream, signer: random_serial(12),
    "upstream": lambda upstream, signer: upstream.serial,
    "reused": lambda upstream, signer: _reused(signer),
}


def copy(upstream_leaf: bytes, signer: Authority, key: Key, style: CopyStyle) -> bytes:
    """The DER certificate for ``key`` that says what the upstream's leaf says.

    Subject, validity and every kept extension are the upstream's octets, in its order, where
    ``style`` has none of its own; issuer and authorityKeyIdentifier are the signer's. Raises
    MitmailError when the upstream's is unreadable.
    """
    upstream = parse(upstream_leaf)
    extensions = () if style.bare else _extensions(upstream, signer, key, style)
    not_before, not_after = style.validity or (upstream.not_before, upstream.not_after)
    recipe = Recipe(
        subject=upstream.subject if style.subject is None else style.subject,
        issuer=signer.subject,
        not_before=not_before,
        not_after=not_after,
        validity=upstream.validity if style.validity is None else None,
        spki=spki(key),
        serial=_SERIALS[style.serial](upstream, signer),
        # Without extensions the only one that was decoded is of version 3 all the same.
        version=3 if extensions or style.bare else upstream.version,
        hash=style.hash,
        extensions=extensions,
    )
    return make(recipe, signer.key)


def _extensions(
    upstream: Parsed, signer: Authority, key: Key, style: CopyStyle
) -> tuple[Extension, ...]:
    ours = _key_identifiers(signer, key, style) | _names(upstream, style)
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
    made = (*kept, *(new for oid, new in ours.items() if new and oid not in present))
    return tuple(replace(one, critical=False) for one in made) if style.uncritical else made


def _key_identifiers(signer: Authority, key: Key, style: CopyStyle) -> dict[str, Extension | None]:
    ours: dict[str, Extension | None] = {OID["ski"]: None, OID["aki"]: None}
    if style.subject_key_identifier == "upstream":
        del ours[OID["ski"]]
    elif style.subject_key_identifier == "new":
        ours[OID["ski"]] = subject_key_identifier(key_id(key))
    if style.authority_key_identifier == "issuer":
        ours[OID["aki"]] = authority_key_identifier(signer.key_id)
    return ours


def _names(upstream: Parsed, style: CopyStyle) -> dict[str, Extension | None]:
    if style.names is not None:
        return {OID["san"]: subject_alternative_name(style.names)}
    if not style.also:
        return {}
    added = subject_alternative_name(style.also)
    found = upstream.extension(OID["san"])
    with suppress(der.DerError):  # what cannot be read is replaced
        old = der.expect(der.read(found.value), der.SEQUENCE).content if found else b""
        value = der.sequence(old, der.read(added.value).content)
        added = replace(added, value=value)
    return {OID["san"]: added}
