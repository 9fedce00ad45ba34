"""What ``openssl s_client`` lists in a text: what a server sent, whatever the text holds of it."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

_ENTRY: Final = re.compile(r"^(\d{1,3}) s:(.*)$", re.MULTILINE)
_END: Final = re.compile(r"^(?:---|Server certificate)$", re.MULTILINE)
NEAR: Final = 99  # characters: an empty line or two
_SERVER: Final = re.compile(r"^Server certificate$", re.MULTILINE)


class Block(NamedTuple):
    """A certificate (DER), and where in the text its block begins."""

    offset: int
    der: bytes


class Sorted(NamedTuple):
    """The certificates that a listing accounts for, and those that it does not.

    ``whole``: the listing is all there, and so is each certificate that it shows. Without the
    server's own it accounts for none.
    """

    sent: tuple[bytes, ...]
    besides: tuple[bytes, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """The entries of one listing, the first the server's own, and where they stand."""

    numbers: tuple[int, ...]
    subjects: tuple[str, ...]
    starts: tuple[int, ...]
    end: int | None
    server: int | None  # where what stands below "Server certificate" begins

    @classmethod
    def of(cls, text: str) -> Self:
        """Read it; without entries where there is none."""
        entries = list(_ENTRY.finditer(text))
        behind = entries[-1].end() if entries else len(text)
        end, server = _END.search(text, behind), _SERVER.search(text, behind)
        return cls(
            tuple(int(one[1]) for one in entries),
            tuple(one[2].strip() for one in entries),
            tuple(one.start() for one in entries),
            end.start() if end else None,
            server.end() if server else None,
        )

    def sort(self, blocks: Sequence[Block], text: str) -> Sorted:
        """Which block is whose: with -showcerts each stands below its entry, else the leaf's last.

        What stands elsewhere, somebody has put there: the server is not shown to send it.
        """
        shown: dict[int, bytes] = {}
        others = []
        for one in blocks:
            number = self._number(one, text)
            if number is None or number in shown:
                others.append(one.der)
            else:
                shown[number] = one.der
        if 0 not in shown:  # whoever stands first then is not the server's own
            return Sorted((), tuple(one.der for one in blocks), whole=False)
        sent = tuple(shown[number] for number in sorted(shown))
        listed = self.numbers == tuple(range(len(self.numbers))) and self.end is not None
        besides = dict.fromkeys(der for der in others if der not in sent)
        return Sorted(sent, tuple(besides), listed and len(sent) == len(self.numbers) > 0)

    def _number(self, one: Block, text: str) -> int | None:
        stop = len(text) if self.end is None else self.end
        if self.starts and self.starts[0] <= one.offset < stop:
            return self.numbers[bisect_right(self.starts, one.offset) - 1]
        if self.server is not None and self.server <= one.offset <= self.server + NEAR:
            return None if text[self.server : one.offset].strip() else 0
        return None
