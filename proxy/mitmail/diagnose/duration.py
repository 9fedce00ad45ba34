"""Times of a certificate as a scenario file says them: relative to when it was seen."""

from datetime import datetime, timedelta
from typing import Final

from mitmail.scenario.offset import NEVER, written
from mitmail.scenario.rule import LONGEST_LIFE

_UNITS: Final = (86400, 3600, 60, 1)
_EXACT: Final = 50  # an offset is at most a fiftieth of itself wrong
_FURTHEST: Final = timedelta(days=365 * 999)
_NO_END: Final = 9999


def validity(not_before: datetime, not_after: datetime, at: datetime) -> dict[str, str]:
    """Both ends as offsets in round units, where roundness changes nothing that counts.

    What has expired stays so, an end stays behind its beginning, and a life that is too long for
    some stays too long. At most a thousand years either way; the year 9999 is ``never``.
    """
    start = _bounded(not_before - at)
    end = NEVER if not_after.year == _NO_END else _bounded(not_after - at)
    round_start, round_end = _round(start), _round(end)
    if _counts(start, end) != _counts(round_start, round_end):
        round_start, round_end = start, end
    return {"not_before": written(round_start), "not_after": written(round_end)}


def offsets(at: datetime, **moments: datetime | None) -> dict[str, str]:
    """Moments as offsets from ``at`` in round units; those that are None are left out."""
    return {
        key: written(_round(_bounded(moment - at)))
        for key, moment in moments.items()
        if moment is not None
    }


def _bounded(offset: timedelta) -> timedelta:
    return max(-_FURTHEST, min(_FURTHEST, offset))


def _round(offset: timedelta) -> timedelta:
    if offset == NEVER:
        return offset
    seconds = int(offset.total_seconds())
    for unit in _UNITS:
        near = (abs(seconds) + unit // 2) // unit * unit
        if near and abs(near - abs(seconds)) * _EXACT <= abs(seconds):
            return timedelta(seconds=near if seconds > 0 else -near)
    return timedelta(seconds=seconds)


def _counts(start: timedelta, end: timedelta) -> tuple[bool, ...]:
    now = timedelta(0)
    life = NEVER if end == NEVER else end - start
    return start > now, end <= now, end < start, LONGEST_LIFE < life < NEVER
