"""Mailbox names as LIST and LSUB choose and write them."""


def matches(pattern: str, name: str) -> bool:
    """Whether a name matches a pattern; ``*`` is anything, ``%`` anything but ``/``.

    INBOX matches in any case. Takes time of pattern times name at most.
    """
    if name == "INBOX" and _matches(pattern.upper(), name):
        return True
    return _matches(pattern, name)


def _matches(pattern: str, name: str) -> bool:
    ends = {0}  # how much of the name the pattern so far can have eaten
    for sign in pattern:
        if not ends:
            return False
        if sign == "*":
            ends = set(range(min(ends), len(name) + 1))
        elif sign == "%":
            ends = _within_level(name, ends)
        else:
            ends = {end + 1 for end in ends if name[end : end + 1] == sign}
    return len(name) in ends


def _within_level(name: str, starts: set[int]) -> set[int]:
    ends, inside = set(), False
    for at in range(len(name) + 1):
        inside = inside or at in starts
        if inside:
            ends.add(at)
        inside = inside and name[at : at + 1] != "/"
    return ends


def quoted(name: str) -> str:
    """A name as a quoted string."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
