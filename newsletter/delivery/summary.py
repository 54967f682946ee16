"""The report of one dispatch, to be kept: outcomes, by domain, by reason, who is in doubt, and the times."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from newsletter.delivery.counting import first_and_last, outcomes_by_domain, outcomes_by_reason
from newsletter.delivery.deliveries import STATES, LogLine, log
from newsletter.delivery.engagement import Engagement, Reach, engagement
from newsletter.delivery.models import SETTLEMENT, DeliveryState
from newsletter.delivery.report import Status, find, status
from subscribers.tables import SUBSCRIBER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, tzinfo

    from sqlalchemy import Engine

#: So many domains and reasons are told, the commonest first; the others are counted together.
MOST = 20
#: Parts of a reply that are of one recipient or one connection, and would make each reason a kind of its own.
_PERSONAL = re.compile(r"\S+@\S+|\b(?=\w*\d)(?=\w*[a-zA-Z])[\w-]{8,}(?:\.[\w-]+)*\b|\b\d{6,}\b")


@dataclass(frozen=True)
class Summary:
    """All that a report tells; the moments are None while nobody has an outcome."""

    standing: Status
    domains: Mapping[str, Mapping[str, int]]
    reasons: Mapping[tuple[str, str], int]
    uncertain: Sequence[LogLine]
    settlements: Sequence[Mapping[str, object]]
    first_at: datetime | None
    last_at: datetime | None
    #: Opens and clicks; None if nothing of the dispatch is tracked.
    engagement: Engagement | None = None

    @property
    def seconds(self) -> float | None:
        """From the first outcome to the last."""
        if self.first_at is None or self.last_at is None:
            return None
        return (self.last_at - self.first_at).total_seconds()


def summarise(engine: Engine, name: str) -> Summary:
    """What the ledger tells of a dispatch, counted by the database; those in doubt are told one by one.

    Raises:
        DeliveryError: there is no such dispatch.
    """
    standing = status(engine, name)
    reasons: Counter[tuple[str, str]] = Counter()
    with engine.connect() as connection:
        number = find(connection, name).id
        domains = outcomes_by_domain(connection, number)
        for state, reason, count in outcomes_by_reason(connection, number):
            reasons[state, kind_of(reason)] += count
        first, last = first_and_last(connection, number)
    return Summary(
        standing,
        _commonest(domains),
        dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        list(log(engine, name, DeliveryState.UNCERTAIN)),
        _settlements(engine, name),
        first,
        last,
        engagement(engine, name),
    )


def kind_of(reason: str) -> str:
    """A reason without what is only of one recipient: addresses, queue ids, numbers."""
    return _PERSONAL.sub("…", reason)


def as_document(summary: Summary) -> str:
    """The report as one JSON document."""
    standing = summary.standing
    times = {
        "planned": standing.created_at,
        "first_outcome": summary.first_at,
        "last_outcome": summary.last_at,
        "finished": standing.finished_at,
    }
    document = {
        "dispatch": standing.dispatch,
        "state": standing.state,
        "issue": standing.issue,
        "digest": standing.digest,
        "audience": standing.audience,
        "provider": standing.provider,
        "candidates": standing.candidates,
        "recipients": standing.recipients,
        "excluded": dict(standing.excluded),
        "outcomes": _outcomes(standing),
        "events": dict(standing.events),
        "halted": standing.halted,
        "times": {name: moment and moment.isoformat(timespec="seconds") for name, moment in times.items()},
        "seconds": summary.seconds,
        "domains": {domain: dict(counts) for domain, counts in summary.domains.items()},
        "reasons": [
            {"state": state, "reason": reason, "count": count}
            for (state, reason), count in summary.reasons.items()
        ],
        "uncertain": [{"email": line.email, "message_id": line.message_id} for line in summary.uncertain],
        "settled": list(summary.settlements),
        **({"engagement": summary.engagement.to_dict()} if summary.engagement else {}),
    }
    return json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n"


def as_markdown(summary: Summary, zone: tzinfo) -> str:
    """The report as Markdown, with the times in *zone*."""
    standing = summary.standing
    people = "recipient" if standing.recipients == 1 else "recipients"
    lines = [f"# Dispatch {standing.dispatch}", ""]
    lines += [
        f"{standing.audience}, {standing.recipients:,} {people} by {standing.provider}: {standing.state}."
    ]
    lines += [f"Halted: {_cell(standing.halted)}"] if standing.halted else []
    outcomes = [
        (state, f"{count:,}", _percent(count, standing.recipients))
        for state, count in _outcomes(standing).items()
    ]
    lines += _table("Outcomes", ("outcome", "recipients", "share"), outcomes)
    events = [
        (kind, f"{count:,}", _percent(count, standing.accepted)) for kind, count in standing.events.items()
    ]
    lines += _table("What was learned since", ("event", "deliveries", "of those accepted"), events)
    excluded = [(reason, f"{count:,}") for reason, count in sorted(standing.excluded.items())]
    lines += _table("Excluded when it was planned", ("reason", "people"), excluded)
    lines += _table("Times", ("what", "when"), _times(summary, zone))
    states = [state for state in STATES if any(counts.get(state) for counts in summary.domains.values())]
    domains = [
        (domain, *(f"{counts.get(state, 0):,}" for state in states))
        for domain, counts in summary.domains.items()
    ]
    lines += _table("By domain", ("domain", *states), domains)
    reasons = [
        (state, reason, f"{count:,}") for (state, reason), count in list(summary.reasons.items())[:MOST]
    ]
    lines += _table("By reason", ("outcome", "reason", "recipients"), reasons)
    lines += _engaged(summary.engagement) if summary.engagement else []
    uncertain = [(line.email, line.message_id) for line in summary.uncertain]
    lines += _table("May or may not have been mailed", ("address", "Message-ID"), uncertain)
    settled = [(each["email"], each["before"], each["after"], each["reason"]) for each in summary.settlements]
    lines += _table("Settled by hand or by evidence", ("address", "before", "after", "reason"), settled)
    return "\n".join(lines) + "\n"


def _engaged(found: Engagement) -> list[str]:
    """Opens and clicks, each recipient counted once, and the links."""
    columns = ("people", "by machines only", "without names")
    done = [("opened", *_reach(found.opens)), ("clicked", *_reach(found.clicks))]
    lines = _table("Opens and clicks", ("what", *columns), done)
    links = [(link.place or "", link.url, link.part, *_reach(link.clicks)) for link in found.links]
    lines += _table("Clicks by link", ("link", "address", "part", *columns), links)
    rules = [(rule, f"{count:,}") for rule, count in found.rules.items()]
    return lines + _table("Taken for machines", ("rule", "events"), rules)


def _reach(reach: Reach) -> tuple[str, str, str]:
    return f"{reach.people:,}", f"{reach.machines:,}", f"{reach.anonymous:,}"


def _times(summary: Summary, zone: tzinfo) -> list[tuple[str, str]]:
    standing = summary.standing
    moments = (
        ("planned", standing.created_at),
        ("first outcome", summary.first_at),
        ("last outcome", summary.last_at),
        ("finished", standing.finished_at),
    )
    rows = [(what, f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}") for what, moment in moments if moment]
    if summary.seconds:
        done = standing.recipients - standing.pending
        rows.append(
            ("rate", f"{done / summary.seconds:,.1f} outcomes a second over {summary.seconds:,.0f} s")
        )
    return rows


def _outcomes(standing: Status) -> dict[str, int]:
    return {state: getattr(standing, state) for state in STATES}


def _commonest(domains: Mapping[str, Counter[str]]) -> dict[str, Counter[str]]:
    """The domains with the most recipients, and all others as one."""
    ranked = sorted(domains.items(), key=lambda item: (-item[1].total(), item[0]))
    found = dict(ranked[:MOST])
    if others := ranked[MOST:]:
        found["(others)"] = sum((counts for _, counts in others), Counter())
    return found


def _settlements(engine: Engine, name: str) -> list[dict[str, object]]:
    with engine.connect() as connection:
        dispatch = find(connection, name)
        rows = connection.execute(
            select(SETTLEMENT, SUBSCRIBER.c.email)
            .outerjoin(SUBSCRIBER, SUBSCRIBER.c.id == SETTLEMENT.c.subscriber_id)
            .where(SETTLEMENT.c.dispatch_id == dispatch.id)
            .order_by(SETTLEMENT.c.id)
        ).all()
    return [
        {
            "email": row.email or "",
            "before": row.before,
            "after": row.after,
            "reason": row.reason,
            "at": row.at,
        }
        for row in rows
    ]


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """A heading and a table, or nothing where there are no rows."""
    if not rows:
        return []
    head = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    return ["", f"## {title}", "", *head, *(f"| {' | '.join(map(_cell, row))} |" for row in rows)]


def _cell(value: object) -> str:
    """A value as text of a table's cell: nothing of it is markup."""
    text = re.sub(r"([\\|`*_\[\]<>&])", r"\\\1", " ".join(str(value).split()))
    return text.replace("\\_", "_")


def _percent(count: int, of: int) -> str:
    return f"{100 * count / of:.1f}%" if of else ""
