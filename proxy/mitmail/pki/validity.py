"""Validity: the two times of a certificate, also in the forms that RFC 5280 4.1.2.5 forbids."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from mitmail.errors import MitmailError
from mitmail.pki import der
from mitmail.pki.word import choose

# UTCTime knows no other years, and outside of them GeneralizedTime is right (RFC 5280 4.1.2.5).
_UTC_TIMES = (datetime(1950, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, 22, 59, 59, tzinfo=UTC))

NO_END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""The notAfter of a certificate without a well-defined end (RFC 5280 4.1.2.5)."""


def _utc(pattern: str, suffix: bytes) -> Callable[[datetime], bytes]:
    return lambda moment: der.tlv(der.UTC_TIME, moment.strftime(pattern).encode(), suffix)


def _generalized(suffix: bytes) -> Callable[[datetime], bytes]:
    return lambda moment: der.tlv(der.GENERALIZED_TIME, f"{moment:%Y%m%d%H%M%S}".encode(), suffix)


FORMS: dict[str, Callable[[datetime], bytes]] = {
    "no-seconds": _utc("%y%m%d%H%M", b"Z"),
    # The same moment, as a clock one hour ahead of UTC shows it.
    "offset": lambda moment: _utc("%y%m%d%H%M%S", b"+0100")(moment + timedelta(hours=1)),
    "fraction": _generalized(b".500Z"),
    "generalized": _generalized(b"Z"),
    "month-13": _utc("%y13%d%H%M%S", b"Z"),
}


def validity(not_before: datetime, not_after: datetime, form: str | None = None) -> bytes:
    """The DER Validity; ``form`` writes notAfter against the rules.

    Forms: no-seconds, offset, fraction, generalized (before 2050), month-13. Both times are UTC.
    Raises MitmailError on another word, and on an end that the forms are not for.
    """
    write = der.time if form is None else choose(FORMS, form, "the time form")
    first, last = _UTC_TIMES
    if form is not None and not first <= not_after <= last:
        raise MitmailError(
            f"the time form {form!r} is for an end from 1950 through 2049, not in {not_after.year}"
        )
    return der.sequence(der.time(not_before), write(not_after))
