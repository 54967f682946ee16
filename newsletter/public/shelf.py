"""The shelf: which issues the archive shows, and what lists say of each; read from a frozen edition once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, exists, or_, select

from newsletter.delivery.models import DELIVERY, DISPATCH, DeliveryState, DispatchState
from newsletter.editions import Edition
from newsletter.editions.language import long_date
from newsletter.public.web_version import WebVersion, feed_version, web_version

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Engine, Row, Select


# Made once: to make one anew costs as much time as to answer it.
_ACCEPTED = exists().where(
    DELIVERY.c.dispatch_id == DISPATCH.c.id, DELIVERY.c.state == DeliveryState.ACCEPTED
)
_BEGUN = [DispatchState.RUNNING, DispatchState.PAUSED, DispatchState.FINISHED]
_REACHED = (
    select(DISPATCH.c.slug, DISPATCH.c.id, DISPATCH.c.created_at, DISPATCH.c.topic)
    .where(or_(DISPATCH.c.state.in_(_BEGUN), _ACCEPTED))
    .order_by(DISPATCH.c.id)
)
_ALL = _REACHED.where(DISPATCH.c.archived)
_ISSUE = _ALL.where(DISPATCH.c.slug == bindparam("slug"))
_NAMED = _REACHED.where(DISPATCH.c.name == bindparam("name"))


@dataclass(frozen=True)
class Published:
    """The last dispatch of an issue, when that and the first one were planned, and about which topic."""

    dispatch: int
    first: datetime
    last: datetime
    topic: str


@dataclass(frozen=True)
class Entry:
    """One line of the archive; ``date`` is ISO 8601 and ``day`` the same in the issue's language."""

    slug: str
    title: str
    preheader: str
    language: str
    direction: str
    date: str
    day: str
    published: Published


class Shelf:
    """The issues that everybody may read.

    Args:
        engine: the database.
        url: where readers reach the publication, without a slash at the end.
    """

    def __init__(self, engine: Engine, url: str) -> None:
        self._engine = engine
        self._url = url
        # What was dispatched is frozen, so nothing here ever becomes stale.
        self.version = lru_cache(maxsize=64)(self._version)
        self.content = lru_cache(maxsize=64)(self._content)
        self._entry = lru_cache(maxsize=10_000)(self._read_entry)

    def published(self, slug: str | None = None) -> dict[str, Published]:
        """By slug, the issues that may have reached somebody and are for everybody; or *slug* alone."""
        found: dict[str, Published] = {}
        for row in self._read(_ALL) if slug is None else self._read(_ISSUE, {"slug": slug}):
            first = found[row.slug].first if row.slug in found else row.created_at
            found[row.slug] = Published(row.id, first, row.created_at, row.topic)
        return found

    def unlisted(self, name: str) -> tuple[str, int] | None:
        """The slug and the id of the dispatch *name*, listed or not; None if there is none."""
        rows = self._read(_NAMED, {"name": name})
        return (rows[0].slug, rows[0].id) if rows else None

    def entries(self, topic: str = "") -> list[Entry]:
        """The newest first, of all topics or one; of those of one date, the one that is out for the shortest.

        What was dispatched again stays where it was: it is no newer for that.
        """
        known = self.published().items()
        chosen = [(slug, each) for slug, each in known if not topic or each.topic == topic]
        chosen.sort(key=lambda pair: (pair[1].first, pair[1].dispatch), reverse=True)
        found = [self._entry(each) for _, each in chosen]
        return sorted(found, key=lambda each: each.date, reverse=True)

    def _read(self, query: Select[Any], values: dict[str, str] | None = None) -> list[Row[Any]]:
        with self._engine.connect() as connection:
            return list(connection.execute(query, values or {}))

    def _version(self, dispatch: int) -> WebVersion:
        return web_version(self._edition(dispatch), self._url)

    def _content(self, entry: Entry, name: str) -> str:
        """What an issue says, for the feed of the publication *name*."""
        edition = self._edition(entry.published.dispatch)
        html = feed_version(edition, self._url, known={entry.title, entry.day, name} - {""})
        # Feed readers show it within pages of their own, which run from left to right.
        return f'<div dir="rtl">{html}</div>' if entry.direction == "rtl" else html

    def edition(self, dispatch: int) -> Edition:
        """The edition that was frozen with a dispatch."""
        return self._edition(dispatch)

    def _edition(self, dispatch: int) -> Edition:
        query = select(DISPATCH.c.edition).where(DISPATCH.c.id == dispatch)
        with self._engine.connect() as connection:
            return Edition.from_json(connection.execute(query).scalar_one())

    def _read_entry(self, published: Published) -> Entry:
        edition = self._edition(published.dispatch)
        version = web_version(edition, self._url)
        day = long_date(date.fromisoformat(edition.date), edition.language) if edition.date else ""
        return Entry(
            slug=edition.slug,
            title=version.title,
            preheader=version.preheader,
            language=edition.language,
            direction=edition.direction,
            date=edition.date or "",
            day=day,
            published=published,
        )
