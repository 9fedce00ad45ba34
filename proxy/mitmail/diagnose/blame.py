"""Who is to blame: the provider, or somebody between the customer and him.

What the customer was shown is compared with what the provider shows to somebody else. Nobody is
named without evidence: ``cannot-tell`` is an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from mitmail.diagnose.absence import NO_SERVER, SHOW, holds_no_server
from mitmail.diagnose.case import day
from mitmail.diagnose.certificate import Certificate
from mitmail.diagnose.coverage import listed
from mitmail.diagnose.evidence import Evidence, Faults
from mitmail.diagnose.presented import Presented
from mitmail.diagnose.recognition import Recognition, in_short
from mitmail.diagnose.roots import Roots

type Culprit = Literal["provider", "antivirus", "gateway", "interception", "both", "cannot-tell"]

CULPRITS: Final[tuple[Culprit, ...]] = (
    "provider", "antivirus", "gateway", "interception", "both", "cannot-tell",
)  # fmt: skip
OF_TIME: Final = {"expired", "not-yet-valid"}
CLAUSES: Final = 4  # of what a product is recognised by
# The authorities by which a product marks a server that it distrusts itself.
MARKS: Final = {"untrusted", "self-signed"}
SWITCH_OFF: Final = (
    "Switch its mail scanning off and try again; if mail works then, leave it off, or import its "
    "root into the mail client."
)
SWITCH_OFF_ONLY: Final = (
    "Switch its mail scanning off and try again. To import this root cures nothing: with it the "
    "product signs what it distrusts itself."
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
    "too, is his own."
)
SOME_FAULTY: Final = (
    "Others that the provider shows are in order, and which one the customer met cannot be told."
)
HAS_GAP: Final = "What more the server sends is not in the text, so it cannot be judged."
LACKS_ROOT: Final = "A public root vouches for it which the customer's client does not know."
UPDATE: Final = "Update the customer's client or system, or its list of authorities."
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
        self._seen = Evidence(customers, providers, roots)
        self._leaf = self._seen.leaf

    def blame(self) -> Blame:
        hosts = {one.name for one in self._providers if one.name}
        theirs, ours = self._seen.products
        if ours is not None:
            was, is_ = (
                ("may have been", "may be") if ours.sureness == "possible" else ("was", "is")
            )
            words = f"What is said to be the provider's {was} signed by {ours.product}"
            return _unknown(f"{words}: the line from here {is_} intercepted, too.", ELSEWHERE)
        if self._seen.is_the_same:
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
        if not self._seen.is_vouched_for(self._customers):
            return self._of_one_line(f"{words}, too.")
        return self._of_the_providers([f"{words}: nobody has re-signed it."])

    # -- signed by a product that is known -------------------------------------------------------

    def _intercepted(self, product: Recognition) -> Blame:
        evidence = [
            f"The customer's certificate was made by {in_short(product)}: "
            f"{'; '.join(product.agrees[:CLAUSES])}.",
            f'The provider\'s own was signed by "{self._seen.original.issuer_title}".',
        ]
        if product.differs:
            evidence.append(f"Against it: {'; '.join(product.differs)}.")
        if self._seen.is_copy:
            evidence.append("Names and dates are copied from the provider's to the second.")
        elif not self._seen.shares_name:
            words = f"Its names are others: {listed(self._leaf.names)}."
            evidence.append(words)
        return self._between(product.kind, evidence, product)

    def _between(
        self, who: Culprit, evidence: list[str], product: Recognition | None = None
    ) -> Blame:
        """Somebody has signed a copy; is anything wrong with what he copied?"""
        cure = SWITCH_OFF
        if product is not None and product.signer in MARKS:
            cure = SWITCH_OFF_ONLY
            evidence = [*evidence, f"It signed with its {product.signer} root."]
        faults, some = self._seen.of_originals
        said = (*evidence, *_sentences(faults))
        if faults and some:
            return _unknown(said[0], f"{TELL_PROVIDER} {cure}", *said[1:], SOME_FAULTY)
        if faults:
            then = f"{TELL_PROVIDER} {cure}"
            return Blame(who="both", evidence=said, product=product, next=then)
        so_far = "" if self._seen.knows_providers else ", as far as it is shown"
        said = (*said, f"Nothing is wrong with the provider's own{so_far}.")
        if self._seen.is_of_an_expired_one:
            return _unknown(said[0], AGAIN, *said[1:], OLD_COPY)
        return Blame(who=who, evidence=said, next=cure, product=product)

    # -- another certificate, and nobody known has signed it -------------------------------------

    def _other(self, possibly: Recognition | None) -> Blame:
        if self._seen.is_public:
            return self._another_of_the_providers(
                f'A public authority, "{self._leaf.issuer_title}", signed the customer\'s, which '
                "no antivirus can do."
            )
        if (tied := self._of_their_kin()) is not None:
            return tied
        if not self._seen.is_copy:
            words = (
                f'The customer\'s certificate, signed by "{self._leaf.issuer_title}", is neither '
                "the provider's nor certainly a copy of it."
            )
            more = f"It may be of {possibly.product}: {possibly.agrees[0]}." if possibly else ""
            return _unknown(words, f"{AGAIN} {WITHOUT}", more)
        evidence = [
            "Names and dates are those of the provider's certificate to the second; key and "
            "issuer are not.",
            f'"{self._leaf.issuer_title}" signed it: '
            + (
                f"perhaps {possibly.product}."
                if possibly
                else "no antivirus or gateway that is known here."
            ),
        ]
        return self._between(possibly.kind if possibly else "interception", evidence, possibly)

    def _of_their_kin(self) -> Blame | None:
        doubtful = []
        for kin in self._seen.kin:
            vouched = any(map(self._seen.is_vouched_for, (self._customers, *kin.akin)))
            if vouched and kin.proven:
                return self._another_of_the_providers(kin.words)
            if not vouched:
                doubtful.append(kin.words)
        return self._of_one_line(doubtful[0]) if doubtful else None

    def _of_one_line(self, words: str) -> Blame:
        # Whoever sits before both of them shows both the same, and signs both with one key.
        signed = f'"{self._leaf.issuer_title}" signed it, and {UNVOUCHED}'
        return _unknown(words, OUTSIDE, signed, *_sentences(self._seen.of_customers[0]))

    def _another_of_the_providers(self, why: str) -> Blame:
        evidence = [why, _dates(self._leaf, self._seen.original)]
        if not self._seen.shares_name:
            words = f"But no name stands in both: the customer's is for {listed(self._leaf.names)}"
            return _unknown(
                f"{words}, and another server may have answered.",
                "Find out which address the customer's computer has for the name: nslookup HOST",
                why,
            )
        return self._of_the_providers(evidence)

    def _of_the_providers(self, evidence: list[str]) -> Blame:
        faults, by_clock = self._seen.of_customers
        if faults:
            evidence = [*evidence, *_sentences(faults)]
            if self._seen.all_in_order:
                return Blame(who="provider", evidence=(*evidence, IN_ORDER), next=ONCE_MORE)
            return Blame(who="provider", evidence=tuple(evidence), next=TELL_PROVIDER)
        words, then = "Nothing is wrong with the certificate that the customer saw.", CLIENT
        if by_clock:
            at = day(self._customers.at)
            words = f"It is out of its time only at the customer's {at}: his clock may be wrong."
        elif self._seen.has_gap:
            words, then = HAS_GAP, SHOW
        elif self._seen.lacks_root:
            words, then = LACKS_ROOT, UPDATE
        return _unknown(evidence[0], then, *evidence[1:], words)


def _unknown(words: str, then: str, *more: str) -> Blame:
    evidence = tuple(one for one in (words, *more) if one)
    return Blame(who="cannot-tell", evidence=evidence, next=then)


def _sentences(faults: Faults) -> list[str]:
    return list(dict.fromkeys(f"{one.where}: {one.words}" for one in faults))


def _dates(customers: Certificate, providers: Certificate) -> str:
    if not (customers.not_before and providers.not_before):
        return "The dates of one of them cannot be read."
    return (
        f"The customer's begins on {day(customers.not_before)}, the provider's on "
        f"{day(providers.not_before)}."
    )
