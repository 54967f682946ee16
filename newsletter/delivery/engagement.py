"""Who opened and who clicked, people and machines apart, of a dispatch as a whole and of each link."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import select

from newsletter.delivery.report import find
from newsletter.delivery.tracking import COUNT, frozen_extent
from subscribers import EventKind
from subscribers.engagement import EVENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Engine

    from newsletter.delivery.tracking import Extent


@dataclass(frozen=True)
class Reach:
    """How many did something.

    ``people`` are subscribers who did it themselves, and ``machines`` those for whom only a machine did it;
    each is counted once. ``anonymous`` and ``anonymous_machines`` are how often it was done by nobody knows
    whom.
    """

    people: int = 0
    machines: int = 0
    anonymous: int = 0
    anonymous_machines: int = 0

    def to_dict(self) -> dict[str, int]:
        """The numbers; those without names only where there are some."""
        told = {"people": self.people, "machines": self.machines}
        if self.anonymous or self.anonymous_machines:
            told |= {"anonymous": self.anonymous, "anonymous_machines": self.anonymous_machines}
        return told


@dataclass(frozen=True)
class LinkClicks:
    """A link of an edition, its place (the first has 1), and who followed it. ``part`` is html or text.

    A provider's own events have no place: those are told of the address as a whole, at place 0.
    """

    place: int
    url: str
    part: str
    clicks: Reach


@dataclass(frozen=True)
class Engagement:
    """What is known of opens and clicks of one dispatch; ``rules`` is how many events which rule took out."""

    opens: Reach
    clicks: Reach
    links: tuple[LinkClicks, ...] = ()
    rules: Mapping[str, int] = field(default_factory=dict)
    extent: Extent | None = None

    def to_dict(self) -> dict[str, object]:
        """As documents have it."""
        return {
            "opens": self.opens.to_dict(),
            "clicks": self.clicks.to_dict(),
            "links": [
                {"place": link.place, "url": link.url, "part": link.part, **link.clicks.to_dict()}
                for link in self.links
            ],
            "machines": dict(self.rules),
        }


def engagement(engine: Engine, dispatch: str) -> Engagement | None:
    """Opens and clicks of the dispatch of that name; None if nothing of it is tracked and nothing known.

    Raises:
        DeliveryError: there is no such dispatch.
    """
    with engine.connect() as connection:
        row = find(connection, dispatch)
        extent = frozen_extent(connection, row.id)
        tally = _Tally(connection, row.id, row.slug, row.name)
    if extent is None and not tally.seen:
        return None
    links = extent.links if extent else ()
    told = [
        LinkClicks(place, url, part, tally.reach(EventKind.CLICKED, place))
        for place, (url, part) in enumerate(links, 1)
    ]
    told += [
        LinkClicks(0, url, "html", tally.reach(EventKind.CLICKED, url)) for url in sorted(tally.without_place)
    ]
    opens, clicks = tally.reach(EventKind.OPENED), tally.reach(EventKind.CLICKED)
    return Engagement(opens, clicks, tuple(told), dict(sorted(tally.rules.items())), extent)


def clicks_by_link(engine: Engine, dispatch: str) -> tuple[LinkClicks, ...]:
    """Who followed which link of a dispatch's edition, in the order of the links.

    Raises:
        DeliveryError: there is no such dispatch.
    """
    found = engagement(engine, dispatch)
    return found.links if found else ()


class _Tally:
    """Reads the events and the numbers of one dispatch, once."""

    def __init__(self, connection: Connection, dispatch_id: int, slug: str, name: str) -> None:
        self._people: defaultdict[object, set[int]] = defaultdict(set)
        self._machines: defaultdict[object, set[int]] = defaultdict(set)
        self._numbers: defaultdict[object, int] = defaultdict(int)
        self.rules: defaultdict[str, int] = defaultdict(int)
        #: Addresses that were followed, nobody knows at which place.
        self.without_place: set[str] = set()
        self.seen = False
        self._read_events(connection, slug, name)
        self._read_numbers(connection, dispatch_id)

    def _read_events(self, connection: Connection, slug: str, name: str) -> None:
        columns = EVENT.c
        query = select(
            columns.kind,
            columns.subscriber_id,
            columns.by_machine,
            columns.machine,
            columns.link,
            columns.url,
        ).where(
            columns.issue == slug,
            columns.kind.in_([EventKind.OPENED, EventKind.CLICKED]),
            columns.dispatch == name,
        )
        for kind, who, by_machine, rule, link, url in connection.execute(query):
            self.seen = True
            ours = self._machines if by_machine else self._people
            place = link if link is not None else url
            ours[kind].add(who)
            if kind == EventKind.CLICKED:
                ours[kind, place].add(who)
                self.without_place |= {url} if link is None else set()
            if by_machine:
                self.rules[rule or "provider"] += 1

    def _read_numbers(self, connection: Connection, dispatch_id: int) -> None:
        columns = (COUNT.c[name] for name in ("kind", "link", "by_machine", "count"))
        rows = connection.execute(select(*columns).where(COUNT.c.dispatch_id == dispatch_id))
        for kind, link, by_machine, count in rows:
            self.seen = True
            self._numbers[kind, by_machine] += count
            if kind == EventKind.CLICKED:
                self._numbers[(kind, link), by_machine] += count

    def reach(self, kind: EventKind, place: int | str | None = None) -> Reach:
        """How many did *kind*, or followed the link at *place*."""
        key: object = kind.value if place is None else (kind.value, place)
        people = self._people[key]
        return Reach(
            len(people),
            len(self._machines[key] - people),
            self._numbers[key, False],
            self._numbers[key, True],
        )
