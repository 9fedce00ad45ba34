"""The words that known sentences are made of, and how much each of them tells."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA

from mitmail.diagnose import wording

# Letters that may be wrong, by the length of the word.
_SLIPS: Final = ((9, 2), (5, 1))
_MOST_MENDED: Final = 4000  # different words; what a log has more of is not written by hand


class Lexicon:
    """``sentences`` are those that are known; the rarer a word in them, the more it tells."""

    def __init__(self, sentences: Iterable[str]) -> None:
        listed = [list(wording.words(sentence)) for sentence in sentences]
        self._words = {word for sentence in listed for word in sentence}
        stems = [{wording.stem(word) for word in sentence} for sentence in listed]
        counts = Counter(word for sentence in stems for word in sentence)
        self._weights = {x: math.log((len(stems) + 1) / (n + 0.5)) for x, n in counts.items()}
        self._seen: dict[str, str] = {}

    @cached_property
    def unknown(self) -> float:
        """The weight of a word that no known sentence has."""
        return math.log(len(self._weights) + 1) / 2

    def knows(self, word: str) -> bool:
        """Whether any known sentence has this word."""
        return word in self._weights

    def weight(self, word: str) -> float:
        """How much a word tells, in natural logarithms."""
        return self._weights.get(word, self.unknown)

    def weigh(self, words: Iterable[str]) -> float:
        """How much several words tell."""
        return sum(self.weight(word) for word in words)

    def read(self, line: str) -> list[str]:
        """The words of a line without their endings, slips of the pen mended."""
        return [self._read(word) for word in wording.words(line)]

    def _read(self, word: str) -> str:
        if word not in self._seen:
            self._seen[word] = self._mended(word)
        return self._seen[word]

    def _mended(self, word: str) -> str:
        stem = wording.stem(word)
        if stem in self._weights or word in self._words:
            return stem
        slips = next((slips for length, slips in _SLIPS if len(word) >= length), 0)
        if not slips or len(self._seen) > _MOST_MENDED:
            return stem
        near = process.extractOne(word, self._sorted, scorer=OSA.distance, score_cutoff=slips)
        return wording.stem(near[0]) if near else stem

    @cached_property
    def _sorted(self) -> Sequence[str]:
        return sorted(self._words)
