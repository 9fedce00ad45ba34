"""Times as QA people write them: relative to now, ``-1d``, or absolute for vendor roots."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "y": 365 * 86400}
_OFFSET: Final = re.compile(r"([+-]?)([0-9]{1,11})([smhdy])")
_FURTHEST: Final = 1000 * _SECONDS["y"]

NEVER: Final = timedelta.max
"""No well-defined end: the year 9999 (RFC 5280 section 4.1.2.5)."""


def offset(text: object) -> timedelta:
    """Parse a duration relative to now: ``-1d``, ``+90d``, ``12h``; units s m h d y (365 d).

    Raises ValueError with a sentence for the person who wrote it.
    """
    match = _OFFSET.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("use a duration such as -1d, +90d or 12h")
    sign, number, unit = match.groups()
    seconds = int(number) * _SECONDS[unit]
    if seconds > _FURTHEST:
        raise ValueError("use a duration of at most 1000y")
    return timedelta(seconds=-seconds if sign == "-" else seconds)


def moment(text: object) -> datetime | timedelta:
    """Parse a duration, or an absolute time such as ``2010-01-01T12:00:00Z`` (always UTC)."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        pass
    try:
        return offset(text)
    except ValueError as error:
        raise ValueError(f"{error}, or a time such as 2010-01-01T12:00:00Z") from None


def end(text: object) -> timedelta:
    """Parse a duration, or ``never``."""
    if text == "never":
        return NEVER
    try:
        return offset(text)
    except ValueError as error:
        raise ValueError(f"{error}, or never") from None


def written(when: datetime | timedelta) -> str:
    """Write a time the way `moment` reads it, in the largest unit that loses nothing."""
    if isinstance(when, datetime):
        return when.strftime("%Y-%m-%dT%H:%M:%SZ")
    if when == NEVER:
        return "never"
    seconds = int(when.total_seconds())
    units = (unit for unit in "dhms" if seconds % _SECONDS[unit] == 0)
    unit = next(units)
    return f"{seconds // _SECONDS[unit]:+d}{unit}"


_OFFSET_PATTERN: Final = r"[+-]?[0-9]{1,11}[smhdy]"
_TIME_PATTERN: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"

type Offset = Annotated[
    timedelta,
    PlainValidator(offset),
    PlainSerializer(written),
    WithJsonSchema(
        {"type": "string", "pattern": f"^{_OFFSET_PATTERN}$", "examples": ["-1d", "+90d", "12h"]}
    ),
]
type End = Annotated[
    timedelta,
    PlainValidator(end),
    PlainSerializer(written),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^({_OFFSET_PATTERN}|never)$",
            "examples": ["-1d", "+90d", "never"],
        }
    ),
]
type Moment = Annotated[
    datetime | timedelta,
    PlainValidator(moment),
    PlainSerializer(written),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^({_OFFSET_PATTERN}|{_TIME_PATTERN})$",
            "examples": ["-1d", "+3650d", "2010-01-01T12:00:00Z"],
        }
    ),
]
