"""Words that people mistype."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the nearest known word, or nothing."""
    near = get_close_matches(word.lower(), [str(each) for each in known], 1, 0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""
