"""The simulated antivirus' certificates: its roots, and its copies of what it finds upstream."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from mitmail.pki import extension
from mitmail.pki.authority import Authority, make_root
from mitmail.pki.certificate import parse, random_serial
from mitmail.pki.extension import Extension
from mitmail.pki.identity import Identity
from mitmail.pki.key import Key, key_id
from mitmail.pki.keypool import KeyPool
from mitmail.pki.name import distinguished_name
from mitmail.pki.resign import CopyStyle, copy, guid_serial
from mitmail.pki.store import Store
from mitmail.scenario import loader
from mitmail.scenario.product import RESULTS, SIGNERS, Result, Signer, Treatment
from mitmail.scenario.switching import switched
from mitmail.scenario.vendor import RootShape, Vendor


class Seen(Protocol):
    """What a shield saw upstream: the chain (DER) and the words for what is wrong with it."""

    @property
    def chain(self) -> tuple[bytes, ...]:
        """The certificates, leaf first."""

    @property
    def errors(self) -> tuple[str, ...]:
        """Reason words; empty means verified."""


@dataclass(frozen=True, slots=True)
class Shield:
    """One product, with its roots and the behaviours that were switched on.

    ``profiles`` is what the product does on each endpoint, by name, with its switches; ``store``
    keeps what belongs to the installation (roots, the shared key), ``copies`` the
    copied leaves, which are worth no more than the leaf that they copy.
    """

    vendor: Vendor
    roots: Mapping[Signer, Authority]
    profiles: Mapping[str, Vendor]
    store: Store
    copies: Store

    def result(self, errors: tuple[str, ...]) -> Result:
        """The one result that decides, when the server's certificate has several faults."""
        if not errors:
            return "valid"
        found = {error if error in RESULTS else "other" for error in errors}
        return next(result for result in self.vendor.order if result in found)

    def treatment(self, endpoint: str, errors: tuple[str, ...]) -> Treatment:
        """What is done with what was found on this endpoint."""
        return self.profiles[endpoint].policy[self.result(errors)]

    def chooser(self, endpoint: str) -> Callable[[Seen | None, str | None], Identity | None]:
        """What to present on an endpoint: a copy of the upstream's leaf; nothing without one."""

        def choose(seen: Seen | None, sni: str | None) -> Identity | None:
            if seen is None or not seen.chain:
                return None
            treatment = self.treatment(endpoint, seen.errors)
            if treatment not in SIGNERS:
                return None
            return self._copy(seen.chain[0], self.roots[treatment])

        return choose

    def _copy(self, upstream: bytes, signer: Authority) -> Identity:
        style = self.vendor.leaf
        # All that a copy is made of: who edits a profile wants to see the new one.
        said = f"{style.model_dump_json()} {self.vendor.chain}".encode()
        trusted = self.roots["trusted"].certificate
        slot = f"{self.vendor.id}-copy-{_digest(upstream, signer.certificate, trusted, said)}"

        def mint(keys: KeyPool) -> Identity:
            shared = style.key_shared
            key = self._shared_key() if shared else keys.get(style.key, slot)
            made = copy(upstream, signer, key, _style(self.vendor))
            parts = {"leaf": made, "root": trusted}
            return Identity(tuple(parts[part] for part in self.vendor.chain), key)

        return self.copies.identity(slot, mint, lambda kept: True)

    def _shared_key(self) -> Key:
        return self.store.keys.get(self.vendor.leaf.key, f"{self.vendor.id}-leaf")


def make(
    vendor: Vendor,
    store: Store,
    now: datetime,
    switches: frozenset[str] = frozenset(),
    copies: Store | None = None,
) -> Shield:
    """Set a product up: its roots, and the key of its leaves.

    Raises MitmailError for a switch that there is not, or that does not fit the profile.
    """
    product = switched(vendor, switches)
    vendor = product.everywhere
    roots = {signer: _root(vendor, signer, store, now) for signer in vendor.roots}
    shield = Shield(vendor, roots, product.on, store, copies or store)
    if vendor.leaf.key_shared:
        # Now, and not when the first client waits for it: an RSA key takes up to 250 ms.
        shield._shared_key()
    return shield


def uninstall(vendor: Vendor, store: Store, *copies: Store) -> None:
    """Forget what belongs to an installation: roots, the shared key, every copied leaf.

    What is made next has the same names and new keys. Raises MitmailError.
    """
    for each in (store, *copies):
        each.remove_all(f"{vendor.id}-copy-")
    for signer in vendor.roots:
        store.remove(root_slot(vendor, signer))
    store.keys.remove(f"{vendor.id}-leaf")


def root_slot(vendor: Vendor, signer: Signer) -> str:
    """Where a store keeps a root of this product.

    A user's own profile has roots of its own, even where it is called as a shipped one.
    """
    slot = f"{vendor.id}-{signer}-root"
    shipped = loader.vendor_files().get(vendor.id)
    if shipped is not None and loader.same_file(Path(vendor.file), shipped):
        return slot
    said = f"{vendor.root_shape.model_dump_json()} {vendor.subject(signer)}"
    return f"{slot}-{_digest(said.encode())[:8]}"


def _root(vendor: Vendor, signer: Signer, store: Store, now: datetime) -> Authority:
    slot = root_slot(vendor, signer)
    shape = vendor.root_shape

    def mint(keys: KeyPool) -> Authority:
        key = keys.get(shape.key, slot)
        return make_root(
            distinguished_name(vendor.subject(signer)),
            key,
            _moment(shape.not_before, now),
            _moment(shape.not_after, now),
            extensions=_extensions(shape, key),
            serial=guid_serial() if shape.serial == "guid" else random_serial(16),
        )

    return store.authority(slot, mint, lambda kept: parse(kept.certificate).not_after > now)


def _moment(when: datetime | timedelta, now: datetime) -> datetime:
    return when if isinstance(when, datetime) else now + when


def _extensions(shape: RootShape, key: Key) -> tuple[Extension, ...]:
    made = [extension.basic_constraints(True, critical=shape.basic_constraints.critical)]
    if shape.key_usage is not None:
        usage = shape.key_usage
        made.append(extension.key_usage(*usage.usages, critical=usage.critical))
    if shape.extended_key_usage:
        made.append(extension.extended_key_usage(*shape.extended_key_usage))
    if shape.subject_key_identifier:
        made.append(extension.subject_key_identifier(key_id(key)))
    if shape.authority_key_identifier:
        made.append(extension.authority_key_identifier(key_id(key)))
    return tuple(made)


def _style(vendor: Vendor) -> CopyStyle:
    leaf = vendor.leaf
    return CopyStyle(
        serial=leaf.serial,
        subject_key_identifier=leaf.subject_key_identifier,
        authority_key_identifier=leaf.authority_key_identifier,
        drop=frozenset(leaf.drop),
    )


def _digest(*octets: bytes) -> str:
    return hashlib.sha256(b"".join(octets)).hexdigest()[:24]
