"""Times relative to now."""

from datetime import UTC, datetime, timedelta

import pytest

from mitmail.scenario.offset import NEVER, end, moment, offset, written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-1d", timedelta(days=-1)),
        ("+90d", timedelta(days=90)),
        ("12h", timedelta(hours=12)),
        ("-398d", timedelta(days=-398)),
        ("30s", timedelta(seconds=30)),
        ("+5m", timedelta(minutes=5)),
        ("2y", timedelta(days=730)),
        ("0s", timedelta(0)),
    ],
)
def test_a_duration_is_read_with_its_unit_and_sign(text: str, expected: timedelta) -> None:
    assert offset(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "1", "d", "1 d", "--1d", "1w", "1D", "-1d\n", "1.5d", "\u0661d", 90, None, True, ["1d"]],
)
def test_anything_else_is_answered_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match="use a duration such as -1d, \\+90d or 12h"):
        offset(text)


@pytest.mark.parametrize("text", ["1001y", "99999999999y", "-99999999999d"])
def test_a_duration_beyond_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="at most 1000y"):
        offset(text)


def test_a_moment_is_absolute_or_relative() -> None:
    assert moment("2010-01-01T12:00:00Z") == datetime(2010, 1, 1, 12, tzinfo=UTC)
    assert moment("+3650d") == timedelta(days=3650)
    for wrong in ("2010-01-01", "2010-13-01T12:00:00Z", "2010-01-01T12:00:00+01:00", 2010):
        with pytest.raises(ValueError, match="or a time such as 2010-01-01T12:00:00Z"):
            moment(wrong)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("-1d", "-1d"), ("+90d", "+90d"), ("48h", "+2d"), ("90s", "+90s"), ("-90m", "-90m")],
)
def test_a_duration_is_written_in_its_largest_whole_unit(text: str, expected: str) -> None:
    assert written(offset(text)) == expected
    assert offset(written(offset(text))) == offset(text)


def test_only_an_end_may_never_come() -> None:
    """The year 9999 has no distance from now."""
    assert end("never") is NEVER
    assert end("+90d") == timedelta(days=90)
    for other in (offset, moment):
        with pytest.raises(ValueError, match="use a duration"):
            other("never")


@pytest.mark.parametrize("text", ["Never", "NEVER", "never ", "", "9999", None, 0])
def test_never_is_one_word(text: object) -> None:
    with pytest.raises(ValueError, match=r"such as -1d, \+90d or 12h, or never"):
        end(text)


def test_never_is_later_than_the_longest_duration_and_written_as_a_word() -> None:
    assert offset("1000y") < NEVER
    assert written(NEVER) == "never"
    assert end(written(NEVER)) == NEVER
