"""One mapping laid over another, as a profile is laid over the one that it is like."""

from collections.abc import Mapping


def laid_over(said: Mapping[str, object], patch: Mapping[str, object]) -> dict[str, object]:
    """Return ``said`` with what ``patch`` says otherwise.

    Mappings are joined key by key; any other value replaces the whole one below it.
    """
    result = dict(said)
    for key, value in patch.items():
        below = result.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            result[key] = laid_over(below, value)
        else:
            result[key] = value
    return result


def contradiction(
    one: Mapping[str, object], other: Mapping[str, object]
) -> tuple[str, ...] | None:
    """Return the path of the first part for which it matters which of two is laid over last."""
    for key in (x for x in one if x in other):
        ours, theirs = one[key], other[key]
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            if (below := contradiction(ours, theirs)) is not None:
                return (key, *below)
        elif ours != theirs:
            return (key,)
    return None
