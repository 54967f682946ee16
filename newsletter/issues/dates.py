"""Days as people write them at the head of a newsletter."""

from __future__ import annotations

import re
from datetime import date
from functools import cache

from babel.dates import get_month_names

_LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt")
_WEEKDAY = r"(?:[^\W\d]+\.?,?\s+)?"
_MONTH = r"(?P<month>[^\W\d]+)\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|º|\.)?"
_YEAR = r"(?P<year>\d{4})"

#: 04/11/2026 is left out: it is April on one side of an ocean and November on the other.
_FORMATS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_WEEKDAY}{_YEAR}[-/.](?P<number>\d{{1,2}})[-/.](?P<day>\d{{1,2}})",  # 2026-04-11
        rf"{_WEEKDAY}(?P<day>\d{{1,2}})\.\s?(?P<number>\d{{1,2}})\.\s?{_YEAR}",  # 11.04.2026
        rf"{_WEEKDAY}{_MONTH}\s+{_DAY},?\s+{_YEAR}",  # April 11, 2026
        rf"{_WEEKDAY}{_DAY}\s+(?:de\s+)?{_MONTH},?\s+(?:de\s+)?{_YEAR}",  # 11 April 2026, 11 de abril de 2026
        rf"{_YEAR}年(?P<number>\d{{1,2}})月(?P<day>\d{{1,2}})日",  # 2026年4月11日
    )
)


def parse_day(text: str) -> date | None:
    """The day that *text* is and nothing else, or None: ISO, or with a month's name in a few languages."""
    for form in _FORMATS:
        if match := form.fullmatch(text.strip()):
            parts = match.groupdict()
            month = int(parts["number"]) if parts.get("number") else _months().get(parts["month"].casefold())
            try:
                return date(int(parts["year"]), month or 0, int(parts["day"]))
            except ValueError:
                return None
    return None


@cache
def _months() -> dict[str, int]:
    """The number of each month by its name, long or short, without full stops."""
    return {
        str(name).casefold().rstrip("."): number
        for language in _LANGUAGES
        for width in ("wide", "abbreviated")
        for number, name in get_month_names(width, locale=language).items()
    } | {"sept": 9}
