"""What of a pasted text is known, and from whom."""

from dataclasses import dataclass
from typing import Literal

from mitmail.scenario.cause import Saying, Speaker

type Likeness = Literal["exact", "similar"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clue:
    """A saying that a text holds: exactly (a code, or the whole sentence), or something like it.

    ``words`` are those of the saying, as its file has them; ``line`` counts from 1; ``score`` is
    between 0 and 1; ``tells`` is how much the words tell that both have.
    """

    speaker: Speaker
    saying: Saying
    words: str
    line: int
    score: float
    tells: float
    likeness: Likeness
