"""Which antivirus or gateway has signed what a client was shown, and how sure that is."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from mitmail.diagnose.ascent import is_named
from mitmail.diagnose.brand import brand
from mitmail.diagnose.case import case
from mitmail.diagnose.certificate import Certificate, chain_of
from mitmail.diagnose.fingerprint import Mark, leaf_marks, root_marks
from mitmail.diagnose.kind import Kind, Sureness
from mitmail.diagnose.presented import Presented
from mitmail.diagnose.roots import Roots, public
from mitmail.scenario import loader
from mitmail.scenario.vendor import Vendor

GATEWAYS: Final = {"fortinet", "zscaler"}
# The number of each appliance is its authority's name.
NUMBERED: Final = {"fortinet": re.compile(r"F[GW][A-Z0-9]{8,14}")}
WORDS: Final = {NameOID.EMAIL_ADDRESS: "emailAddress"}
ENOUGH: Final = 2  # known traits beside the whole name

type Attributes = list[tuple[str, str]]
type Part = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """The product, and how sure: ``agrees`` and ``differs`` are the evidence, in words.

    ``id`` is that of the vendor profile, null for a product without one; ``signer`` which of its
    authorities it was. ``simulated``: the names are those that mitmail gives its own copies.
    """

    product: str
    kind: Kind
    sureness: Sureness
    agrees: tuple[str, ...]
    differs: tuple[str, ...] = ()
    id: str | None = None
    signer: str | None = None
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class _Named:
    vendor: Vendor
    signer: str
    hits: tuple[str, ...]
    misses: tuple[str, ...]
    simulated: bool
    weight: int

    @property
    def whole(self) -> bool:
        return not self.misses


def recognise(presented: Presented, roots: Roots | None = None) -> Recognition | None:
    """The product that signed this, if one is recognised.

    Never one where a public root vouches for the server: no product can sign with such. ``roots``
    stands in for Mozilla's where it is a list of public roots.
    """
    chain = chain_of(presented.chain)
    if not chain or chain[0].read is None or is_public(presented, roots):
        return None
    named = max(_named(chain), key=lambda one: (one.whole, one.weight), default=None)
    if named is not None:
        return _by_profile(presented, chain, named)
    for one in chain:
        if one.read is not None and (found := brand(_attributes(one.read.issuer))):
            which, text = found
            words = (f"{_whose(one)} issuer is {text}",)
            return Recognition(
                product=which.product, kind=which.kind, sureness="possible", agrees=words
            )
    return None


def is_public(presented: Presented, roots: Roots | None = None) -> bool:
    """Whether a public root vouches for the server, whatever the dates are."""
    found = case(presented, roots if roots and roots.public else public()).verified
    return found.anchored and not found.errors


def _by_profile(presented: Presented, chain: Sequence[Certificate], named: _Named) -> Recognition:
    marks = list(_marks(presented, chain, named))
    known = [one for one in marks if one.known]
    against = [one for one in known if not one.agrees]
    sureness: Sureness = "possible"
    if named.whole:
        sureness = "likely"
        if named.simulated or (not against and len(known) >= ENOUGH):
            sureness = "certain"
        elif len(against) > len(known) / 2:
            sureness = "possible"
    vendor = named.vendor
    return Recognition(
        product=vendor.title,
        kind="gateway" if vendor.id in GATEWAYS else "antivirus",
        sureness=sureness,
        agrees=(*named.hits, *(one.words for one in marks if one.agrees)),
        differs=(*named.misses, *(one.words for one in marks if not one.agrees)),
        id=vendor.id,
        signer=named.signer,
        simulated=named.simulated,
    )


def _marks(presented: Presented, chain: Sequence[Certificate], named: _Named) -> Iterator[Mark]:
    vendor = named.vendor
    if named.signer == "device":
        return
    yield from leaf_marks(chain[0], vendor)
    if presented.is_whole and not vendor.intermediate:
        wanted = len(vendor.chain)
        evidence = vendor.known("chain")
        words = f"{len(chain)} certificate{'s' * (len(chain) != 1)} sent"
        known = evidence is not None and evidence.mark != "unverified"
        yield Mark(words, len(chain) == wanted, known)
    for one in chain[1:]:
        if one.read is not None and one.is_self_issued:
            name = _attributes(one.read.subject)
            if any(not misses for _, _, misses, _ in _compared(vendor, name)):
                yield from root_marks(one, vendor)


def _named(chain: Sequence[Certificate]) -> Iterator[_Named]:
    for one in chain:
        if one.read is None or (one.number > 1 and one.is_self_issued):
            continue
        if one.number > 1 and not any(is_named(one, below) for below in chain):
            continue
        issuer = _attributes(one.read.issuer)
        for vendor in vendors():
            for signer, hits, misses, simulated in _compared(vendor, issuer):
                if len(hits) >= max(2, len(misses) + 1):
                    words = f"{_whose(one)} issuer is {', '.join(hits)}"
                    missed = (f"its issuer is not {', '.join(misses)}",) if misses else ()
                    yield _Named(vendor, signer, (words,), missed, simulated, len(hits))


def _compared(
    vendor: Vendor, said: Attributes
) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...], bool]]:
    suffix = vendor.simulated_suffix
    simulated = bool(suffix) and any(text.endswith(suffix) for kind, text in said if kind == "CN")
    bare = {(kind, text.removesuffix(suffix) if kind == "CN" else text) for kind, text in said}
    for signer, subject in _subjects(vendor):
        hits = [pair for pair in subject if _has(vendor, bare, pair)]
        misses = [pair for pair in subject if pair not in hits]
        shown = _text(hits, bare), _text(misses, bare)
        # A name with more in it than the product's is another name.
        if hits and len(bare) <= len(subject) + 1 and "CN" in {kind for kind, _ in hits}:
            yield signer, *shown, simulated


def _has(vendor: Vendor, said: set[Part], pair: Part) -> bool:
    kind, wanted = pair
    pattern = NUMBERED.get(vendor.id)
    if kind != "CN" or pattern is None or not pattern.fullmatch(wanted):
        return pair in said
    return any(k == "CN" and pattern.fullmatch(text) for k, text in said)


def _text(pairs: Iterable[Part], said: set[Part]) -> tuple[str, ...]:
    own = dict(said)
    shown = (
        (kind, own.get(kind, text) if (kind, text) not in said and kind == "CN" else text)
        for kind, text in pairs
    )
    return tuple(f"{kind}={text}" for kind, text in shown)


def _subjects(vendor: Vendor) -> Iterator[tuple[str, tuple[Part, ...]]]:
    for signer in vendor.roots:
        yield signer, vendor.subject(signer, exact=True)
    if vendor.intermediate is not None:
        yield "intermediate", vendor.named(vendor.intermediate.subject, exact=True)
    if vendor.device is not None:
        yield "device", vendor.named(vendor.device.issuer, exact=True)


def _attributes(name: x509.Name) -> Attributes:
    named = ((WORDS.get(one.oid, one.rfc4514_attribute_name), one.value) for one in name)
    return [(kind, str(text)) for kind, text in named]


def _whose(one: Certificate) -> str:
    return "the leaf's" if one.number == 1 else f"certificate {one.number}'s"


@cache
def vendors() -> tuple[Vendor, ...]:
    """The shipped profiles of products that sign, but for the one that is made up."""
    found = (loader.find_vendor(id_) for id_ in loader.vendor_files())
    return tuple(one for one in found if one.roots)


SURENESS: Final = {"certain": "certainly", "likely": "very likely", "possible": "possibly"}


def in_short(found: Recognition) -> str:
    """A recognition in half a sentence: how sure, and what."""
    of_ours = ", as mitmail simulates it" if found.simulated else ""
    return f"{SURENESS[found.sureness]} {found.product}{of_ours}"
