"""What a simulated product has installed: its roots, and the certificates that go with them."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from mitmail.pki import extension
from mitmail.pki.authority import Authority, make_root
from mitmail.pki.certificate import parse, random_serial
from mitmail.pki.extension import Extension
from mitmail.pki.identity import Identity
from mitmail.pki.key import Key, key_id
from mitmail.pki.keypool import KeyPool
from mitmail.pki.name import distinguished_name
from mitmail.pki.resign import guid_serial
from mitmail.pki.store import Store
from mitmail.scenario import loader
from mitmail.scenario.authority import RootShape, Subject
from mitmail.scenario.product import Signer
from mitmail.scenario.vendor import Vendor, VendorFile


@dataclass(frozen=True, slots=True)
class Installation:
    """What one installation of a product signs and shows with.

    ``given`` is the root that clients may know; it is none of ``roots`` when the product was
    installed again since. ``issuer`` signs in place of the trusted root.
    """

    roots: Mapping[Signer, Authority]
    given: Authority | None
    issuer: Authority | None
    device: Identity | None
    unrelated: Authority | None

    def signer(self, word: Signer) -> Authority:
        """Who signs the leaves of a root."""
        return self.issuer if word == "trusted" and self.issuer else self.roots[word]


def install(
    vendor: Vendor, store: Store, now: datetime, *, exact: bool, unrelated: bool
) -> Installation:
    """Make what is not there yet; an ``unrelated`` root where one is sent. Raises MitmailError."""
    factory = _Factory(vendor, store, now, exact)
    roots = {signer: factory.root(signer, root_slot(vendor, signer)) for signer in vendor.roots}
    given = roots.get("trusted")
    if given is not None and vendor.root_given == "previous":
        roots["trusted"] = factory.root("trusted", f"{root_slot(vendor, 'trusted')}-again")
    return Installation(
        roots=roots,
        given=given,
        issuer=factory.issuer(roots),
        device=factory.device(),
        unrelated=factory.unrelated() if unrelated else None,
    )


def uninstall(vendor: Vendor, store: Store, *copies: Store) -> None:
    """Forget what belongs to an installation: roots, the shared key, every copied leaf.

    What is made next has the same names and new keys. Raises MitmailError.
    """
    for each in (store, *copies):
        each.remove_all(f"{vendor.id}-copy-")
    for part in ("issuer", "device", "factory", "unrelated"):
        store.remove_all(f"{vendor.id}-{part}-")
    for signer in vendor.roots:
        store.remove(root_slot(vendor, signer))
        store.remove(f"{root_slot(vendor, signer)}-again")
    store.keys.remove(leaf_slot(vendor))


def leaf_slot(vendor: Vendor) -> str:
    """Where a store keeps the key that all leaves share."""
    return f"{vendor.id}-leaf"


def root_slot(vendor: Vendor, signer: Signer) -> str:
    """Where a store keeps a root of this product.

    A user's own profile has roots of its own, even where it is called as a shipped one, and so
    has a product whose switches change what they look like.
    """
    slot = f"{vendor.id}-{signer}-root"
    said = _said(vendor, signer)
    if _is_shipped(vendor) and said == _said(vendor.base, signer):
        return slot
    return f"{slot}-{digest(said)[:8]}"


def _is_shipped(vendor: Vendor) -> bool:
    shipped = loader.vendor_files().get(vendor.id)
    return shipped is not None and loader.same_file(Path(vendor.file), shipped)


def _said(vendor: VendorFile, signer: Signer) -> bytes:
    return f"{vendor.root_shape.model_dump_json()} {vendor.subject(signer)}".encode()


def digest(*octets: bytes) -> str:
    """24 hexadecimal digits that tell these octets from others."""
    return hashlib.sha256(b"".join(octets)).hexdigest()[:24]


def moment(when: datetime | timedelta, now: datetime) -> datetime:
    """A time that may be relative to now."""
    return when if isinstance(when, datetime) else now + when


@dataclass(frozen=True, slots=True)
class _Factory:
    vendor: Vendor
    store: Store
    now: datetime
    exact: bool

    def name(self, subject: Subject) -> bytes:
        return distinguished_name(self.vendor.named(subject, exact=self.exact))

    def root(self, signer: Signer, slot: str) -> Authority:
        shape = self.vendor.root_shape
        ends = moment(shape.not_after, self.now)

        def mint(keys: KeyPool) -> Authority:
            key = keys.get(shape.key, slot)
            return make_root(
                self.name(self.vendor.roots[signer].subject),
                key,
                moment(shape.not_before, self.now),
                ends,
                extensions=_extensions(shape, key),
                serial=guid_serial() if shape.serial == "guid" else random_serial(16),
                hash=shape.hash,
            )

        return self.store.authority(slot, mint, self._fresh(ends))

    def issuer(self, roots: Mapping[Signer, Authority]) -> Authority | None:
        said = self.vendor.intermediate
        if said is None or "trusted" not in roots:
            return None
        root = roots["trusted"]
        slot = self._slot("issuer", said.model_dump_json().encode(), root.certificate)
        times = moment(said.not_before, self.now), moment(said.not_after, self.now)

        def mint(keys: KeyPool) -> Authority:
            return root.intermediate(self.name(said.subject), keys.get(said.key, slot), *times)

        return self.store.authority(slot, mint, self._fresh(times[1]))

    def device(self) -> Identity | None:
        said = self.vendor.device
        if said is None:
            return None
        octets = said.model_dump_json().encode()
        slot = self._slot("device", octets)
        times = moment(said.not_before, self.now), moment(said.not_after, self.now)

        def mint(keys: KeyPool) -> Identity:
            makers = keys.get(said.key, self._slot("factory", octets))
            maker = make_root(self.name(said.issuer), makers, *times)
            key = keys.get(said.key, slot)
            subject = self.name(said.subject)
            made = maker.leaf(
                key, names=(), subject=subject, not_before=times[0], not_after=times[1]
            )
            return Identity((made,), key)

        return self.store.identity(slot, mint, lambda kept: self._fresh_leaf(kept, times[1]))

    def unrelated(self) -> Authority:
        slot = self._slot("unrelated")
        times = self.now - timedelta(days=365), self.now + timedelta(days=3650)

        def mint(keys: KeyPool) -> Authority:
            subject = self.name((("O", "Unrelated"), ("CN", "Unrelated Root")))
            return make_root(subject, keys.get("ec256", slot), *times)

        return self.store.authority(slot, mint, self._fresh(times[1]))

    def _slot(self, part: str, *octets: bytes) -> str:
        return f"{self.vendor.id}-{part}-{digest(*octets)}"

    def _fresh(self, ends: datetime) -> Callable[[Authority], bool]:
        """Whether a kept one may stay: it has not ended, unless it is meant to have."""
        return lambda kept: parse(kept.certificate).not_after > self.now or ends <= self.now

    def _fresh_leaf(self, kept: Identity, ends: datetime) -> bool:
        return parse(kept.leaf).not_after > self.now or ends <= self.now


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
