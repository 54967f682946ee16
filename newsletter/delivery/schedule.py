"""When a dispatch is due: a moment for everybody, or a time of the day where each recipient lives."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING

from newsletter.errors import UsageError
from newsletter.measures import find_zone, parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from subscribers import SubscriberStore

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME = re.compile(
    r"""(?:(?P<day>\d{4}-\d{2}-\d{2}|today|tomorrow|[a-z]+day)(?:[t\s]\s*))?
        (?P<time>\d{1,2}:\d{2}(?::\d{2})?)
        \s*(?P<zone>[+-]\d{2}:?\d{2}|[a-z][\w+/-]*)?""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_HINT = "write `08:00`, `tomorrow 08:00`, `monday 08:00`, `2026-04-12 08:00` or `2026-04-12T08:00+02:00`"


@dataclass(frozen=True)
class Schedule:
    """A time of the day, on *day* or (None) the next time that it comes, in *zone* or where each one lives.

    ``zone`` is the default for those of whom it is not known where they live.
    """

    time: time
    day: date | None
    zone: tzinfo
    local: bool = False

    @classmethod
    def parse(cls, text: str, now: datetime, zone: tzinfo, *, local: bool = False) -> Schedule:
        """What ``--at`` means.

        Args:
            text: ``[DAY] HH:MM [ZONE]``; DAY is a date, a weekday, ``today`` or ``tomorrow``; or ISO 8601.
            now: the present moment.
            zone: the time zone that is meant when none is named.
            local: at that time where each recipient lives.

        Raises:
            UsageError: it is no time, or it is past.
        """
        match = _TIME.fullmatch(text.strip())
        if match is None:
            raise UsageError(f"`{text}` is no time to send at", hint=_HINT)
        try:
            named = _zone(match["zone"]) if match["zone"] else None
            here = named or zone
            day = _day(match["day"], _clock(match["time"]), now.astimezone(here))
            found = cls(_clock(match["time"]), day, here, local=local)
        except ValueError as error:
            raise UsageError(f"`{text}` is no time to send at: {error}", hint=_HINT) from None
        if local and named is not None:
            raise UsageError(
                "a time zone and `--local` exclude each other", hint="with `--local`, each one's own counts"
            )
        if found.day is not None and found._on(found.day, here) < now:
            raise UsageError(f"`{text}` is past", hint="name a later time, or leave `--at` away to send now")
        return found

    def moment(self, now: datetime, zone: tzinfo | None = None) -> datetime:
        """The first moment, not before *now* and *day*, at which it is that time in *zone*; in UTC.

        A time that the clocks skip comes as much later, and of one that comes twice the first counts.
        """
        zone = zone or self.zone
        day = self.day or now.astimezone(zone).date()
        while (moment := self._on(day, zone)) < now:
            day += timedelta(days=1)
        return moment

    def frozen(self, now: datetime) -> str:
        """What the ledger keeps: for two equal words the dispatch is due at the same moments."""
        if not self.local:
            return self.moment(now).isoformat(timespec="seconds")
        day = f"{self.day.isoformat()} " if self.day else ""
        return f"{day}{self.time.isoformat('seconds' if self.time.second else 'minutes')} local"

    def _on(self, day: date, zone: tzinfo) -> datetime:
        return datetime.combine(day, self.time, zone).astimezone(UTC)


class Due:
    """Tells of recipients when each of them is due.

    Args:
        store: the list; it knows where they live, as far as they told: the field ``time_zone``.
        schedule: None means now.
        now: the moment of planning.
    """

    def __init__(self, store: SubscriberStore, schedule: Schedule | None, now: datetime) -> None:
        self._store = store
        self._schedule = schedule
        self._now = now
        self._moments: dict[object, datetime] = {}

    @property
    def local(self) -> bool:
        """Whether it depends on where somebody lives."""
        return self._schedule is not None and self._schedule.local

    @property
    def moment(self) -> datetime:
        """When those are due of whom it is not known where they live."""
        return self._schedule.moment(self._now) if self._schedule else self._now

    def group(self, connection: Connection, ids: Sequence[int]) -> Mapping[datetime, list[int]]:
        """The recipients by the moments at which they are due."""
        if not self.local:
            return {self.moment: list(ids)}
        people = self._store.addressees(connection, ids)
        groups: defaultdict[datetime, list[int]] = defaultdict(list)
        for who in ids:
            zone = people[who].fields.get("time_zone") if who in people else None
            groups[self._moment_in(zone)].append(who)
        return groups

    def _moment_in(self, name: object) -> datetime:
        if name not in self._moments:
            try:
                zone = find_zone(name) if isinstance(name, str) and name else None
            except ValueError:
                zone = None
            self._moments[name] = self._schedule.moment(self._now, zone) if self._schedule else self._now
        return self._moments[name]


def parse_since(text: str, now: datetime, zone: tzinfo) -> datetime:
    """A moment in the past: ``15m``, ``2h`` or ``3d`` ago, a date, or as `Schedule.parse` reads it.

    Raises:
        UsageError: it is none.
    """
    units = {"m": "minutes", "h": "hours", "d": "days"}
    if match := re.fullmatch(r"(\d{1,5})([mhd])", text.strip()):
        return now - timedelta(**{units[match[2]]: int(match[1])})
    match = _TIME.fullmatch(text.strip()) or _TIME.fullmatch(f"{text.strip()} 00:00")
    hint = "write `2h`, `today 08:00`, `2026-04-12` or `2026-04-12T08:00+02:00`"
    # Of a weekday it would not be certain which one is meant.
    if match is None or (match["day"] or "").lower() in _WEEKDAYS:
        raise UsageError(f"`{text}` is no time to look back to", hint=hint)
    try:
        here = _zone(match["zone"]) if match["zone"] else zone
        today = now.astimezone(here)
        day = _day(match["day"], time(), today) or today.date()
        return datetime.combine(day, _clock(match["time"]), here).astimezone(UTC)
    except ValueError as error:
        raise UsageError(f"`{text}` is no time to look back to: {error}", hint=hint) from None


def _zone(name: str) -> tzinfo:
    if name.upper() in ("Z", "UTC"):
        return UTC
    try:
        if name[0] in "+-":
            return datetime.strptime(name.replace(":", ""), "%z").tzinfo or UTC
        return find_zone(name)
    except ValueError:
        raise ValueError(f"`{name}` is no time zone") from None


def _clock(text: str) -> time:
    try:
        return parse_time(text)
    except ValueError:
        raise ValueError(f"`{text}` is no time of the day") from None


def _day(word: str | None, at: time, here: datetime) -> date | None:
    """The day that a word names; of a weekday the next one, which is today if the time is yet to come."""
    if word is None:
        return None
    word = word.lower()
    if word in ("today", "tomorrow"):
        return here.date() + timedelta(days=word == "tomorrow")
    if word in _WEEKDAYS:
        days = (_WEEKDAYS.index(word) - here.weekday()) % 7
        return here.date() + timedelta(days=days or (7 if at <= here.time() else 0))
    try:
        return date.fromisoformat(word)
    except ValueError:
        raise ValueError(f"`{word}` is no day") from None
