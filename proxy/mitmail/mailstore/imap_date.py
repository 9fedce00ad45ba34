"""IMAP dates (RFC 3501 section 9: date, date-time); month names are English everywhere."""

import re
from datetime import date, datetime, timedelta, timezone

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

_DATE = re.compile(r"(\d{1,2})-([A-Za-z]{3})-(\d{4})")
_DATE_TIME = re.compile(r"([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")


def parse_date(text: str) -> date:
    """Read ``1-Feb-2030``; raises ``ValueError``."""
    found = _DATE.fullmatch(text)
    if not found:
        raise ValueError("not a date")
    return date(int(found[3]), _month(found[2]), int(found[1]))


def parse_date_time(text: str) -> datetime:
    """Read `` 1-Feb-2030 12:00:00 +0100``; raises ``ValueError``."""
    found = _DATE_TIME.fullmatch(text)
    if not found:
        raise ValueError("not a date-time")
    offset = timedelta(hours=int(found[8]), minutes=int(found[9]))
    zone = timezone(-offset if found[7] == "-" else offset)
    hour, minute, second = map(int, found.group(4, 5, 6))
    day = int(found[3]), _month(found[2]), int(found[1])
    return datetime(*day, hour, minute, second, tzinfo=zone)


def format_date_time(moment: datetime) -> str:
    """Write an aware ``datetime`` as IMAP's date-time."""
    month = MONTHS[moment.month - 1]
    return f"{moment.day:2d}-{month}-{moment.year:04d} {moment:%H:%M:%S %z}"


def _month(name: str) -> int:
    return MONTHS.index(name.title()) + 1
