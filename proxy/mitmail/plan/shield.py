"""The simulated antivirus: what it does with what it finds upstream."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Final, Protocol

from mitmail.hello import Hello
from mitmail.interception import Block, Ending, PassThrough, Popup
from mitmail.pki.authority import Authority
from mitmail.pki.certificate import parse
from mitmail.pki.identity import Identity
from mitmail.pki.name import text as name_text
from mitmail.pki.store import Store
from mitmail.plan import legs
from mitmail.plan.conversation import Handling, handling
from mitmail.plan.copier import Copier
from mitmail.plan.installation import Installation, install, leaf_slot, root_slot, uninstall
from mitmail.scenario.product import RESULTS, Deed, Result, Signer
from mitmail.scenario.spoken import Protocol as MailProtocol
from mitmail.scenario.switching import switched
from mitmail.scenario.vendor import Vendor

__all__ = ["Answer", "Chooser", "Seen", "Shield", "make", "root_slot", "uninstall"]


class Seen(Protocol):
    """What a shield saw upstream: the chain (DER) and the words for what is wrong with it."""

    @property
    def chain(self) -> tuple[bytes, ...]:
        """The certificates, leaf first."""

    @property
    def errors(self) -> tuple[str, ...]:
        """Reason words; empty means verified."""

    @property
    def alpn(self) -> bytes | None:
        """The protocol that the server chose, if any."""


type Answer = Identity | Block | PassThrough
type Chooser = Callable[[Seen | None, str | None], Answer | Popup[Answer] | None]

ENDINGS: Final[Mapping[Deed, Ending]] = {"close": "close", "reset": "reset", "stall": "stall"}
SIGNED_BY: Final[Mapping[Deed, Signer]] = {
    "trusted": "trusted",
    "untrusted": "untrusted",
    "self-signed": "self-signed",
    "mask": "trusted",
}
CHAIN_ERRORS: Final = frozenset({"unknown-issuer", "self-signed"})


@dataclass(frozen=True, slots=True)
class Shield:
    """One product, with what it has installed and the behaviours that were switched on.

    ``profiles`` is what the product does on each endpoint, by name, with its switches. ``exact``
    says that its authorities are called as the product's own.
    """

    vendor: Vendor
    profiles: Mapping[str, Vendor]
    installation: Installation
    copiers: Mapping[str, Copier]
    now: datetime
    exact: bool

    @property
    def root(self) -> Authority | None:
        """The root that a client may be told to trust; None for a product that never signs."""
        return self.installation.given

    def result(self, endpoint: str, errors: tuple[str, ...]) -> Result:
        """The one result that decides, when the server's certificate has several faults."""
        profile = self.profiles[endpoint]
        found = {error if error in RESULTS else "other" for error in errors}
        if profile.trust_list == "extra":
            found.discard("unknown-issuer")
        elif profile.trust_list == "stale" and not found & CHAIN_ERRORS:
            found.add("unknown-issuer")
        return next((result for result in profile.order if result in found), "valid")

    def treatment(self, endpoint: str, errors: tuple[str, ...]) -> Deed:
        """What is done in the end with what was found on this endpoint."""
        profile = self.profiles[endpoint]
        treatment = profile.policy[self.result(endpoint, errors)]
        return profile.ask.then if treatment == "ask" else treatment

    def chooser(self, endpoint: str, name: str) -> Chooser:
        """What to do on an endpoint; nothing where the upstream has shown no certificate.

        ``name`` is the host that the client is told to connect to. Connections are counted from
        this call on.
        """
        profile = self.profiles[endpoint]
        numbers = count(1)

        def choose(seen: Seen | None, sni: str | None) -> Answer | Popup[Answer] | None:
            if seen is None or not seen.chain:
                return None
            host = sni or name
            result = self.result(endpoint, seen.errors)
            deed = self.treatment(endpoint, seen.errors)
            answer = self._answer(endpoint, deed, seen, host, numbers)
            issuer = name_text(parse(seen.chain[0]).issuer)
            words = profile.popup(result, server=host, issuer=issuer)
            if answer is None or words is None:
                return answer
            seconds = profile.ask.seconds if profile.policy[result] == "ask" else 0.0
            return Popup(words, seconds, answer)

        return choose

    def _answer(
        self, endpoint: str, deed: Deed, seen: Seen, host: str, numbers: "count[int]"
    ) -> Answer | None:
        if deed in ENDINGS:
            return Block(ENDINGS[deed])
        if deed == "pass-through":
            return PassThrough()
        if deed == "device":
            shown = self.installation.device
        else:
            mended = frozenset(seen.errors) if deed == "mask" else frozenset()
            shown = self.copiers[endpoint].copy(
                seen.chain[0], SIGNED_BY[deed], host=host, mended=mended, number=next(numbers)
            )
        return None if shown is None else legs.spoken(shown, self.profiles[endpoint].legs, seen)

    def hello(self, endpoint: str) -> Hello:
        """How the server behind an endpoint is greeted in TLS."""
        return legs.hello(self.profiles[endpoint].legs.server)

    def handling(self, endpoint: str, protocol: MailProtocol) -> Handling:
        """What is made of the mail dialogue of an endpoint."""
        return handling(self.profiles[endpoint].conversation, protocol)


def make(
    vendor: Vendor,
    store: Store,
    now: datetime,
    switches: frozenset[str] = frozenset(),
    copies: Store | None = None,
    *,
    exact: bool = False,
) -> Shield:
    """Set a product up. ``store`` keeps what belongs to the installation (roots, the shared key).

    ``copies`` keeps the copied leaves, which are worth no more than the leaf that they copy. With
    ``exact`` the roots are called as the product's own, and nothing of all this outlives the
    process: a store that does so is left alone. Raises
    MitmailError for a switch that there is not, or that does not fit the profile.
    """
    if exact:
        store = copies = Store(None) if store.outlives else store
    product = switched(vendor, switches)
    unrelated = any("unrelated" in profile.chain for profile in product.on.values())
    installation = install(product.everywhere, store, now, exact=exact, unrelated=unrelated)
    process = Store(None)
    if any(profile.leaf.key_shared for profile in product.on.values()) and installation.roots:
        # Now, and not when the first client waits for it: an RSA key takes up to 250 ms.
        store.keys.get(product.everywhere.leaf.key, leaf_slot(vendor))
    copiers = {
        endpoint: Copier(profile, installation, store, copies or store, process, now)
        for endpoint, profile in product.on.items()
    }
    return Shield(product.everywhere, product.on, installation, copiers, now, exact)
