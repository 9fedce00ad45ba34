"""Who is to blame: the provider, or somebody between the customer and him.

What the customer was shown is compared with what the provider shows to somebody else. Nobody is
named without evidence: ``cannot-tell`` is an answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from cryptography.x509.oid import ExtensionOID

from mitmail.diagnose.absence import NO_SERVER, SHOW, holds_no_server
from mitmail.diagnose.ascent import has_signed
from mitmail.diagnose.case import case, day
from mitmail.diagnose.certificate import Certificate, chain_of
from mitmail.diagnose.coverage import listed
from mitmail.diagnose.diagnosis import diagnose, is_grave
from mitmail.diagnose.finding import Finding
from mitmail.diagnose.presented import Presented
from mitmail.diagnose.recognition import Recognition, in_short, is_public, recognise
from mitmail.diagnose.resemblance import has_same_key, is_copy, shares_name
from mitmail.diagnose.roots import Roots

type Culprit = Literal["provider", "antivirus", "gateway", "interception", "both", "cannot-tell"]

CULPRITS: Final[tuple[Culprit, ...]] = (
    "provider", "antivirus", "gateway", "interception", "both", "cannot-tell",
)  # fmt: skip
OF_TIME: Final = {"expired", "not-yet-valid"}
SCTS: Final = ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS
EVIDENCE: Final = 4  # clauses of it
SWITCH_OFF: Final = (
    "Switch its mail scanning off and try again; if mail works then, leave it off, or import its "
    "root into the mail client."
)
WITHOUT: Final = (
    "Then switch off the mail scanning of every antivirus there is, and compare once more."
)
TELL_PROVIDER: Final = "Tell the provider; nothing on the customer's computer cures it."
IN_ORDER: Final = (
    "What the provider shows now is in order: it was mended since, or the customer reaches "
    "another server of his."
)
ONCE_MORE: Final = (
    "Have the customer try once more; if he is shown the same again, tell the provider that not "
    "every server of his is mended."
)
ELSEWHERE: Final = "Look at the provider from another network."
UNVOUCHED: Final = (
    "nobody outside vouches for that: it is the provider's own authority, or a gateway's that "
    "both lines go through."
)
OUTSIDE: Final = (
    "Look at the provider from another network, such as a telephone's hot spot: what shows there, "
    "too, is his own. Or have him send his root, and say --roots FILE."
)
OLD_COPY: Final = (
    "But the copy has expired. Most products copy the dates: then the provider's had expired and "
    "was replaced since; or the copy is an old one that was kept."
)
AGAIN: Final = "Have the customer paste again what he sees now, and compare at once."
CLIENT: Final = (
    "Look at the customer's client: its clock, its own list of authorities, its age; or a server "
    "that was mended since."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """Who it is, and why: ``evidence`` are sentences, ``next`` is what to do.

    ``interception`` is somebody unknown between them; with ``both`` the provider's certificate is
    faulty, and ``product`` has signed a copy of it.
    """

    who: Culprit
    evidence: tuple[str, ...]
    next: str
    product: Recognition | None = None


def blame(customers: Presented, providers: Sequence[Presented], roots: Roots) -> Blame:
    """Compare what a customer was shown with all that the provider shows elsewhere.

    ``roots`` is whom a client trusts. Times are those of the two texts.
    """
    for one in (customers, *providers):
        if holds_no_server(one):
            return _unknown(f"{one.source}: {NO_SERVER}", SHOW)
    shown = [one for one in providers if one.chain]
    if not customers.chain or not shown:
        whose = "the customer's side" if not customers.chain else "the provider's side"
        return _unknown(f"There is no certificate of {whose} to compare.", AGAIN)
    return _Comparison(customers, shown, roots).blame()


class _Comparison:
    def __init__(self, customers: Presented, providers: Sequence[Presented], roots: Roots) -> None:
        self._customers = customers
        self._providers = providers
        self._roots = roots
        self._leaf = chain_of(customers.chain)[0]
        self._others = [chain_of(one.chain) for one in providers]
        self._known = tuple(der for one in providers for der in one.chain[1:])
        self._now = max(one.at for one in providers)

    def blame(self) -> Blame:
        hosts = {one.name for one in self._providers if one.name}
        ours = self._recognised(self._providers)
        theirs = recognise(self._customers, self._roots)
        if ours is not None:
            words = f"What is said to be the provider's was signed by {ours.product}: the line "
            return _unknown(f"{words}from here is intercepted, too.", ELSEWHERE)
        if any(self._leaf.der == one[0].der for one in self._others):
            return self._same(theirs)
        if self._customers.name and hosts and self._customers.name not in hosts:
            words = f"The customer asked for {self._customers.name}, and we for "
            return _unknown(
                f"{words}{', '.join(sorted(hosts))}: two servers, or two names of one.",
                f"Compare with the same name: --against {self._customers.name}:PORT",
            )
        if theirs is not None and theirs.sureness != "possible":
            return self._intercepted(theirs)
        return self._other(theirs)

    # -- the very same certificate ---------------------------------------------------------------

    def _same(self, possibly: Recognition | None) -> Blame:
        if possibly is not None:
            words = f"The same certificate is seen from here, and may be of {possibly.product}"
            return _unknown(f"{words}: {possibly.agrees[0]}.", ELSEWHERE)
        words = "The customer is shown the very certificate that is seen from here"
        if not self._is_vouched_for(self._customers):
            return self._of_one_line(f"{words}, too.")
        return self._of_the_providers([f"{words}: nobody has re-signed it."])

    # -- signed by a product that is known -------------------------------------------------------

    def _intercepted(self, product: Recognition) -> Blame:
        evidence = [
            f"The customer's certificate is {in_short(product)}'s work: "
            f"{'; '.join(product.agrees[:EVIDENCE])}.",
            f'The provider\'s own was signed by "{self._others[0][0].issuer_title}".',
        ]
        if product.differs:
            evidence.append(f"Against it: {'; '.join(product.differs)}.")
        if any(is_copy(self._leaf, one[0]) for one in self._others):
            evidence.append("Names and dates are copied from the provider's to the second.")
        elif not any(shares_name(self._leaf, one[0]) for one in self._others):
            words = f"Its names are others: {listed(self._leaf.names)}."
            evidence.append(words)
        faults = self._faults_of_providers()
        if faults:
            evidence += _sentences(faults)
            return Blame(
                who="both", evidence=tuple(evidence), product=product,
                next=f"{TELL_PROVIDER} {SWITCH_OFF}",
            )  # fmt: skip
        evidence.append("Nothing is wrong with the provider's own.")
        if self._is_of_an_expired_one():
            return _unknown(evidence[0], AGAIN, *evidence[1:], OLD_COPY)
        return Blame(who=product.kind, evidence=tuple(evidence), next=SWITCH_OFF, product=product)

    def _is_of_an_expired_one(self) -> bool:
        # Most products copy the dates: then the original had expired, too.
        end = self._leaf.not_after
        return end is not None and end < min(self._customers.at, self._now)

    # -- another certificate, and nobody known has signed it -------------------------------------

    def _other(self, possibly: Recognition | None) -> Blame:
        if self._is_public():
            return self._another_of_the_providers(
                f'A public authority, "{self._leaf.issuer_title}", signed the customer\'s, which '
                "no antivirus can do."
            )
        kin = [*self._kin()]
        for words, akin in kin:
            if any(map(self._is_vouched_for, (self._customers, *akin))):
                return self._another_of_the_providers(words)
        for words, _ in kin:
            return self._of_one_line(words)
        copied = any(is_copy(self._leaf, one[0]) for one in self._others)
        if not copied:
            words = (
                f'The customer\'s certificate, signed by "{self._leaf.issuer_title}", is neither '
                "the provider's nor a copy of it."
            )
            more = f"It may be of {possibly.product}: {possibly.agrees[0]}." if possibly else ""
            return _unknown(words, f"{AGAIN} {WITHOUT}", more)
        evidence = (
            "Names and dates are those of the provider's certificate to the second; key and "
            "issuer are not.",
            f'"{self._leaf.issuer_title}" signed it: '
            + (
                f"perhaps {possibly.product}."
                if possibly
                else "no antivirus or gateway that is known here."
            ),
        )
        faults = self._faults_of_providers()
        who: Culprit = "both" if faults else possibly.kind if possibly else "interception"
        return Blame(
            who=who, evidence=(*evidence, *_sentences(faults)), product=possibly,
            next=f"{TELL_PROVIDER} {SWITCH_OFF}" if faults else SWITCH_OFF,
        )  # fmt: skip

    def _of_one_line(self, words: str) -> Blame:
        # Whoever sits before both of them shows both the same, and signs both with one key.
        signed = f'"{self._leaf.issuer_title}" signed it, and {UNVOUCHED}'
        return _unknown(words, OUTSIDE, signed, *_sentences(self._faults_of_customers()[0]))

    def _another_of_the_providers(self, why: str) -> Blame:
        evidence = [why, _dates(self._leaf, self._others[0][0])]
        if not any(shares_name(self._leaf, one[0]) for one in self._others):
            words = f"But no name stands in both: the customer's is for {listed(self._leaf.names)}"
            return _unknown(
                f"{words}, and another server may have answered.",
                "Find out which address the customer's computer has for the name: nslookup HOST",
                why,
            )
        return self._of_the_providers(evidence)

    def _of_the_providers(self, evidence: list[str]) -> Blame:
        faults, by_clock = self._faults_of_customers()
        if faults:
            evidence = [*evidence, *_sentences(faults)]
            if self._faults_of_providers():
                return Blame(who="provider", evidence=tuple(evidence), next=TELL_PROVIDER)
            return Blame(who="provider", evidence=(*evidence, IN_ORDER), next=ONCE_MORE)
        words = "Nothing is wrong with the certificate that the customer saw."
        if by_clock:
            at = day(self._customers.at)
            words = f"It is out of its time only at the customer's {at}: his clock may be wrong."
        return _unknown(evidence[0], CLIENT, *evidence[1:], words)

    # -- what is wrong ---------------------------------------------------------------------------

    def _is_public(self) -> bool:
        # A customer who shows the leaf alone has its issuer's certificate from the provider.
        whole = (*self._customers.chain, *self._known)
        return is_public(replace(self._customers, chain=whole), self._roots)

    def _is_vouched_for(self, shown: Presented) -> bool:
        """Whether a root that the client trusts, or a log, tells it from a copy."""
        leaf = chain_of(shown.chain)[0]
        # A copy has no SCTs: they are for the octets of the original (RFC 6962, 3.2).
        return leaf.extension(SCTS) is not None or (
            case(shown, self._roots, also=self._known).verified.anchored
        )

    def _kin(self) -> Iterator[tuple[str, list[Presented]]]:
        """What the customer's has in common with those of the provider, and with which."""
        pairs = [*zip(self._providers, (x[0] for x in self._others), strict=True)]
        candidates = [*self._others, chain_of(self._customers.chain)]
        for issuer in (each for chain in candidates for each in chain[1:]):
            akin = [shown for shown, leaf in pairs if has_signed(issuer, leaf)]
            if akin and has_signed(issuer, self._leaf):
                yield f'The same authority, "{issuer.title}", signed both certificates.', akin
        akin = [shown for shown, leaf in pairs if has_same_key(self._leaf, leaf)]
        if akin:
            yield "Both certificates are for the same key.", akin

    def _faults(self, shown: Presented) -> list[Finding]:
        return [one for one in diagnose(shown, self._roots) if is_grave(one)]

    def _faults_of_customers(self) -> tuple[list[Finding], bool]:
        """What is wrong with the customer's, and whether more is so by his clock alone.

        What had expired then has expired now; a clock that is wrong makes the difference.
        """
        also = self._known if self._customers.only_leaf else ()
        now = replace(self._customers, at=self._now)
        then, now_too = (
            [one for one in diagnose(shown, self._roots, also=also) if is_grave(one)]
            for shown in (self._customers, now)
        )
        still = {one.id for one in now_too}
        kept = [one for one in then if one.reason not in OF_TIME or one.id in still]
        return kept, len(kept) < len(then)

    def _faults_of_providers(self) -> list[Finding]:
        every = [self._faults(one) for one in self._providers]
        # One machine of several that is in order is not what the customer met, for all we know.
        return min(every, key=len)

    def _recognised(self, shown: Sequence[Presented]) -> Recognition | None:
        found = (recognise(one, self._roots) for one in shown)
        return next((one for one in found if one and one.sureness != "possible"), None)


def _unknown(words: str, then: str, *more: str) -> Blame:
    evidence = tuple(one for one in (words, *more) if one)
    return Blame(who="cannot-tell", evidence=evidence, next=then)


def _sentences(faults: Sequence[Finding]) -> list[str]:
    return list(dict.fromkeys(f"{one.where}: {one.words}" for one in faults))


def _dates(customers: Certificate, providers: Certificate) -> str:
    if not (customers.not_before and providers.not_before):
        return "The dates of one of them cannot be read."
    return (
        f"The customer's begins on {day(customers.not_before)}, the provider's on "
        f"{day(providers.not_before)}."
    )
