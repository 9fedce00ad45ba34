"""A scenario with the shape of what a server presented: its own keys, nobody's names."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from mitmail.diagnose.alias import Alias
from mitmail.diagnose.arrangement import Arrangement, arrange
from mitmail.diagnose.level import level
from mitmail.diagnose.presented import Presented
from mitmail.diagnose.reference_name import reference_name
from mitmail.diagnose.specimen import Specimen, read
from mitmail.diagnose.stapled import stapled
from mitmail.diagnose.trait import Said, traits
from mitmail.errors import MitmailError
from mitmail.pki import der
from mitmail.pki.extension import OID
from mitmail.scenario.certificate import Certificate
from mitmail.scenario.fault import faults
from mitmail.scenario.hostname import CUSTOMER
from mitmail.scenario.model import Scenario, ScenarioFile
from mitmail.scenario.reference import INTERMEDIATE, LEAF, ROOT, SELF, UNRELATED
from mitmail.scenario.server import Server

LARGEST: Final = 100  # certificates: what a server sends beyond that, no client reads
RULE: Final = "RFC 5280 section 6, RFC 9525 section 6"
_LINKS: Final[tuple[str, ...]] = ("issuer", "namesake", "same_key")
_CA: Final = "ca"
_FIRST_YEAR, _LAST_YEAR = 1000, 8999  # offsets of a thousand years either way are still dates
_FEW: Final = 4  # reasons that fit into a title


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """``document`` is the scenario file as plain data, ``scenario`` the same, loaded.

    ``assumed`` says in sentences what was taken for granted, ``lost`` what could not be copied,
    each beginning with the certificate's place. ``name`` is what the client is told to use.
    """

    document: dict[str, Any]
    scenario: Scenario
    name: str
    assumed: tuple[str, ...]
    lost: tuple[str, ...]


def replica(presented: Presented, roots: Sequence[bytes] = (), *, exact: bool = False) -> Replica:
    """Copy the shape of what a server presented into a scenario.

    Copied: which certificates are sent and in what order, who signed them and how, dates relative
    to ``presented.at``, kinds of keys, digests, versions, odd serial numbers, extensions, and
    what is broken in them. Not copied: keys, ordinary serial numbers, what CAs are called, and
    the addresses of others (AIA, CRLs, policies, SCTs). Host names become test names of the same
    form, mail addresses ``someone``'s, an organisation ``Customer``; ``exact`` keeps names as
    they are. Certificates are copied as if they were ours: no key of the customer is needed.

    ``roots`` (DER) is what the customer's client trusts. Without them, the root that the chain
    leads to is taken to be trusted, and to be good where it was not sent. Raises MitmailError for
    what is broken in a way that no scenario file can say.
    """
    if not _FIRST_YEAR <= presented.at.year <= _LAST_YEAR:
        raise MitmailError(
            f"{presented.source}: the year {presented.at.year} is out of range: say when it was "
            "seen, as --at 2026-03-01T12:00Z"
        )
    chain = _read(presented)
    if not chain:
        return _finished({"chain": []}, CUSTOMER, (), ())
    trusted = [read(each, f"root {i}") for i, each in enumerate(roots, 1)]
    try:
        return _copied(presented, chain, trusted, exact=exact)
    except (der.DerError, UnicodeError) as error:
        raise MitmailError(
            f"{presented.source} cannot be copied: the encoding of a certificate is broken in a "
            f"way that no scenario file can say ({error})"
        ) from error


def _copied(
    presented: Presented, chain: list[Specimen], roots: list[Specimen], *, exact: bool
) -> Replica:
    name = reference_name(presented.name, chain[0])
    alias = Alias(name, exact=exact)
    if not presented.is_whole:
        presented, chain = _below_the_gap(presented, chain, roots)
    builder = _Builder(chain, roots, alias, presented.at)
    server = builder.server(only_leaf=presented.only_leaf)
    assumed = _assumed(presented, builder.made, roots)
    if presented.staple is not None:
        server |= builder.staple(presented.staple)
    elif presented.port is None and server.get("leaf", {}).get("must_staple"):
        server["staple"] = {}
        assumed.append("Whether it staples an OCSP response is not known: it is taken to do so.")
    return _finished(server, alias.client, tuple(assumed), tuple(builder.lost))


def _read(presented: Presented) -> list[Specimen]:
    if len(presented.chain) > LARGEST:
        raise MitmailError(
            f"{presented.source} holds {len(presented.chain)} certificates: at most {LARGEST} are "
            "copied"
        )
    return [
        read(each, f"certificate {i}" if i > 1 else "the server's certificate")
        for i, each in enumerate(presented.chain, 1)
    ]


def _below_the_gap(
    presented: Presented, chain: list[Specimen], roots: list[Specimen]
) -> tuple[Presented, list[Specimen]]:
    """What leads up from the leaf, where a text lacks what is next: it may have been sent."""
    made = arrange(chain, roots)
    if not made.absent or made.found[made.path[-1]].parsed is None:
        return presented, chain
    known = [one for one, index in zip(chain, made.sent, strict=True) if index in made.path]
    ders = tuple(one.der for one in known)
    return replace(presented, chain=ders, only_leaf=len(ders) == 1), known


class _Builder:
    def __init__(
        self, chain: list[Specimen], roots: list[Specimen], alias: Alias, at: datetime
    ) -> None:
        self.made: Arrangement = arrange(chain, roots)
        self.alias = alias
        self.at = at
        self.lost: list[str] = []

    def server(self, *, only_leaf: bool) -> Said:
        """The server as plain data; what is as in a good one is left out."""
        between = self.made.between
        said = self._as_depth(len(between)) if len(between) > 1 else None
        said = self._one_by_one(len(between)) if said is None else said
        self._spare_unrelated(said)
        return said | self._sent_and_trusted(said, only_leaf=only_leaf)

    def staple(self, response: bytes) -> Said:
        """What is said of an OCSP response; a good one needs saying only where one is demanded."""
        leaf, above = self.made.found[0], self.made.issuers[0].index
        issuer = None if above is None else self.made.found[above].fields.spki
        said = None if leaf.parsed is None else stapled(response, leaf, issuer, self.at)
        if said is None:
            self.lost.append("the OCSP response (a good one stands in for it)")
        return {"staple": said or {}}

    def _as_depth(self, count: int) -> Said | None:
        """With one description for all intermediate CAs, where one does."""
        numbered = [f"{INTERMEDIATE}-{n}" for n in range(2, count + 1)]
        names = [INTERMEDIATE, *numbered]
        self.made.place(names)
        for explicit in (False, True):
            found = self._described({"depth": count}, explicit=explicit)
            said = [found.pop(name, {}) for name in names]
            if all(each == said[0] for each in said) and said[0].get("issuer") is None:
                shared = {INTERMEDIATE: said[0]} if said[0] else {}
                return {"depth": count} | _grouped(found | shared)
        return None

    def _one_by_one(self, count: int) -> Said:
        names = [INTERMEDIATE, *(f"{_CA}-{n}" for n in range(2, count + 1))][:count]
        if count and self._is_unlimited(self.made.between[0]):
            names[0] = f"{_CA}-1" if count > 1 else _CA
        self.made.place(names)
        return _grouped(self._described({}))

    def _is_unlimited(self, index: int) -> bool:
        # A good intermediate has a path length, and no field takes it away.
        parsed = self.made.found[index].fields
        found = parsed.extension(OID["bc"])
        return found is not None and found.value.hex() == "30030101ff"

    def _described(self, frame: Said, *, explicit: bool = False) -> dict[str, Said]:
        """What is said of each place; ``explicit``: path lengths even where they are usual."""
        self.lost = []
        places = self.made.places
        links = {place: self._links(index) for index, place in places.items()}
        server = _server(frame | _grouped(self._framed(links)))
        described = {}
        for index, place in places.items():
            good = server.certificates[place]
            if explicit:
                good = good.model_copy(update={"path_length": None})
            said = self._traits(index, place, good)
            described[place] = _merged(links[place], said)
        return {place: said for place, said in described.items() if said or place not in _FIXED}

    def _framed(self, links: dict[str, Said]) -> dict[str, Said]:
        """The links alone, with the kind of the leaf's key, on which its usual usage depends."""
        framed = {
            place: {key: said[key] for key in _LINKS if key in said}
            for place, said in links.items()
        }
        one = self.made.found[0]
        if one.parsed is not None and LEAF in framed:
            said = self._traits(0, LEAF, Certificate())
            framed[LEAF] |= {key: said[key] for key in ("key",) if key in said}
        numbered = [place for place in framed if place.startswith(f"{INTERMEDIATE}-")]
        return {place: said for place, said in framed.items() if place not in numbered}

    def _links(self, index: int) -> Said:
        links = self.made.links(index)
        place = self.made.places[index]
        usual = _usual_issuer(place, self.made.places)
        return {key: x for key, x in links.items() if (key, x) != ("issuer", usual)}

    def _traits(self, index: int, place: str, good: Certificate) -> Said:
        one = self.made.found[index]
        own = self.made.issuers[index].index == index
        found = traits(one, good, self.alias, self.at, leaf=index == 0, selfsigned=own)
        self.lost += [x for each in found.lost if (x := f"{place}: {each}") not in self.lost]
        return found.said

    def _spare_unrelated(self, said: Said) -> None:
        """A good root that has to do with nothing here needs no description."""
        more = said.get("more", {})
        named = {str(x.get("issuer")) for x in more.values()} | set(said.get("trust", ()))
        for index, place in list(self.made.places.items()):
            if more.get(place) == {} and place not in named and index not in self.made.trusted:
                self.made.places[index] = UNRELATED
                del more[place]
                break
        if not more:
            said.pop("more", None)

    def _sent_and_trusted(self, said: Said, *, only_leaf: bool) -> Said:
        made = self.made
        found: Said = {}
        sent = [made.places[index] for index in made.sent]
        if not only_leaf and tuple(sent) != _server(said).sent:
            found["chain"] = sent
        trust = [made.places[index] for index in made.trusted]
        if made.unknown_root:
            trust = [UNRELATED]
        if trust and trust != [ROOT]:
            found["trust"] = trust
        return found


