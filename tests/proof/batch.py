"""Verifiers that are slow to start: one process takes all targets, a line for each.

The line in: index, host, port, name, roots, time in seconds since 1970 or "-", and the seconds
that it may take, parted by tabs. The line out: index, verdict, code, text; the text has blanks
for tabs and line ends. A program whose ``clock`` is the process' own is started once for each
time, below faketime; one that can be told the time is started once.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from proof.process import run
from proof.verifier import SILENT, Error, Target, Word, judged

# How many targets a program asks at a time: as many threads as it has.
ABREAST = 4
START_SECONDS = 30.0

type Reader = Callable[[str, str], Sequence[Error]]


@dataclass(frozen=True, slots=True)
class Batch:
    """A program that speaks these lines; ``read`` knows its codes and texts."""

    command: Sequence[str]
    read: Reader
    told_the_time: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, targets: Sequence[Target]) -> list[Word]:
        """The words of all targets, in their order."""
        groups: dict[datetime | None, list[int]] = defaultdict(list)
        for index, target in enumerate(targets):
            groups[None if self.told_the_time else target.at].append(index)
        words: dict[int, Word] = {}
        for at, indexes in groups.items():
            words |= self._start(at, {index: targets[index] for index in indexes})
        return [words[index] for index in range(len(targets))]

    def _start(self, at: datetime | None, targets: Mapping[int, Target]) -> dict[int, Word]:
        ended = run(
            self.command,
            give="".join(_line(index, one) for index, one in targets.items()).encode(),
            close=True,
            at=at,
            seconds=START_SECONDS + sum(one.seconds for one in targets.values()) / ABREAST,
            extra=self.extra,
        )
        lines = ended.out.decode(errors="replace").splitlines()
        answers = {int(line.partition("\t")[0]): line.split("\t")[1:] for line in lines}
        silent = Word("error", (), f"it did not say: {ended.err.decode(errors='replace')}")
        return {
            index: self._word(*answers[index]) if index in answers else silent for index in targets
        }

    def _word(self, verdict: str, code: str, text: str) -> Word:
        says = f"{code}: {text}".strip(": ")
        match verdict:
            case "accept":
                return judged((), answered=True, text=says)
            case "reject":
                return judged(self.read(code, text), answered=False, text=says)
            case "silent":
                return SILENT
            case _:
                return Word("error", (), says)


def _line(index: int, one: Target) -> str:
    time = "-" if one.at is None else str(int(one.at.timestamp()))
    parts = (index, one.host, one.port, one.name, one.roots, time, one.seconds)
    return "\t".join(map(str, parts)) + "\n"
