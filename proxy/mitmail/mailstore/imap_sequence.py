"""Sets of message numbers or UIDs: ``1:3,7,12:*`` (RFC 3501 section 9, sequence-set)."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

HIGHEST = 2**32 - 1


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Ranges as the client wrote them; ``None`` is ``*``. Never spelled out in memory."""

    ranges: tuple[tuple[int | None, int | None], ...]

    def resolved(self, last: int) -> "Ranges":
        """The set for a mailbox whose highest number is ``last`` (0: the mailbox is empty)."""
        pairs = [(last if a is None else a, last if b is None else b) for a, b in self.ranges]
        merged: list[tuple[int, int]] = []
        for low, high in sorted((min(pair), max(pair)) for pair in pairs):
            if merged and low <= merged[-1][1] + 1:
                merged[-1] = merged[-1][0], max(high, merged[-1][1])
            else:
                merged.append((low, high))
        return Ranges(tuple(merged))


@dataclass(frozen=True, slots=True)
class Ranges:
    """Ascending ranges without overlap."""

    pairs: tuple[tuple[int, int], ...]

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self.pairs, (number, HIGHEST)) - 1
        return at >= 0 and number <= self.pairs[at][1]

    @property
    def span(self) -> tuple[int, int]:
        """The lowest and the highest number."""
        return self.pairs[0][0], self.pairs[-1][1]


def parse(text: bytes) -> SequenceSet | None:
    """Read a sequence set; None when the text is none, or a number has more than 32 bits."""
    ranges = []
    for part in text.split(b","):
        low, colon, high = part.partition(b":")
        ends = [_number(low), _number(high if colon else low)]
        if -1 in ends:
            return None
        ranges.append((ends[0], ends[1]))
    return SequenceSet(tuple(ranges))


def compact(numbers: Sequence[int]) -> str:
    """Write ascending numbers as a sequence set, as the UIDPLUS codes want them (RFC 4315)."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{low}" if low == high else f"{low}:{high}" for low, high in ranges)


def _number(text: bytes) -> int | None:
    if text == b"*":
        return None
    if not text.isdigit() or len(text) > 10:
        return -1
    number = int(text)
    return number if 1 <= number <= HIGHEST else -1
