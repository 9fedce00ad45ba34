"""What the customer was shown, held against what the provider shows: facts, and no judgement."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from typing import Final

from cryptography.x509.oid import ExtensionOID

from mitmail.diagnose.ascent import NO_ISSUER, has_signed
from mitmail.diagnose.case import case
from mitmail.diagnose.certificate import Certificate, chain_of
from mitmail.diagnose.diagnosis import diagnose, is_grave
from mitmail.diagnose.finding import Finding
from mitmail.diagnose.presented import Presented
from mitmail.diagnose.recognition import Recognition, is_public, recognise
from mitmail.diagnose.resemblance import has_same_key, is_copy, shares_name
from mitmail.diagnose.roots import Roots, public

OF_TIME: Final = {"expired", "not-yet-valid"}
SCTS: Final = ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS

type Faults = list[Finding]


@dataclass(frozen=True, slots=True)
class Kin:
    """What the customer's certificate has in common with some of the provider's, in words.

    ``proven`` by a signature or a key; an issuer's name is only a name.
    """

    words: str
    akin: tuple[Presented, ...]
    proven: bool = True


class Evidence:
    """Compares; ``roots`` is whom the customer's client trusts. Each side shows something."""

    def __init__(self, customers: Presented, providers: Sequence[Presented], roots: Roots) -> None:
        self._customers = customers
        self._providers = tuple(providers)
        self._roots = roots
        self._public = roots if roots.public else public()
        self.leaf = chain_of(customers.chain)[0]
        self._leaves = [chain_of(one.chain)[0] for one in providers]
        # A customer who shows the leaf alone has the others from the provider.
        self._known = tuple(der for one in providers for der in one.chain[1:])
        # A text may be older than what came after it; time has gone on at least until today.
        self._now = max(datetime.now(UTC), *(one.at for one in providers))

    # -- what was shown --------------------------------------------------------------------------

    @property
    def original(self) -> Certificate:
        """The provider's certificate, or one of them: that which was copied, if any was."""
        return next((x for x in self._leaves if is_copy(self.leaf, x)), self._leaves[0])

    @property
    def is_the_same(self) -> bool:
        """Whether the provider shows the customer's very certificate."""
        return any(self.leaf.der == one.der for one in self._leaves)

    @property
    def shares_name(self) -> bool:
        """Whether a name of the customer's stands in one of the provider's, too."""
        return any(shares_name(self.leaf, one) for one in self._leaves)

    @property
    def is_copy(self) -> bool:
        """Whether the customer's is a copy of one of the provider's."""
        return any(is_copy(self.leaf, one) for one in self._leaves)

    @cached_property
    def products(self) -> tuple[Recognition | None, Recognition | None]:
        """Who is recognised in the customer's, and in what is said to be the provider's."""
        ours = [recognise(one, self._roots) for one in self._providers]
        sure = [one for one in ours if one and one.sureness != "possible"]
        return recognise(self._customers, self._roots), next(filter(None, (*sure, *ours)), None)

    # -- whose it is -----------------------------------------------------------------------------

    @property
    def is_public(self) -> bool:
        """Whether a public authority signed the customer's."""
        return is_public(self._whole(self._customers), self._roots)

    def is_vouched_for(self, shown: Presented) -> bool:
        """Whether it cannot be the work of somebody who sits before both.

        A root of the client's own does not count: it may be that somebody's. Where the authority
        was not sent, SCTs do: all products that are known leave them out of a copy.
        """
        found = case(shown, self._public, also=self._known).verified
        if found.anchored:
            return True
        lacks_issuer = len(found.path) == 1 and NO_ISSUER in dict(found.errors)
        return lacks_issuer and found.end.extension(SCTS) is not None

    @property
    def kin(self) -> Iterator[Kin]:
        """What ties the customer's certificate to those of the provider, the closest first."""
        own = self._path(self._customers)
        paths = [(shown, self._path(shown)) for shown in self._providers]
        for above, issuer in enumerate(own[1:], 1):
            akin = tuple(shown for shown, path in paths if issuer in path[1:])
            if akin:
                words = f'The same authority, "{issuer.title}", signed both certificates.'
                if above > 1:
                    words = f'Both lead up to the same authority, "{issuer.title}".'
                yield Kin(words, akin)
        akin = tuple(shown for shown, path in paths if has_same_key(self.leaf, path[0]))
        if akin:
            yield Kin("Both certificates are for the same key.", akin)
        end = own[-1]
        akin = tuple(shown for shown, path in paths if path[-1].issuer == end.issuer)
        if akin and not end.is_self_signed:
            words = f'Both lead up to an authority that is not here, "{end.issuer_title}".'
            yield Kin(words, akin, proven=False)

    def _path(self, shown: Presented) -> tuple[Certificate, ...]:
        also = (*self._known, *self._customers.chain[1:])
        path = case(shown, self._roots, also=also).verified.path
        signed = [has_signed(above, below) for below, above in pairwise(path)]
        return path[: signed.index(False) + 1] if False in signed else path

    def _whole(self, shown: Presented) -> Presented:
        return replace(shown, chain=(*shown.chain, *self._known))

    # -- what is wrong ---------------------------------------------------------------------------

    def _faults(self, shown: Presented, at: datetime, also: tuple[bytes, ...] = ()) -> Faults:
        """What clients refuse: those that trust as the customer's does, and all others, too."""
        shown = replace(shown, at=at)
        each = [
            [one for one in diagnose(shown, roots, also=also) if is_grave(one)]
            for roots in dict.fromkeys((self._roots, self._public))
        ]
        return min(each, key=len)

    @property
    def of_customers(self) -> tuple[Faults, bool]:
        """What is wrong with the customer's, and whether more is so by his clock alone.

        What had expired then has expired now; a clock that is wrong makes the difference.
        """
        also = () if self._customers.is_whole else self._known
        then = self._faults(self._customers, self._customers.at, also)
        still = {one.id for one in self._faults(self._customers, self._now, also)}
        kept = [one for one in then if one.reason not in OF_TIME or one.id in still]
        return kept, len(kept) < len(then)

    @property
    def has_gap(self) -> bool:
        """Whether the customer's text may lack what the server sent, and the provider's, too."""
        found = diagnose(self._customers, self._roots, also=self._known)
        return any(one.id == "issuer-not-shown" for one in found)

    @property
    def lacks_root(self) -> bool:
        """Whether a public root vouches for the customer's that his client does not know."""
        if self._roots.public or not self.is_public:
            return False
        return not case(self._whole(self._customers), self._roots).verified.anchored

    @property
    def is_of_an_expired_one(self) -> bool:
        """Whether what was copied had expired: most products copy the dates."""
        end = self.leaf.not_after
        return end is not None and end < min(self._customers.at, self._now)

    @cached_property
    def of_originals(self) -> tuple[Faults, bool]:
        """What is wrong with each of those that may have been copied; whether some are in order.

        Of several machines with several certificates, the customer met one that has his.
        """
        pairs = [*zip(self._providers, self._leaves, strict=True)]
        copied = [shown for shown, leaf in pairs if is_copy(self.leaf, leaf)]
        each = [self._faults(one, one.at) for one in copied or self._providers]
        faulty = [one for one in each if one]
        return min(faulty, key=len, default=[]), len(faulty) < len(each)

    @property
    def knows_providers(self) -> bool:
        """Whether all is known that the provider's servers send."""
        return all(one.is_whole for one in self._providers)

    @property
    def all_in_order(self) -> bool:
        """Whether it is known that nothing is wrong with what the provider shows, as of now."""
        return self.knows_providers and not any(
            self._faults(one, self._now) for one in self._providers
        )
