"""Names and numbers of errors in a text."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA

from mitmail.diagnose.clue import WHOLE, Clue
from mitmail.scenario.cause import Saying, Speaker

_HEX: Final = re.compile(
    r"(?<![0-9a-zA-Z])(?:0x)?([89a-f][0-9a-f]{7})(?:u?l{0,2})(?![0-9a-zA-Z])", re.I
)  # as C writes it, too: 0x800B010FL
# Windows' numbers as other programs print them: -2146762481 and 2148204815 are 0x800B010F.
_DECIMAL: Final = re.compile(r"(?<![\w.+-])(-[12]\d{9}|[2-4]\d{9})(?![\w-])")
_TOKEN: Final = re.compile(r"\b[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+\b")
_LONG: Final = 12  # a shorter name with a slip of the pen could be another one
_SLIPS: Final = 2
_PARTS: Final = 3  # fewer, and their words stand in everyday sentences


class Codes:
    """The codes that speakers say; a number in hexadecimal is never guessed."""

    def __init__(self, speakers: Iterable[Speaker]) -> None:
        self._said = [
            (code, saying, speaker)
            for speaker in speakers for saying in speaker.says for code in saying.codes
        ]  # fmt: skip
        self._numbers = [
            (re.compile(pattern, re.I), _by_number(speaker), speaker)
            for speaker in speakers for pattern in speaker.numbers
        ]  # fmt: skip

    @cached_property
    def _known(self) -> Mapping[str, tuple[str, Saying, Speaker]]:
        return {_folded(code): (code, saying, speaker) for code, saying, speaker in self._said}

    @cached_property
    def _names(self) -> re.Pattern[str]:
        names = sorted((x for x in self._known if not x.startswith("0X")), key=len, reverse=True)
        return re.compile(
            rf"(?<![A-Za-z0-9_])(?:{'|'.join(map(_pattern, names))})(?![A-Za-z0-9_])", re.I
        )

    @cached_property
    def _mistakable(self) -> Sequence[str]:
        return [name for name in self._known if len(name) >= _LONG and "_" in name]

    def find(self, lines: Sequence[str]) -> Iterator[Clue]:
        """Every code in these lines, in their order."""
        for number, line in enumerate(lines, 1):
            for words, saying, speaker in (*self._named(line), *self._numbered(line)):
                yield Clue(
                    speaker=speaker, saying=saying, words=words, line=number,
                    score=WHOLE, tells=math.inf, likeness="exact",
                )  # fmt: skip

    def _named(self, line: str) -> Iterator[tuple[str, Saying, Speaker]]:
        return (self._known[code] for code in self._in(line))

    def _numbered(self, line: str) -> Iterator[tuple[str, Saying, Speaker]]:
        for pattern, said, speaker in self._numbers:
            for match in pattern.finditer(line):
                if saying := said.get(int(match[1])):
                    yield match[0].strip(), saying, speaker

    def _in(self, line: str) -> Iterator[str]:
        for match in self._names.finditer(line):
            yield _folded(match[0])
        for match in _HEX.finditer(line):
            if (code := f"0X{match[1].upper()}") in self._known:
                yield code
        for match in _DECIMAL.finditer(line):
            if (code := f"0X{int(match[1]) % (1 << 32):08X}") in self._known:
                yield code
        for token in _TOKEN.findall(line):
            name = token.upper()
            if len(name) >= _LONG and name not in self._known:
                near = process.extract(
                    name, self._mistakable, scorer=OSA.distance, score_cutoff=_SLIPS, limit=2
                )
                # Two as near as each other: which one was meant cannot be told.
                if near and (len(near) == 1 or near[0][1] < near[1][1]):
                    yield near[0][0]


def _by_number(speaker: Speaker) -> Mapping[int, Saying]:
    return {number: saying for saying in speaker.says for number in saying.numbers}


def _folded(code: str) -> str:
    return re.sub(r"[\s_:-]+", "_", code.upper())


def _pattern(name: str) -> str:
    parts = name.split("_")
    return (r":?[\s_-]" if len(parts) >= _PARTS else "_").join(map(re.escape, parts))
