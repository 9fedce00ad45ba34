"""How a simulated product makes its copies of the leaves that it finds upstream."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from mitmail.manner import PROPER, Manner
from mitmail.pki.authority import Authority
from mitmail.pki.certificate import parse
from mitmail.pki.identity import Identity
from mitmail.pki.key import Key
from mitmail.pki.keypool import KeyPool
from mitmail.pki.name import distinguished_name
from mitmail.pki.resign import CopyStyle, copy
from mitmail.pki.store import Store
from mitmail.plan.installation import Installation, digest, leaf_slot, moment
from mitmail.scenario.leafstyle import LeafStyle
from mitmail.scenario.part import UB_NAME
from mitmail.scenario.product import Signer
from mitmail.scenario.vendor import Vendor

MENDED: Final = (timedelta(days=-1), timedelta(days=90))
OF_TIME: Final = frozenset({"expired", "not-yet-valid"})


@dataclass(frozen=True, slots=True)
class Copier:
    """One product's copies on one endpoint.

    ``store`` keeps the shared key, ``kept`` the copies that outlive the process, ``process`` those
    that do not.
    """

    profile: Vendor
    installation: Installation
    store: Store
    kept: Store
    process: Store
    now: datetime

    def copy(
        self, upstream: bytes, signer: Signer, *, host: str, mended: frozenset[str], number: int
    ) -> Identity:
        """What is shown in place of the upstream's leaf (DER), for the connection ``number``.

        ``host`` is what the client asked for, ``mended`` what is wrong upstream and shall not be
        seen. Raises MitmailError.
        """
        leaf = self.profile.leaf
        wrong = leaf.wrong if leaf.wrong and number % leaf.wrong.every == 0 else None
        style = self._style(wrong.host if wrong else host, mended, another=wrong is not None)
        authority = self.installation.signer(signer)
        above = self._above(signer)
        # What its times are made of, and what is dropped, is in the profile: the former may be
        # relative to now, and a set has another order in every process.
        timeless = replace(style, validity=None, drop=frozenset())
        slot = self._slot(upstream, authority, above, timeless, sorted(mended & OF_TIME))

        def mint(keys: KeyPool) -> Identity:
            key = self._key(keys, slot)
            return Identity((copy(upstream, authority, key, style), *above), key)

        found = self._found(slot, mint, style)
        return replace(found, manner=Manner(weak=True) if self._is_weak() else PROPER)

    def _found(self, slot: str, mint: Callable[[KeyPool], Identity], style: CopyStyle) -> Identity:
        match self.profile.leaf.life:
            case "connection":
                return mint(self.process.keys)
            case "process":
                return self.process.identity(slot, mint, lambda kept: True)
            case "kept":
                return self.kept.identity(slot, mint, lambda kept: self._lives(kept, style))

    def _lives(self, kept: Identity, style: CopyStyle) -> bool:
        """Whether a kept copy may stay: only a validity of the product's own can be renewed."""
        if style.validity is None or style.validity[1] <= self.now:
            return True
        return parse(kept.leaf).not_after > self.now

    def _slot(
        self,
        upstream: bytes,
        signer: Authority,
        above: Sequence[bytes],
        *what: object,
    ) -> str:
        # All that a copy is made of: who edits a profile wants to see the new one.
        said = f"{self.profile.leaf.model_dump_json()} {what}".encode()
        return f"{self.profile.id}-copy-{digest(upstream, signer.certificate, *above, said)}"

    def _key(self, keys: KeyPool, slot: str) -> Key:
        leaf = self.profile.leaf
        if leaf.key_shared:
            return self.store.keys.get(leaf.key, leaf_slot(self.profile))
        return keys.get(leaf.key, slot)

    def _above(self, signer: Signer) -> tuple[bytes, ...]:
        there, roots = self.installation, self.installation.roots
        issuer = there.issuer if there.signer(signer) is there.issuer else None
        parts = {
            "issuer": issuer,
            "root": roots["trusted"],
            "signer": roots[signer],
            "unrelated": there.unrelated,
        }
        found = (parts[part] for part in self.profile.chain if part != "leaf")
        return tuple(one.certificate for one in found if one is not None)

    def _style(self, host: str, mended: frozenset[str], *, another: bool) -> CopyStyle:
        leaf = self.profile.leaf
        requested = distinguished_name([("CN", host)] if len(host) <= UB_NAME else [])
        own_names = another or leaf.names == "requested"
        return CopyStyle(
            serial=leaf.serial,
            subject_key_identifier=leaf.subject_key_identifier,
            authority_key_identifier=leaf.authority_key_identifier,
            drop=frozenset(leaf.drop),
            hash=leaf.hash,
            subject=requested if another or leaf.subject == "requested" else None,
            names=(host,) if own_names else None,
            also=(host,) if "name-mismatch" in mended and not own_names else (),
            validity=self._validity(leaf, mended),
            bare=leaf.extensions == "none",
            uncritical=leaf.critical == "none",
        )

    def _validity(
        self, leaf: LeafStyle, mended: frozenset[str]
    ) -> tuple[datetime, datetime] | None:
        if leaf.validity is not None:
            own = leaf.validity.not_before, leaf.validity.not_after
            return moment(own[0], self.now), moment(own[1], self.now)
        if mended & OF_TIME:
            return self.now + MENDED[0], self.now + MENDED[1]
        return None

    def _is_weak(self) -> bool:
        return self.profile.leaf.is_weak or self.profile.root_shape.is_weak
