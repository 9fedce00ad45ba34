"""Known sentences in a text: whole ones, parts of them, and what is said in similar words."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mitmail.diagnose import setting, trouble, wording
from mitmail.diagnose.clue import WHOLE, Clue, Likeness
from mitmail.diagnose.lexicon import Lexicon
from mitmail.scenario.cause import Saying, Speaker

WINDOW: Final = 40
"""Words that are looked at together: longer than any sentence, shorter than a page."""
STRIDE: Final = 15
LIKE: Final = 0.55
"""The least likeness of what is taken for a known sentence."""
TELLS: Final = 7.5
"""How much the words in common have to tell, where a sentence is not there in whole."""
# Something of ours has to be in both, where two sentences are only similar: a printer's connection
# can be "denied" as well, and an attachment be "larger than the maximum".
ABOUT: Final = frozenset(map(wording.stem, (
    "certificate", "tls", "starttls", "handshake", "x509", "peer", "issuer", "root", "authority",
    "trusted", "trust", "intermediate", "revoked", "encryption", "secure", "security",
    "exception", "antivirus", "norton", "kaspersky", "avast", "avg", "eset", "thunderbird",
    "outlook", "imaplib", "poplib", "smtplib", "protocol", "algorithm", "cipher", "25", "110",
    "143", "465", "563", "587", "993", "995", "revocation", "principal",
)))  # fmt: skip
QUOTED: Final = 4
"""The fewest words of a quotation that is a part of a sentence."""
_PART: Final = 0.95
_MOST_TIMES: Final = 30  # that one sentence is looked for: a log says it a thousand times
_MOST_WINDOWS: Final = 6000
_SENTENCES: Final = re.compile(r"(?<=[.!?])\s+")
_MIXED: Final = 0.7  # the share of what one side has in whole; the rest is what both have in all


@dataclass(frozen=True, slots=True)
class _Known:
    words: str
    stream: tuple[str, ...]
    bag: frozenset[str]
    tells: float
    troubles: frozenset[str]
    literal: str
    saying: Saying
    speaker: Speaker


@dataclass(frozen=True, slots=True)
class _Line:
    words: list[str]
    troubles: frozenset[str]


type _Placed = Sequence[tuple[str, int]]


class Sentences:
    """The sentences that speakers say."""

    def __init__(self, speakers: Iterable[Speaker]) -> None:
        said = [
            (text, x, speaker) for speaker in speakers for x in speaker.says for text in x.texts
        ]
        self._lexicon = Lexicon(text for text, _, _ in said)
        self._known = [self._read(*each) for each in said]
        self._with: dict[str, list[int]] = defaultdict(list)
        for index, known in enumerate(self._known):
            for word in known.bag:
                self._with[word].append(index)

    def _read(self, text: str, saying: Saying, speaker: Speaker) -> _Known:
        stream = tuple(self._lexicon.read(text))
        bag = frozenset(stream)
        return _Known(
            text, stream, bag, self._lexicon.weigh(bag), wording.troubles(text),
            wording.literal(text), saying, speaker,
        )  # fmt: skip

    def find(self, lines: Sequence[str]) -> list[Clue]:
        """What is like a known sentence, the most alike first; also what is too little alike."""
        read = [_Line(self._lexicon.read(line), wording.troubles(line)) for line in lines]
        placed = [(word, number) for number, line in enumerate(read, 1) for word in line.words]
        literal = " ".join(map(wording.literal, lines))
        best: dict[int, Clue] = {}
        parts = (*self._whole(placed, literal), *self._quoted(read), *self._alike(read, placed))
        for index, clue in parts:
            if index not in best or clue.score > best[index].score:
                best[index] = clue
        return sorted(best.values(), key=lambda clue: -clue.score)

    def _whole(self, placed: _Placed, literal: str) -> Iterator[tuple[int, Clue]]:
        text = f" {' '.join(word for word, _ in placed)} "
        found = []
        for index, known in enumerate(self._known):
            sought = f" {' '.join(known.stream)} "
            start = text.find(sought) if len(known.stream) > 1 else -1
            for _ in range(_MOST_TIMES):
                if start < 0:
                    break
                first = text.count(" ", 0, start)
                found.append((first, first + len(known.stream), index))
                start = text.find(sought, start + 1)
        for first, last, index in found:
            # "self-signed certificate" says nothing of its own within "... in certificate chain".
            if not any(a <= first and last <= b and (a, b) != (first, last) for a, b, _ in found):
                known = self._known[index]
                verbatim = f" {known.literal} " in f" {literal} "
                yield index, self._clue(
                    index, placed[first][1], WHOLE, known.bag,
                    likeness="exact" if verbatim else "similar",
                )  # fmt: skip

    def _quoted(self, read: Sequence[_Line]) -> Iterator[tuple[int, Clue]]:
        """Lines that are a part of a known sentence, word for word."""
        seen: set[tuple[str, ...]] = set()
        for number, (words, troubles) in enumerate(((x.words, x.troubles) for x in read), 1):
            if len(words) < QUOTED or tuple(words) in seen:
                continue
            seen.add(tuple(words))
            line = f" {' '.join(words)} "
            for index in self._with.get(words[0], ()):
                known = self._known[index]
                if line in f" {' '.join(known.stream)} " and not self._halved(
                    line, known.words, troubles
                ):
                    yield index, self._clue(index, number, _PART, frozenset(words))

    def _halved(self, line: str, words: str, troubles: frozenset[str]) -> bool:
        """Whether a quotation is the half of a sentence that does not say what is wrong."""
        return any(
            line in f" {' '.join(self._lexicon.read(each))} "
            and trouble.missing(wording.troubles(each), troubles)
            for each in _SENTENCES.split(words)
        )

    def _alike(self, read: Sequence[_Line], placed: _Placed) -> Iterator[tuple[int, Clue]]:
        best: dict[int, tuple[float, int, frozenset[str]]] = {}
        seen: set[tuple[frozenset[str], frozenset[str]]] = set()
        for number, bag, troubles in _windows(read, placed):
            if (bag, troubles) in seen:
                continue
            seen.add((bag, troubles))
            if len(seen) > _MOST_WINDOWS:
                break
            told = self._lexicon.weigh(bag)
            for index, common in self._shared(bag).items():
                known = self._known[index]
                score = _score(common, known.tells, told)
                if score <= best.get(index, (0.0,))[0]:
                    continue
                other = setting.differs(known.bag, bag)
                if not other and not trouble.missing(known.troubles, troubles):
                    best[index] = (score, number, bag & known.bag)
        for index, (score, number, shared) in best.items():
            yield index, self._clue(index, number, score, shared)

    def _shared(self, bag: frozenset[str]) -> dict[int, float]:
        shared: dict[int, float] = defaultdict(float)
        for word in bag:
            for index in self._with.get(word, ()):
                shared[index] += self._lexicon.weight(word)
        ours = bag & ABOUT
        return {index: told for index, told in shared.items() if ours & self._known[index].bag}

    def _clue(
        self, index: int, line: int, score: float, shared: frozenset[str],
        *, likeness: Likeness = "similar",
    ) -> Clue:  # fmt: skip
        known = self._known[index]
        return Clue(
            speaker=known.speaker, saying=known.saying, words=known.words, line=line, score=score,
            tells=self._lexicon.weigh(shared), likeness=likeness, shared=shared,
        )  # fmt: skip


def _windows(
    read: Sequence[_Line], placed: _Placed
) -> Iterator[tuple[int, frozenset[str], frozenset[str]]]:
    """Each line by itself, and what stands together across lines: number, words, troubles."""
    for number, line in enumerate(read, 1):
        if 0 < len(line.words) <= WINDOW:
            yield number, frozenset(line.words), line.troubles
    for start in range(0, max(1, len(placed) - STRIDE), STRIDE):
        if part := placed[start : start + WINDOW]:
            troubles = (read[number - 1].troubles for _, number in part)
            yield part[0][1], frozenset(word for word, _ in part), frozenset().union(*troubles)


def _score(common: float, known: float, told: float) -> float:
    """How alike two bags of words are; little when they have too little in common."""
    part = common / min(known, told)
    both = 2 * common / (known + told)
    return min(0.99, (_MIXED * part + (1 - _MIXED) * both) * min(1.0, common / TELLS))
