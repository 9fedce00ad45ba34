"""A client's words without what changes from run to run: ports, paths, dates, digests."""

import re
from typing import Final

_PATH: Final = re.compile(r"(?<![\w/])(?:/|[A-Z]:\\)[\w.+-]+(?:[/\\][\w.+-]+)+")
_PORT: Final = re.compile(r"(?<=[\w\]])(:)\d{2,5}\b(?!:\d)")
_CHANGING: Final = re.compile(
    r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b"
    # Serial numbers, digests, addresses in memory, times: whatever has a digit in it.
    r"|[^\s'\"`(),;=]*\d[^\s'\"`(),;=]*"
    r"|\b[0-9A-F]{4}\b"
)


def elsewhere(text: str) -> str:
    """A text that says the same on another machine: without its paths and ports."""
    return _PORT.sub(r"\1…", _PATH.sub("…", text))


def lasting(text: str) -> str:
    """What of a text is the same in every run; to be compared, not to be shown."""
    return " ".join(_CHANGING.sub("#", elsewhere(text)).split())
