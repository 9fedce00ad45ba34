"""Words that a user may write, looked up in a table."""

from collections.abc import Mapping

from mitmail.errors import MitmailError


def choose[T](table: Mapping[str, T], word: str, what: str) -> T:
    """The table's entry for ``word``; raises MitmailError that lists the allowed words."""
    if word not in table:
        raise MitmailError(f"{what} {word!r} is unknown; one of: {', '.join(table)}")
    return table[word]
