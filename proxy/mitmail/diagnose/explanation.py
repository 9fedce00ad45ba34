"""From a pasted text to the causes that it stands for, likeliest first."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from mitmail.diagnose import issuer_name, wording
from mitmail.diagnose.clue import Clue
from mitmail.diagnose.error_code import Codes
from mitmail.diagnose.issuer_name import IssuerName
from mitmail.diagnose.sentence import LIKE, Sentences
from mitmail.errors import MitmailError
from mitmail.scenario import loader
from mitmail.scenario.cause import Case, Cause, Speaker
from mitmail.scenario.product import Signer
from mitmail.scenario.vendor import Vendor

LONGEST: Final = 300_000
"""Characters of a text that are read; a log is longer, its telling lines are not."""
NEAREST: Final = 3

_LETTER: Final = re.compile(r"\w")
_CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----"
_PRIVATE_KEY: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")

# What a clue says for the first, second, ... of its causes, and for one that is alone.
_ALONE: Final = 0.9
_PLACES: Final = (0.75, 0.6, 0.5, 0.4, 0.32, 0.26, 0.2)
_VAGUE: Final = "certificate-refused"  # said by nearly every client before it says what is wrong
_VAGUE_SHARE: Final = 0.4
_MUCH_MORE: Final = 1.5
_LEAST: Final = 0.3  # of the likeliest cause's weight
_BY_SIGNER: Final[Mapping[Signer | None, str]] = {
    None: "antivirus-root",
    "trusted": "antivirus-root",
    "untrusted": "antivirus-untrusted-root",
    "self-signed": "antivirus-self-signed-root",
}
# The causes that every product shows that has such a root; other cases are of one product alone.
_OF_PRODUCT: Final[Mapping[str, Signer]] = {
    "antivirus-root": "trusted",
    "antivirus-reinstalled": "trusted",
    "antivirus-untrusted-root": "untrusted",
    "antivirus-self-signed-root": "self-signed",
}
_BY_ISSUER: Final = 0.97


@dataclass(frozen=True, slots=True)
class Answer:
    """One cause, what in the text points at it, and the cases that show it here."""

    cause: Cause
    clues: tuple[Clue, ...]
    issuer: IssuerName | None
    cases: tuple[Case, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """``answers`` are likeliest first, and empty when the text is not known; ``nearest`` are then
    the topics that come nearest. ``truncated`` says that the text was too long to be read in full,
    ``certificates`` that it holds some, which `mitmail check` looks at.
    """

    answers: tuple[Answer, ...]
    nearest: tuple[Cause, ...]
    issuer: IssuerName | None
    truncated: bool
    certificates: bool


class Explainer:
    """All that is known of texts, loaded once."""

    def __init__(
        self, speakers: Iterable[Speaker], causes: Iterable[Cause], vendors: Iterable[Vendor]
    ) -> None:
        listed = list(speakers)
        self.causes = {cause.id: cause for cause in causes}
        self._vendors = list(vendors)
        self._codes = Codes(listed)
        self._sentences = Sentences(listed)

    @classmethod
    @cache
    def shipped(cls) -> "Explainer":
        """With the files that ship with mitmail; they are read once."""
        return cls(
            (loader.load_speaker(file) for file in loader.speaker_files().values()),
            (loader.load_cause(file) for file in loader.cause_files().values()),
            (loader.load_vendor(file) for file in loader.vendor_files().values()),
        )

    def explain(self, text: str) -> Explanation:
        """What a text stands for. Raises MitmailError where there is none."""
        if _PRIVATE_KEY.search(text):
            raise MitmailError(
                "the text holds a private key: leave it out, and never paste it anywhere"
            )
        lines = wording.lines(text[:LONGEST])
        if not any(_LETTER.search(line) for line in lines):
            raise MitmailError("nothing to explain: type the error's text behind the command")
        sentences = self._sentences.find(lines)
        clues = [*self._codes.find(lines), *(x for x in sentences if x.score >= LIKE)]
        issuer = issuer_name.recognised(lines, self._vendors)
        answers = tuple(self._answers(clues, issuer))
        nearest = () if answers else tuple(self._nearest(sentences))
        certificates = _CERTIFICATE in text
        return Explanation(answers, nearest, issuer, len(text) > LONGEST, certificates)

    def _answers(self, clues: Sequence[Clue], issuer: IssuerName | None) -> Iterator[Answer]:
        doubts: dict[str, float] = defaultdict(lambda: 1.0)
        pointing: dict[str, list[Clue]] = defaultdict(list)
        for clue in _telling(_strongest(clues)):
            for place, cause in enumerate(clue.saying.means):
                doubts[cause] *= 1 - clue.score * _share(cause, place, len(clue.saying.means))
                pointing[cause].append(clue)
        if issuer is not None:
            doubts[_BY_SIGNER[issuer.signer]] *= 1 - _BY_ISSUER
        weights = {cause: 1 - doubt for cause, doubt in doubts.items()}
        for cause, weight in sorted(weights.items(), key=lambda each: -each[1]):
            if weight >= _LEAST * max(weights.values()):
                told = issuer if issuer and _BY_SIGNER[issuer.signer] == cause else None
                found = self.causes[cause]
                cases = tuple(_with_vendor(found, issuer))
                yield Answer(found, tuple(pointing[cause]), told, cases, weight)

    def _nearest(self, sentences: Iterable[Clue]) -> Iterator[Cause]:
        means = (cause for clue in sentences for cause in clue.saying.means[:1])
        common = ("antivirus-root", "wrong-name", "settings-changed")
        for cause in list(dict.fromkeys((*means, *common)))[:NEAREST]:
            yield self.causes[cause]


def _strongest(clues: Iterable[Clue]) -> list[Clue]:
    """For each saying its strongest clue: said three times is not three times as sure."""
    best: dict[int, Clue] = {}
    for clue in clues:
        known = best.get(id(clue.saying))
        if known is None or clue.score > known.score:
            best[id(clue.saying)] = clue
    return sorted(best.values(), key=lambda clue: -clue.score)


def _telling(clues: Sequence[Clue]) -> Iterator[Clue]:
    """All clues but what is only similar, and tells less than what is there in whole.

    What is similar by no words but those of whole sentences tells nothing. What is said of many
    faults is left out where another clue tells which one it is.
    """
    whole = [clue for clue in clues if clue.whole]
    least = max((x.tells for x in whole if not _says_little(x)), default=0.0) * _MUCH_MORE
    said = frozenset[str]().union(*(clue.shared for clue in whole))
    left = [x for x in clues if x.whole or (x.tells > least and not x.shared <= said)]
    certain = [clue for clue in left if not clue.saying.vague]
    return iter(certain if any(x.saying.means[0] != _VAGUE for x in certain) else left)


def _says_little(clue: Clue) -> bool:
    # A vague sentence has words of its own, which other sentences are like; a vague code has none.
    vague_code = clue.saying.vague and math.isinf(clue.tells)
    return vague_code or clue.saying.means[0] == _VAGUE


def _share(cause: str, place: int, among: int) -> float:
    share = _ALONE if among == 1 else _PLACES[min(place, len(_PLACES) - 1)]
    return share * (_VAGUE_SHARE if cause == _VAGUE else 1)


def _with_vendor(cause: Cause, issuer: IssuerName | None) -> Iterator[Case]:
    """The cases, with the product that was recognised where it can play them; each once."""
    seen = set()
    for case in cause.cases:
        if issuer is not None and case.antivirus and _plays(issuer.vendor, cause, case):
            case = case.model_copy(update={"antivirus": issuer.vendor.id})
        if case.command not in seen:
            seen.add(case.command)
            yield case


def _plays(vendor: Vendor, cause: Cause, case: Case) -> bool:
    switched = all(switch in vendor.behaviours for switch in case.switches)
    return _OF_PRODUCT.get(cause.id) in vendor.roots and switched
