"""The places of a scenario's certificates, found for those that a server sent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mitmail.diagnose.kinship import Issuer, issuer, same_name, signed_by
from mitmail.diagnose.specimen import Specimen
from mitmail.pki import der
from mitmail.scenario.reference import INTERMEDIATE, LEAF, ROOT, SELF, UNRELATED

STRANGER: Final = {"O": "mitmail", "CN": "another CA"}
_NO_NAME: Final = der.sequence()

type Links = dict[str, Any]


@dataclass
class Arrangement:
    """``places`` are the names in the file of the certificates at hand, by their index.

    ``sent`` and ``trusted`` are indexes. ``path`` are those from the leaf upwards. ``absent`` are
    the issuers' names (DER) that lead to nobody here, by the place that is kept free for them.
    ``unknown_root``: what was said to be trusted has nothing to do with any of these.
    """

    found: list[Specimen]
    sent: list[int]
    trusted: list[int]
    issuers: list[Issuer]
    path: list[int] = field(default_factory=list)
    places: dict[int, str] = field(default_factory=dict)
    absent: dict[str, bytes] = field(default_factory=dict)
    unknown_root: bool = False

    @property
    def between(self) -> list[int]:
        """The intermediate CAs on the path, the leaf's issuer first."""
        return [i for i in self.path[1:] if self.places.get(i) != ROOT]

    def place(self, between: Sequence[str]) -> None:
        """Give every certificate its place; the intermediate CAs get these names."""
        names = dict(zip(self.between, between, strict=True))
        self.places = {i: x for i, x in self.places.items() if x in {LEAF, ROOT}} | names
        extras = (i for i in range(len(self.found)) if i not in self.places)
        for i in extras:
            word = "other" if i in self.sent else "also-trusted"
            taken = sum(x.startswith(word) for x in self.places.values())
            self.places[i] = f"{word}-{taken + 1}" if taken else word

    def links(self, index: int) -> Links:
        """What ties a certificate to others: its issuer, whose name and key it shares, and how."""
        one, above = self.found[index], self.issuers[index]
        if one.parsed is None:
            return self._unread(index)
        links: Links = {"issuer": self._issuer(index)}
        if above.proof == "named" and one.damage is None:
            links["damage"] = "signature-bit"
        if above.index is not None and above.proof != "namesake":
            links |= self._of_issuer(one, self.found[above.index])
        if index == 0:
            return links
        if (other := self._namesake(index)) is not None:
            links["namesake"] = other
        if (other := self._same_key(index)) is not None:
            links["same_key"] = other
        return links

    def _unread(self, index: int) -> Links:
        above = self.path[1] if index == 0 and len(self.path) > 1 else None
        return {} if above is None else {"issuer": self.places[above]}

    def _issuer(self, index: int) -> str:
        above = self.issuers[index]
        if above.index == index:
            return SELF
        if above.index is not None and above.proof != "namesake":
            return self.places[above.index]
        wanted = self.found[index].fields.issuer
        known = (place for place, name in self.absent.items() if same_name(name, wanted))
        return next(known, UNRELATED)

    def _of_issuer(self, one: Specimen, above: Specimen) -> Links:
        wanted, subject = one.fields.issuer, above.fields.subject
        if not same_name(wanted, subject):
            return {"issuer_name": STRANGER} | _identifier(one, above)
        written = _string(wanted)
        if wanted != subject and written != _string(subject):
            return {"issuer_string": written} | _identifier(one, above)
        return _identifier(one, above)

    def _namesake(self, index: int) -> str | None:
        subject = self.found[index].fields.subject
        if subject == _NO_NAME:
            return None
        for place, name in self.absent.items():
            if same_name(name, subject):
                return place
        return next(
            (self.places[i] for i in self._before(index)
             if same_name(self.found[i].fields.subject, subject)), None
        )  # fmt: skip

    def _same_key(self, index: int) -> str | None:
        spki = self.found[index].fields.spki
        return next(
            (self.places[i] for i in self._before(index) if self.found[i].fields.spki == spki),
            None,
        )

    def _before(self, index: int) -> list[int]:
        # Whose name and key others share: the root, then down the path, then the others.
        order = [*reversed(self.path), *(i for i in self.places if i not in self.path)]
        order = sorted(order, key=lambda i: self.places[i] != ROOT)
        readable = [i for i in order if self.found[i].parsed is not None]
        return readable[: readable.index(index)]


