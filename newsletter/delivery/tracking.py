"""What is frozen of a tracked dispatch, and the marks that its messages bear.

A row says for ever where each link of an edition leads. It refers to no dispatch, so that links in mail that
is out there go on working whatever else is forgotten.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Boolean, Column, Text, select
from sqlmodel import Field, SQLModel

from newsletter.delivery.models import DISPATCH
from newsletter.editions.links import Link, find_links, track, tracking_of
from newsletter.messages.marks import MOST_PLACES, Marks
from subscribers.columns import RowId
from subscribers.tables import insert
from subscribers.tracking import trackable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Engine

    from newsletter.config import TrackingSettings
    from newsletter.editions import Edition
    from newsletter.editions.links import Tracked
    from newsletter.issues import Issue


class TrackedDispatch(SQLModel, table=True):
    """What of a dispatch is tracked; ``links`` is a JSON list of pairs: address, and ``html`` or ``text``."""

    __tablename__ = "tracked_dispatch"
    __table_args__ = {"sqlite_with_rowid": False}

    # No foreign key: a link is to work when its dispatch is forgotten.
    dispatch_id: int = Field(sa_column=Column(RowId, primary_key=True, autoincrement=False))
    opens: bool = Field(sa_column=Column(Boolean, nullable=False))
    clicks: bool = Field(sa_column=Column(Boolean, nullable=False))
    anonymous: bool = Field(sa_column=Column(Boolean, nullable=False))
    links: str = Field(sa_column=Column(Text, nullable=False))


class TrackingCount(SQLModel, table=True):
    """How often somebody, nobody knows who, opened a message (link 0) or followed a link of a dispatch."""

    __tablename__ = "tracking_count"
    __table_args__ = {"sqlite_with_rowid": False}

    dispatch_id: int = Field(sa_column=Column(RowId, primary_key=True, autoincrement=False))
    kind: str = Field(sa_column=Column(Text, primary_key=True))
    link: int = Field(sa_column=Column(RowId, primary_key=True, autoincrement=False))
    by_machine: bool = Field(sa_column=Column(Boolean, primary_key=True))
    count: int = Field(sa_column=Column(RowId, nullable=False))


TRACKED = SQLModel.metadata.tables["tracked_dispatch"]
COUNT = SQLModel.metadata.tables["tracking_count"]


@dataclass(frozen=True)
class Extent:
    """What of a dispatch is tracked, and where its links lead, by place: that of the first is 1.

    ``name``, ``issue`` and ``topic`` are empty when the dispatch itself is forgotten.
    """

    opens: bool
    clicks: bool
    anonymous: bool
    links: tuple[tuple[str, str], ...]
    name: str = ""
    issue: str = ""
    topic: str = ""

    @property
    def words(self) -> str:
        """What is tracked, for people: ``opens and 12 links, without names``."""
        parts = ["opens"] if self.opens else []
        links = len({url for url, _ in self.links})
        parts += [f"{links:,} {'link' if links == 1 else 'links'}"] if self.clicks else []
        return " and ".join(parts) + (", without names" if self.anonymous else "")

    def url(self, place: int) -> str | None:
        """Where the link at *place* leads; None if there is none."""
        return self.links[place - 1][0] if 0 < place <= len(self.links) else None


def extent_of(settings: TrackingSettings, issue: Issue, edition: Edition, base: str) -> Extent | None:
    """What is to be tracked of an issue, as it is frozen; None if nothing is."""
    wanted = tracking_of(settings, issue)
    if wanted is None:
        return None
    links = find_links(edition, base)[:MOST_PLACES] if wanted.clicks else ()
    return Extent(wanted.opens, wanted.clicks, wanted.anonymous, tuple(link.frozen for link in links))


def freeze_extent(connection: Connection, dispatch_id: int, extent: Extent) -> None:
    """Keep what of a dispatch is tracked, in the transaction that plans it."""
    row = {
        "dispatch_id": dispatch_id,
        "opens": extent.opens,
        "clicks": extent.clicks,
        "anonymous": extent.anonymous,
        "links": json.dumps(extent.links, ensure_ascii=False, separators=(",", ":")),
    }
    connection.execute(insert(connection, TRACKED).values(row))


def frozen_extent(connection: Connection, dispatch_id: int) -> Extent | None:
    """What of a dispatch is tracked; None if nothing is."""
    query = (
        select(TRACKED, DISPATCH.c.name, DISPATCH.c.slug, DISPATCH.c.topic)
        .outerjoin(DISPATCH, DISPATCH.c.id == TRACKED.c.dispatch_id)
        .where(TRACKED.c.dispatch_id == dispatch_id)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    links = tuple((url, part) for url, part in json.loads(row.links))
    told = (row.name or "", row.slug or "", row.topic or "")
    return Extent(row.opens, row.clicks, row.anonymous, links, *told)


@dataclass(frozen=True)
class Tracker:
    """Gives the marks of a dispatch's messages to those who may be tracked.

    ``edition`` is what these get; ``opt_out`` says that all may be who did not refuse.
    """

    dispatch_id: int
    edition: Tracked
    marks: Marks
    anonymous: bool
    opt_out: bool

    def among(self, connection: Connection, ids: Sequence[int]) -> Mapping[int, Mapping[str, str]]:
        """The marks of each of *ids* who may be tracked, by token."""
        willing = trackable(connection, ids, opt_out=self.opt_out)
        tokens, places = list(self.edition.marks), list(self.edition.marks.values())
        if self.anonymous:
            alike = dict(zip(tokens, self.marks.write(self.dispatch_id, 0, places), strict=True))
            return dict.fromkeys(willing, alike)
        write, dispatch = self.marks.write, self.dispatch_id
        return {who: dict(zip(tokens, write(dispatch, who, places), strict=True)) for who in willing}


def make_tracker(
    engine: Engine, dispatch_id: int, edition: Edition, settings: TrackingSettings | None, base: str
) -> Tracker | None:
    """What marks the messages of a dispatch; None if nothing of it is tracked.

    Only what was frozen when it was planned is tracked, and only what the settings allow still. Should the
    links not be found where they were then, none of them is touched.
    """
    if settings is None or not settings.anywhere:
        return None
    with engine.connect() as connection:
        frozen = frozen_extent(connection, dispatch_id)
    if frozen is None:
        return None
    now = settings.about(frozen.topic)
    links: Sequence[Link] = find_links(edition, base)[:MOST_PLACES] if frozen.clicks and now.clicks else ()
    if tuple(link.frozen for link in links) != frozen.links:
        links = ()
    opens = frozen.opens and now.opens
    if not links and not opens:
        return None
    return Tracker(
        dispatch_id,
        track(edition, base, links, opens=opens),
        Marks(engine),
        anonymous=frozen.anonymous or now.anonymous,
        opt_out=now.consent == "opt-out",
    )
