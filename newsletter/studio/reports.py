"""What the pages about dispatches and the list show: figures, gathered, and their charts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any

from newsletter.delivery import STATES, DispatchState, Status, engagement, status, statuses
from newsletter.delivery.counting import mark_of
from newsletter.delivery.summary import summarise
from newsletter.delivery.timeline import timeline
from newsletter.editions.links import find_links
from newsletter.errors import DeliveryError
from newsletter.studio.charts import Chart, Series
from newsletter.studio.clicked import Spot, spot_of, spots_of
from newsletter.studio.proof import prove
from newsletter.studio.readers import MADE_UP
from newsletter.studio.versions import frozen_edition
from subscribers import EventKind
from subscribers.statistics import statistics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from sqlalchemy import Engine

    from newsletter.delivery import Extent, LinkClicks
    from newsletter.delivery.counting import Mark
    from newsletter.delivery.summary import Summary
    from newsletter.delivery.timeline import Timeline
    from newsletter.editions import Edition
    from newsletter.studio.desk import Desk
    from newsletter.studio.proof import Proof

#: So many dispatches are listed and compared.
COMPARED = 30
MONTHS = 12
#: What is told with people and machines apart, and not among what else was learned.
TRACKED = (EventKind.OPENED, EventKind.CLICKED)
#: The attribute with the place of a link.
PLACE = "data-place"


@dataclass(frozen=True)
class Compared:
    """One dispatch in the comparison of issues."""

    standing: Status

    def share(self, kind: str) -> float | None:
        """Of those whose message was accepted, the share of whom *kind* is known; None where nothing is."""
        count = self.standing.events.get(kind)
        return count / self.standing.accepted if count and self.standing.accepted else None


class Reports:
    """Reads the ledger and the list.

    Args:
        engine: the database; None when there is none yet.
        desk: the issues, for drawing clicks on an edition.
    """

    def __init__(self, engine: Engine | None, desk: Desk) -> None:
        self._engine = engine
        self._desk = desk
        self._known: dict[str, tuple[object, Summary]] = {}
        self._timelines: dict[str, tuple[object, Timeline]] = {}
        self._cost: dict[str, float] = {}

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the publication."""
        return self._desk.zone

    def dispatches(self) -> dict[str, Any]:
        """All dispatches, the newest first, and how they compare."""
        standings = statuses(self._engine, most=COMPARED) if self._engine is not None else []
        rows = [Compared(each) for each in standings]
        return {"rows": rows, "chart": _comparison(list(reversed(rows))), "zone": self.zone}

    def standing(self, name: str) -> Status | None:
        """How a dispatch stands now; None when there is none of that name."""
        if self._engine is None:
            return None
        try:
            return status(self._engine, name)
        except DeliveryError:
            return None

    def dispatch(self, name: str) -> dict[str, Any] | None:
        """All that the page of a dispatch shows; None when there is none of that name."""
        begun, standing = perf_counter(), self.standing(name)
        if self._engine is None or standing is None:
            return None
        summary = self._summary(self._engine, standing)
        over_time = self._timeline(self._engine, standing)
        self._cost[name] = perf_counter() - begun
        edition = frozen_edition(self._engine, name)
        return {
            "standing": standing,
            "summary": summary,
            "outcomes": {state: getattr(standing, state) for state in STATES},
            "states": [state for state in STATES if any(c.get(state) for c in summary.domains.values())],
            "chart": outcomes_chart(over_time, self.zone),
            "later": [(kind, count) for kind, count in standing.events.items() if kind not in TRACKED],
            "engaged": summary.engagement,
            "followed": _most_followed(summary),
            "zone": self.zone,
            "live": standing.state in (DispatchState.PLANNED, DispatchState.RUNNING),
            "drawable": edition is not None,
            "spots": self._spots(edition, summary),
        }

    def clicked(self, name: str) -> tuple[Proof, tuple[LinkClicks, ...]] | None:
        """The edition of a dispatch as the example reader got it, and who followed its links.

        Each link bears its place, if it has one, as `PLACE`.
        """
        edition, standing = frozen_edition(self._engine, name), self.standing(name)
        if self._engine is None or edition is None or standing is None:
            return None
        found = engagement(self._engine, name)
        publication = self._desk.publication
        if found and found.extent:
            edition = _with_places(edition, found.extent, publication.url)
        nothing = {each.name: b"" for each in edition.attachments}
        proof = prove(edition, nothing, publication, MADE_UP[0], standing.created_at.timestamp())
        return proof, found.links if found else ()

    def shown(self, proof: Proof) -> str:
        """The HTML of *proof* with images as the studio has them."""
        return self._desk.with_own_images(proof.html, proof.message.composer.edition)

    def people(self) -> dict[str, Any]:
        """How the list grows and shrinks."""
        if self._engine is None:
            return {"statistics": None, "chart": None}
        told = statistics(self._engine, datetime.now(UTC), MONTHS)
        labels = [month.month for month in told.months]
        series = [
            Series("joined", [month.joined + month.returned for month in told.months]),
            Series("left", [month.unsubscribed for month in told.months]),
            Series(
                "bounced, complained or erased", [month.lost - month.unsubscribed for month in told.months]
            ),
        ]
        chart = Chart("growth", "The list by month", labels, series, "people")
        active = Series("active", [month.active for month in told.months])
        size = Chart(
            "size", "Who could be mailed, at the end of each month", labels, [active], "people", summed=False
        )
        return {"statistics": told, "chart": chart, "size": size}

    def table(self, name: str, table: str) -> list[Sequence[object]] | None:
        """The rows of one table of a dispatch's page, its head first; None when there is none."""
        shown = self.dispatch(name)
        if shown is None:
            return None
        summary = shown["summary"]
        if table == "outcomes":
            return [("outcome", "recipients"), *shown["outcomes"].items()]
        if table == "time":
            return list(shown["chart"].rows())
        if table == "domains":
            return [
                ("domain", *shown["states"]),
                *(
                    (domain, *(counts.get(s, 0) for s in shown["states"]))
                    for domain, counts in summary.domains.items()
                ),
            ]
        if table == "reasons":
            return [
                ("outcome", "reason", "recipients"),
                *((s, reason, n) for (s, reason), n in summary.reasons.items()),
            ]
        if table == "uncertain":
            return [
                ("email", "message_id", "at"),
                *((line.email, line.message_id, line.at) for line in summary.uncertain),
            ]
        return _click_rows(summary, shown["spots"]) if table == "clicks" else None

    def _spots(self, edition: Edition | None, summary: Summary) -> Mapping[object, Spot]:
        """What the links of a dispatch say; nothing where nobody follows them."""
        if edition is None or summary.engagement is None:
            return {}
        return spots_of(edition, summary.engagement.extent, self._desk.publication.url)

    def mark(self, name: str) -> Mark | None:
        """What is another as soon as an outcome is recorded, found cheaply; None without such a dispatch."""
        return mark_of(self._engine, name) if self._engine is not None else None

    def cost(self, name: str) -> float:
        """How long it took to read what the page of a dispatch shows, the last time, in seconds."""
        return self._cost.get(name, 0.0)

    def _summary(self, engine: Engine, standing: Status) -> Summary:
        """What the whole ledger tells of a dispatch, read again only when an outcome changed."""
        name, key = standing.dispatch, _outcomes_of(standing)
        known = self._known.get(name)
        if known is None or known[0] != key:
            summary = summarise(engine, name)
            self._known[name] = (_outcomes_of(summary.standing), summary)
            return summary
        return replace(known[1], standing=standing, engagement=engagement(engine, name))

    def _timeline(self, engine: Engine, standing: Status) -> Timeline:
        """The same of the outcomes over time."""
        name, key = standing.dispatch, _outcomes_of(standing)
        known = self._timelines.get(name)
        if known is None or known[0] != key:
            self._timelines[name] = known = (key, timeline(engine, name))
        return known[1]