_FIXED: Final = {LEAF, INTERMEDIATE, ROOT}


def _usual_issuer(place: str, places: dict[int, str]) -> str:
    if place == LEAF:
        return INTERMEDIATE
    if place == INTERMEDIATE or place.startswith(f"{INTERMEDIATE}-"):
        number = int(place.rpartition("-")[2]) if "-" in place else 1
        above = f"{INTERMEDIATE}-{number + 1}"
        return above if above in places.values() else ROOT
    return SELF


def _merged(links: Said, said: Said) -> Said:
    merged = links | said
    if "raw" in links and "raw" in said:
        merged["raw"] = links["raw"] | said["raw"]
    if "damage" in links and said.get("damage") is None:
        merged["damage"] = links["damage"]
    if "namesake" in merged:
        merged = {key: x for key, x in merged.items() if key not in {"subject", "common_name"}}
    return merged


def _grouped(described: dict[str, Said]) -> Said:
    fixed = {place: said for place, said in described.items() if place in _FIXED and said}
    more = {place: said for place, said in described.items() if place not in _FIXED}
    return fixed | ({"more": more} if more else {})


def _assumed(presented: Presented, made: Arrangement, roots: Sequence[Specimen]) -> list[str]:
    found = []
    own = made.issuers[0].index == 0
    if presented.name is None:
        found.append("The host name is not known: the certificate's own name is taken for it.")
    if presented.only_leaf and not own:
        found.append("Only the first certificate is known: the others are taken to be good.")
    elif presented.listed is not None and presented.listed > len(presented.chain):
        found.append(
            f"The listing shows {presented.listed} certificates, and {len(presented.chain)} are "
            "known: the others are taken to be good."
        )
    elif presented.is_saved and not own:
        found.append("The text has no listing: the server is taken to send what is in it.")
    elif INTERMEDIATE in made.absent and len(made.sent) == 1:
        found.append("Its issuer was not sent: it is taken to be an intermediate CA.")
    if roots:
        return found
    if own:
        found.append("It is signed by its own key, and nobody is taken to trust it.")
    elif ROOT in made.places.values():
        found.append("The root that was sent is taken to be trusted.")
    else:
        found.append("The root was not sent: it is taken to be good and trusted.")
    return found


