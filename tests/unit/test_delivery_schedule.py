"""When something is due: what people write after ``--at``, and what that means where somebody lives."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery import Schedule, parse_since
from newsletter.errors import UsageError
from newsletter.measures import QuietHours, Share, find_zone, parse_rate

BERLIN = find_zone("Europe/Berlin")
#: A Saturday, 10:00 in Berlin.
NOW = datetime(2026, 4, 11, 8, 0, tzinfo=UTC)


def due(text: str, *, local: bool = False) -> Schedule:
    return Schedule.parse(text, NOW, BERLIN, local=local)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("18:00", "2026-04-11T16:00"),
        ("8:00", "2026-04-12T06:00"),
        ("today 18:30", "2026-04-11T16:30"),
        ("tomorrow 08:00", "2026-04-12T06:00"),
        ("Monday 08:00", "2026-04-13T06:00"),
        ("saturday 18:00", "2026-04-11T16:00"),
        ("saturday 09:00", "2026-04-18T07:00"),
        ("2026-04-12 08:00", "2026-04-12T06:00"),
        ("2026-04-12T08:00:30", "2026-04-12T06:00:30"),
        ("2026-04-12T08:00Z", "2026-04-12T08:00"),
        ("2026-04-12T08:00+02:00", "2026-04-12T06:00"),
        ("2026-04-12 08:00 -0500", "2026-04-12T13:00"),
        ("tomorrow 08:00 Asia/Tokyo", "2026-04-11T23:00"),
        # The clocks go from 02:00 to 03:00, and later from 03:00 back to 02:00.
        ("2027-03-28 02:30", "2027-03-28T01:30"),
        ("2026-10-25 02:30", "2026-10-25T00:30"),
    ],
)
def test_a_time_is_read_as_people_write_it(text: str, moment: str) -> None:
    assert due(text).moment(NOW) == datetime.fromisoformat(f"{moment}+00:00")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("noon", "is no time to send at"),
        ("tomorrow", "is no time to send at"),
        ("2026-02-30 08:00", "day"),
        ("someday 08:00", "someday"),
        ("08:00 Europe/Nowhere", "send at: `Europe/Nowhere` is no time zone"),
        ("yesterday 08:00", "send at: `yesterday` is no day"),
        ("25:00", "send at: `25:00` is no time of the day"),
        ("2026-04-11 08:00", "is past"),
        ("today 09:59", "is past"),
    ],
)
def test_a_time_that_is_none_is_told(text: str, what: str) -> None:
    with pytest.raises(UsageError, match=what) as caught:
        due(text)

    assert caught.value.hint


def test_a_zone_and_local_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        due("08:00 UTC", local=True)


ZONES = st.sampled_from(sorted(available_timezones()))
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)).map(lambda each: each.replace(tzinfo=UTC))


@given(MOMENTS, ZONES, st.integers(0, 23), st.sampled_from([0, 30]))
def test_everybody_gets_it_at_that_time_where_they_live(
    now: datetime, name: str, hour: int, minute: int
) -> None:
    """Not before now and within two days; exactly then, but for an hour that the clocks skip."""
    schedule = Schedule(time(hour, minute), None, UTC, local=True)
    zone = find_zone(name)

    moment = schedule.moment(now, zone)

    assert now <= moment < now + timedelta(days=2)
    there = moment.astimezone(zone)
    wall = datetime.combine(there.date(), schedule.time, zone)
    skipped = wall.astimezone(UTC).astimezone(zone).time() != schedule.time
    assert there.time() == schedule.time or skipped or there.time() > schedule.time


@pytest.mark.parametrize(
    ("text", "local", "frozen"),
    [
        ("tomorrow 08:00", False, "2026-04-12T06:00:00+00:00"),
        ("tomorrow 08:00", True, "2026-04-12 08:00 local"),
        ("08:00", True, "08:00 local"),
    ],
)
def test_equal_words_of_the_ledger_are_equal_times(text: str, local: bool, frozen: str) -> None:
    assert due(text, local=local).frozen(NOW) == frozen
    assert due(text, local=local).frozen(NOW + timedelta(minutes=5)) == frozen


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90m", "2026-04-11T06:30"),
        ("2h", "2026-04-11T06:00"),
        ("3d", "2026-04-08T08:00"),
        ("09:30", "2026-04-11T07:30"),
        ("2026-04-01", "2026-03-31T22:00"),
        ("2026-04-01T08:00Z", "2026-04-01T08:00"),
    ],
)
def test_a_moment_to_look_back_to(text: str, moment: str) -> None:
    assert parse_since(text, NOW, BERLIN) == datetime.fromisoformat(f"{moment}+00:00")


@pytest.mark.parametrize("text", ["yesterday-ish", "monday 08:00", "2026-13-01"])
def test_what_is_no_moment_to_look_back_to_is_told(text: str) -> None:
    with pytest.raises(UsageError):
        parse_since(text, NOW, BERLIN)


# Measures.


@given(MOMENTS, ZONES, st.times(), st.times())
def test_quiet_hours_end_later_and_then_it_is_not_quiet(
    now: datetime, name: str, begin: time, end: time
) -> None:
    """Also on the days on which the clocks change."""
    begin, end = (each.replace(second=0, microsecond=0) for each in (begin, end))
    zone = find_zone(name)
    hours = QuietHours(begin, end)

    until = hours.end_after(now.astimezone(zone))

    if until is not None:
        assert now < until <= now + timedelta(hours=26)


@pytest.mark.parametrize(
    ("text", "hour", "end"),
    [("22:00-07:00", 23, 31), ("22:00-07:00", 6, 7), ("22:00-07:00", 7, None), ("12:00-14:00", 13, 14)],
)
def test_a_span_of_the_day_may_go_over_midnight(text: str, hour: int, end: int | None) -> None:
    day = datetime(2026, 4, 11, tzinfo=UTC)

    until = QuietHours.parse(text).end_after(day + timedelta(hours=hour))

    assert until == (None if end is None else day + timedelta(hours=end))


@pytest.mark.parametrize("text", ["22-7", "22:00-22:00", "24:00-01:00", "night"])
def test_what_is_no_span_of_the_day_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is no span"):
        QuietHours.parse(text)


def test_a_share_has_a_limit_of_at_least_one() -> None:
    assert [Share.parse(text).limit for text in ("20% of 200", "1% of 10", "33% of 10")] == [40, 1, 4]
    for text in ("0% of 10", "101% of 10", "20% of 0", "20%"):
        with pytest.raises(ValueError, match="is no share"):
            Share.parse(text)


def test_a_rate_of_nothing_is_none() -> None:
    assert parse_rate("90/minute") == 1.5
    with pytest.raises(ValueError, match="is no rate"):
        parse_rate("0/second")


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "Europe"])
def test_what_is_no_time_zone_is_told(name: str) -> None:
    with pytest.raises(ValueError, match="is no time zone"):
        find_zone(name)
