"""Phrases of a verifier's texts and the reasons that they stand for, as data."""

from collections.abc import Iterable, Sequence

from proof.verifier import Error

# A phrase in lower case, and its reasons parted by blanks. The longer of two phrases comes first:
# what one has matched, the next does not see.
type Phrases = Sequence[tuple[str, str]]


def read(text: str, phrases: Phrases) -> list[Error]:
    """Every error that a text names, in the table's order; one without reasons if it knows none.

    An empty text names no error.
    """
    rest, found = text.lower(), []
    for phrase, reasons in phrases:
        if phrase in rest:
            found.append(Error.of(phrase, reasons))
            rest = rest.replace(phrase, "\n")
    return found or ([Error(text.strip())] if text.strip() else [])


def reasons(phrases: Iterable[tuple[str, str]]) -> frozenset[str]:
    """All reasons that a table uses."""
    return frozenset(word for _, words in phrases for word in words.split())
