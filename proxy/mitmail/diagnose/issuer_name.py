"""The products whose roots are called so, read off the vendor profiles."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA

from mitmail.diagnose.brand import BRANDS
from mitmail.scenario.product import Signer
from mitmail.scenario.vendor import Vendor

_WORD: Final = re.compile(r"[^\W_]+")
# The attributes of a subject that can tell a product; a country and a city cannot.
_TELLING: Final = frozenset(("CN", "O", "OU"))
_COMMON: Final = frozenset((
    "certificate", "certificates", "certification", "authority", "root", "ca", "trusted",
    "untrusted", "self", "signed", "ssl", "tls", "inc", "ltd", "llc", "generated", "by", "for",
    "the", "mail", "web", "shield", "server",
))  # fmt: skip
_AS_ISSUER: Final = re.compile(
    r"\b(?:issuer|issued by|signed by|cn ?=|o ?=|ou ?=|certificate)", re.I
)
_SAID_ISSUER: Final = re.compile(r"\b(?:issuer|issued by|signed by)\b", re.I)
_GENERIC: Final = "generic"
_SLIPS: Final = ((9, 2), (5, 1))
_LONGEST: Final = 40_000  # words of a paste that are looked through


@dataclass(frozen=True, slots=True)
class IssuerName:
    """``name`` is what a root of ``vendor`` is called, ``signer`` which one, where it tells.

    ``product`` is one that has no profile here: ``vendor`` is then the generic one.
    """

    vendor: Vendor
    signer: Signer | None
    name: str
    line: int
    product: str | None = None


def recognised(lines: Sequence[str], vendors: Sequence[Vendor]) -> IssuerName | None:
    """The product whose root is named in these lines: the longest name that is there."""
    placed = [
        (word.lower(), number)
        for number, line in enumerate(lines, 1)
        for word in _WORD.findall(line)
    ][:_LONGEST]
    if not placed:
        return None
    # Of profiles that share a name the one without a year in its own is today's product.
    vendors = sorted(vendors, key=lambda vendor: len(vendor.id))
    searched, text = _Text(placed), "\n".join(lines)
    names = _names(vendors)
    for name, found in sorted(names.items(), key=lambda each: -len(each[0])):
        at = searched.line_of([word.lower() for word in _WORD.findall(name)])
        if at is None or (_is_brand(name, found) and not _stands_alone(name, placed, text)):
            continue
        vendor = found[0][0]
        signers = {signer for _, signer in found}
        return IssuerName(vendor, signers.pop() if len(signers) == 1 else None, name, at)
    return _brand(lines, vendors) or _without_profile(lines, vendors)


def _without_profile(lines: Sequence[str], vendors: Sequence[Vendor]) -> IssuerName | None:
    """A product that has no profile here, by the name of its authority."""
    generic = next((vendor for vendor in vendors if vendor.id == _GENERIC), None)
    if generic is None:
        return None
    for number, line in enumerate(lines[:_LONGEST], 1):
        if (product := _said_product(line)) is not None:
            return IssuerName(generic, None, product, number, product)
    return None


def _said_product(line: str) -> str | None:
    """The product whose authority is named, or whose authority's name is all there is."""
    said = bool(_AS_ISSUER.search(line))
    for one in BRANDS:
        before = rf"\b{one.attribute} ?= ?|(?i:{_SAID_ISSUER.pattern})\W{{1,4}}"
        named = said and re.search(rf"(?:{before})(?:{one.pattern})", line)
        if named or re.fullmatch(one.bare, line.strip(" \t'\"")):
            return one.product
    return None


def _brand(lines: Sequence[str], vendors: Sequence[Vendor]) -> IssuerName | None:
    """The product whose brand is said to be the issuer, in so many words."""
    for number, line in enumerate(lines[:_LONGEST], 1):
        if _SAID_ISSUER.search(line):
            for vendor in (vendor for vendor in vendors if vendor.roots):
                said = rf"{_SAID_ISSUER.pattern}\W+(?:\w+\W+){{0,6}}?{re.escape(vendor.brand)}\b"
                if re.search(said, line, re.I):
                    return IssuerName(vendor, None, vendor.brand, number)
    return None


def _names(vendors: Sequence[Vendor]) -> dict[str, list[tuple[Vendor, Signer | None]]]:
    """Each telling name of a root, and whose it is; one of common words alone is left out."""
    names: dict[str, list[tuple[Vendor, Signer | None]]] = {}
    for vendor in vendors:
        for kind, name, signer in _attributes(vendor):
            words = {word.lower() for word in _WORD.findall(name)}
            if kind in _TELLING and words - _COMMON:
                names.setdefault(name, []).append((vendor, signer))
    return names


def _attributes(vendor: Vendor) -> Iterator[tuple[str, str, Signer | None]]:
    for signer, root in vendor.roots.items():
        yield from (
            (kind, text.replace("{brand}", vendor.brand), signer) for kind, text in root.subject
        )
    if vendor.intermediate is not None:
        for kind, text in vendor.intermediate.subject:
            yield kind, text.replace("{brand}", vendor.brand), "trusted"
    if vendor.device is not None:
        for kind, text in vendor.device.subject:
            yield kind, text.replace("{brand}", vendor.brand), None


def _is_brand(name: str, found: list[tuple[Vendor, Signer | None]]) -> bool:
    """Whether a name is one that stands in any sentence about the product."""
    return len(_WORD.findall(name)) == 1 and bool(found)


def _stands_alone(name: str, placed: list[tuple[str, int]], text: str) -> bool:
    """Whether a bare brand is said as an issuer: alone, or in a text about a certificate."""
    return len(placed) <= len(_WORD.findall(name)) + 1 or bool(_AS_ISSUER.search(text))


class _Text:
    """The words of a text and where they stand; what is like a word is looked for once."""

    def __init__(self, placed: Sequence[tuple[str, int]]) -> None:
        self.placed = placed
        self._distinct = list({word for word, _ in placed})
        self._like: dict[str, frozenset[str]] = {}

    def line_of(self, name: Sequence[str]) -> int | None:
        """The line where these words stand one behind the other, slips of the pen forgiven."""
        wanted = [self._alike(word) for word in name]
        for start, (first, line) in enumerate(self.placed[: len(self.placed) - len(name) + 1]):
            if first in wanted[0] and all(
                self.placed[start + i][0] in words for i, words in enumerate(wanted)
            ):
                return line
        return None

    def _alike(self, word: str) -> frozenset[str]:
        if word not in self._like:
            slips = next((slips for length, slips in _SLIPS if len(word) >= length), 0)
            found = process.extract_iter(
                word, self._distinct, scorer=OSA.distance, score_cutoff=slips
            )
            self._like[word] = frozenset(other for other, _, _ in found)
        return self._like[word]