def _finished(server: Said, name: str, assumed: tuple[str, ...], lost: tuple[str, ...]) -> Replica:
    document: Said = {"title": "?", "why": "?.", "rule": RULE}
    if server:
        document["server"] = server
    if name != CUSTOMER:
        document["connect_as"] = name
    document["expect"] = {"verdict": "accept"}
    wrong = faults(_scenario(document), name)
    reasons = sorted({reason for fault in wrong for reason in fault.reasons})
    if reasons:
        document["expect"] = {"verdict": "reject", "reasons": reasons}
    strict = level(_server(server), wrong, name)
    if strict != "must":
        document["expect"]["level"] = strict
    document["title"] = _title(reasons)
    document["why"] = " ".join(
        ["A customer's server showed certificates of this shape.", *assumed]
    )
    return Replica(
        document=document, scenario=_scenario(document), name=name, assumed=assumed, lost=lost
    )


def _title(reasons: Sequence[str]) -> str:
    said = ", ".join(reasons[:_FEW]) + (" and more" if len(reasons) > _FEW else "")
    return f"A customer's server: {said or 'nothing is wrong'}"


def _scenario(document: Said) -> Scenario:
    try:
        said = ScenarioFile.model_validate(document)
    except ValueError as error:
        raise _unsayable(error) from None
    return Scenario.model_construct(**dict(said), id="clone", group="", file="")


def _server(said: Said) -> Server:
    try:
        return Server.model_validate(said)
    except ValueError as error:
        raise _unsayable(error) from None


def _unsayable(error: ValueError) -> MitmailError:
    place, words = [*str(error).splitlines(), "", ""][1:3]
    said = " ".join(words.partition("[")[0].split())
    return MitmailError(f"this cannot be copied, as no scenario file can say it: {place}: {said}")