def arrange(chain: Sequence[Specimen], roots: Sequence[Specimen]) -> Arrangement:
    """Find a place for everything that was sent, and for what it has to do with the roots."""
    found = list({one.der: one for one in chain}.values())
    index = {one.der: i for i, one in enumerate(found)}
    sent = [index[one.der] for one in chain]
    for one in _related(found, roots):
        index[one.der] = len(found)
        found.append(one)
    trusted = [index[one.der] for one in roots if one.der in index]
    known = frozenset(trusted)
    issuers = [issuer(found, i, known) for i in range(len(found))]
    made = Arrangement(found, sent, list(dict.fromkeys(trusted)), issuers)
    _climb(made)
    _set_up(made, roots)
    return made


def _related(found: Sequence[Specimen], roots: Iterable[Specimen]) -> list[Specimen]:
    """The roots that signed something of this, or whose name or key is in it."""
    at_hand = {one.der for one in found}
    left = [one for one in roots if one.der not in at_hand and one.parsed is not None]
    related: list[Specimen] = []
    while True:
        known = [one for one in (*found, *related) if one.parsed is not None]
        more = [one for one in left if any(_concerns(one, each) for each in known)]
        if not more:
            return related
        related += more
        left = [one for one in left if one not in more]


def _concerns(root: Specimen, one: Specimen) -> bool:
    return (
        root.fields.spki == one.fields.spki
        or same_name(root.fields.subject, one.fields.issuer)
        or signed_by(one, root.fields.spki) is True
    )


def _climb(made: Arrangement) -> None:
    made.path = [0]
    if made.found[0].parsed is None and len(set(made.sent)) > 1:
        # Nobody can read who issued it: the next one that was sent is meant to have.
        made.path.append(next(i for i in made.sent if i != 0))
    while True:
        above = made.issuers[made.path[-1]]
        if above.index is None or above.proof == "namesake" or above.index in made.path:
            return
        made.path.append(above.index)


def _set_up(made: Arrangement, roots: Sequence[Specimen]) -> None:
    made.places = {0: LEAF}
    last = made.path[-1]
    above = made.issuers[last]
    if above.index == last:
        if last != 0:
            made.places[last] = ROOT
            made.unknown_root = bool(roots) and not made.trusted
            return
    elif made.found[last].parsed is not None:
        stale = above.proof == "namesake" and above.index in made.trusted
        direct = last == 0 and not stale
        made.absent[INTERMEDIATE if direct else ROOT] = made.found[last].fields.issuer
        made.unknown_root = bool(roots) and not made.trusted and not direct
    if ROOT not in made.absent:
        _find_root(made, roots)


def _find_root(made: Arrangement, roots: Sequence[Specimen]) -> None:
    # The place above a missing intermediate: for what is trusted and has no other one.
    if not made.trusted and len(roots) == 1 and made.absent and roots[0].parsed is not None:
        made.trusted.append(len(made.found))
        made.found.append(roots[0])
        made.issuers.append(Issuer(len(made.found) - 1, "signed"))
    free = (
        i
        for i in made.trusted
        if i != 0
        and made.found[i].parsed is not None
        and made.issuers[i].index == i
        and not any(same_name(made.found[i].fields.subject, x) for x in made.absent.values())
    )
    first = next(free, None)
    if first is not None:
        made.places[first] = ROOT


def _identifier(one: Specimen, above: Specimen) -> Links:
    said, due = one.issuer_key_id, above.key_id
    if said is None or due is None or said == due:
        return {}
    value = der.sequence(der.context(0, said, constructed=False))
    return {"raw": {"aki": value.hex()}}


def _string(name: bytes) -> str:
    """How a name's texts are written, by the first one whose string type is free to choose."""
    for rdn in der.children(der.read(name).content):
        for pair in der.children(rdn.content):
            oid, value = der.children(pair.content)
            if der.to_oid(oid) not in {"2.5.4.6", "2.5.4.5", "1.2.840.113549.1.9.1"}:
                return "printable" if value.tag == der.PRINTABLE_STRING else "utf8"
    return "utf8"
