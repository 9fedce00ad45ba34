"""Mailbox names as LIST and LSUB choose and write them."""


def matches(pattern: str, name: str) -> bool:
    """Whether a name matches a pattern; ``*`` is anything, ``%`` anything but ``/``.

    INBOX matches in any case. Takes time of pattern x name at most.
    """
    if name == "INBOX" and _matches(pattern.upper(), name):
        return True
    return _matches(pattern, name)


def _matches(pattern: str, name: str) -> bool:
    ends = {0}  # how much of the name the pattern so far can have eaten
    for sign in pattern:
        if sign in "*%":
            ends = {end for start in ends for end in _reach(name, start, sign)}
        else:
            ends = {end + 1 for end in ends if name[end : end + 1] == sign}
        if not ends:
            return False
    return len(name) in ends


def _reach(name: str, start: int, sign: str) -> range:
    wall = -1 if sign == "*" else name.find("/", start)
    return range(start, (len(name) if wall < 0 else wall) + 1)


def quoted(name: str) -> str:
    """A name as a quoted string."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
