"""Words that people type: ids, which they mistype, and paths."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the nearest known word, or nothing."""
    near = get_close_matches(word.lower(), [str(each) for each in known], 1, 0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""


def is_path(id_or_path: str) -> bool:
    """Tell whether a word is the path of a file, and no id."""
    return "/" in id_or_path or "\\" in id_or_path or id_or_path.endswith((".yaml", ".yml"))