def _outcomes_of(standing: Status) -> tuple[object, ...]:
    """What is another whenever an outcome is."""
    return standing.state, *(getattr(standing, state) for state in STATES)


def _most_followed(summary: Summary) -> list[LinkClicks]:
    """The links of a dispatch, those first that most people followed."""
    links = summary.engagement.links if summary.engagement else ()
    return sorted(
        links, key=lambda link: (-link.clicks.people, -link.clicks.anonymous, -link.clicks.machines)
    )


def _click_rows(summary: Summary, spots: Mapping[object, Spot]) -> list[Sequence[object]]:
    """Who followed each link, by where it stands and what it says, the head first."""
    rows: list[Sequence[object]] = [
        ("place", "text", "below", "url", "part", "people", "machines", "anonymous")
    ]
    for each in summary.engagement.links if summary.engagement else ():
        spot, did = spot_of(spots, each), each.clicks
        counts = (did.people, did.machines, did.anonymous)
        rows.append((each.place or "", spot.text, spot.below, each.url, each.part, *counts))
    return rows


def _with_places(edition: Edition, extent: Extent, base: str) -> Edition:
    """*edition* with its place on each tracked link; as it is if its links are not those that were frozen."""
    links = find_links(edition, base)[: len(extent.links)]
    if tuple(link.frozen for link in links) != extent.links:
        return edition
    parts, end = [], 0
    for place, link in enumerate(links, 1):
        if link.part == "html":
            parts += [edition.html[end : link.end + 1], f' {PLACE}="{place}"']  # behind the quotation mark
            end = link.end + 1
    return replace(edition, html="".join((*parts, edition.html[end:])))


def outcomes_chart(over_time: Timeline, zone: ZoneInfo) -> Chart:
    """The outcomes of a dispatch over time."""
    form = "%H:%M:%S" if over_time.seconds < 60 else "%H:%M" if over_time.seconds < 6 * 3600 else "%d %b"
    labels = [moment.at.astimezone(zone).strftime(form) for moment in over_time.moments]
    states = [state for state in STATES if state != "pending"]
    series = [
        Series(state, [moment.counts.get(state, 0) for moment in over_time.moments]) for state in states
    ]
    return Chart("outcomes", f"Outcomes, every {_span(over_time.seconds)}", labels, series, "recipients")


def _comparison(rows: Sequence[Compared]) -> Chart:
    labels = [row.standing.dispatch for row in rows]
    states = [state for state in STATES if state != "pending"]
    series = [Series(state, [getattr(row.standing, state) for row in rows]) for state in states]
    return Chart("compared", "Outcomes by dispatch", labels, series, "recipients")


def _span(seconds: int) -> str:
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            number = seconds // size
            return word if number == 1 else f"{number} {word}s"
    return "moment"
