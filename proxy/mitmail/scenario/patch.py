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
