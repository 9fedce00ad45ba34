"""What of a pasted text is known, and from whom."""

from dataclasses import dataclass
from typing import Final, Literal

from mitmail.scenario.cause import Saying, Speaker

WHOLE: Final = 1.0

type Likeness = Literal["exact", "similar"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clue:
    """A saying that a text holds: exactly (a code, or the very sentence), or something like it.

    ``words`` are those of the saying, as its file has them; ``line`` counts from 1; ``score`` is
    between 0 and 1, and 1 where the whole saying is there, whatever its endings; ``shared`` are
    the words that both have, and ``tells`` is how much they tell.
    """

    speaker: Speaker
    saying: Saying
    words: str
    line: int
    score: float
    tells: float
    likeness: Likeness
    shared: frozenset[str] = frozenset()

    @property
    def whole(self) -> bool:
        """Whether the whole saying is there."""
        return self.score == WHOLE
