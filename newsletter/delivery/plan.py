"""Planning: who gets an edition, frozen together with the edition in one transaction.

Every candidate is either planned or excluded for one reason, and the plan says how many for which.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, text

from newsletter.delivery.collecting import seldom_collecting
from newsletter.delivery.freezing import ABOUT_TO_RECEIVE, ALREADY_RECEIVED, Freezer
from newsletter.delivery.models import DISPATCH, EXCLUSION, DispatchState
from newsletter.delivery.received import Received
from newsletter.delivery.schedule import Due, Schedule
from newsletter.delivery.tracking import Extent, freeze_extent
from newsletter.errors import DeliveryError
from subscribers.columns import now as right_now
from subscribers.database import reading, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine, Row

    from newsletter.delivery.audience import Audience
    from newsletter.editions.edition import Edition
    from newsletter.providers import Provider
    from subscribers import SubscriberStore

#: A batch has at most so many recipients, whatever the provider would take.
LARGEST_BATCH = 1000
# Any number will do, as long as every machine asks PostgreSQL for the same one.
_PLANNING_LOCK = 6_273_782


@dataclass(frozen=True)
class Plan:
    """What planning came to; ``dispatch`` is the name of what will be, is, or was sent."""

    dispatch: str
    state: DispatchState
    audience: str
    candidates: int
    planned: int
    excluded: Mapping[str, int]
    #: True if the dispatch was there before: it goes on where it stood.
    continued: bool
    #: For when it was planned, as `Schedule.frozen` has it; empty: at once.
    schedule: str = ""
    #: Whether the archive will show the issue to everybody.
    archived: bool = True


def plan_dispatch(
    engine: Engine,
    store: SubscriberStore,
    edition: Edition,
    audience: Audience,
    *,
    provider: Provider,
    sender: str,
    again: bool = False,
    asked: datetime | None = None,
    newcomers: bool = False,
    dry_run: bool = False,
    schedule: Schedule | None = None,
    tracked: Extent | None = None,
    look: Callable[[Connection, Sequence[int]], None] | None = None,
    clock: Callable[[], datetime] = right_now,
) -> Plan:
    """Freeze *edition* and *audience* into a dispatch, or find the one that was made of them before.

    Args:
        engine: the database.
        store: the list.
        edition: what everybody gets.
        audience: who is meant; evaluated now.
        provider: what will take the messages.
        sender: the From of the messages, for the record.
        again: begin a new dispatch even if there was one, and mail those who already received the issue.
        asked: when that was asked for. A dispatch that was begun since then, by another process, is gone on
            with: whoever asked cannot have known of it, and two who ask at once mean one dispatch.
        newcomers: if the last dispatch to the audience is finished, begin one for those who joined since.
        dry_run: only count; nothing is written.
        schedule: when the messages are due; None means at once.
        tracked: what of it is tracked; None means nothing.
        look: in a dry run, is shown those who would be planned, batch by batch.
        clock: the present moment.

    Raises:
        DeliveryError: nobody is left to mail; or the same audience has a dispatch of the issue with other
            content or over another provider.
    """
    # A dry run looks at one moment: else another process might plan the dispatch after it was looked for.
    with reading(engine) if dry_run else writing(engine) as connection:
        if not dry_run:
            _wait_for_turn(connection)
        since = asked if again else None
        if (not again or since) and (
            existing := _existing(connection, edition, audience, provider, since, newcomers=newcomers)
        ):
            return _continued(connection, existing)
        name = _new_name(connection, edition.slug)
        now = clock()
        freezer = Freezer(
            connection, min(provider.batch_size, LARGEST_BATCH), Due(store, schedule, now), look
        )
        frozen = schedule.frozen(now) if schedule else ""
        if not dry_run:
            begun = freezer.begin(name, edition, audience, provider, sender, now, frozen)
            if tracked is not None:
                freeze_extent(connection, begun, tracked)
        received = None if again else Received(connection, edition.slug)
        with seldom_collecting():
            candidates = store.candidates(connection, audience.segment, topic=audience.topic)
            while page := list(islice(candidates, LARGEST_BATCH)):
                freezer.take(page, received)
        if received is not None:
            received.close()
        freezer.end()
        if freezer.planned == 0:
            raise _nobody(audience, freezer)
    return Plan(
        dispatch=name,
        state=DispatchState.PLANNED,
        audience=audience.words,
        candidates=freezer.candidates,
        planned=freezer.planned,
        excluded=dict(freezer.excluded),
        continued=False,
        schedule=frozen,
        archived=audience.archived,
    )


def _wait_for_turn(connection: Connection) -> None:
    """Let no two who plan at once find that there is no dispatch yet; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _PLANNING_LOCK})


def _existing(
    connection: Connection,
    edition: Edition,
    audience: Audience,
    provider: Provider,
    since: datetime | None,
    *,
    newcomers: bool,
) -> Row[Any] | None:
    """The last dispatch of the issue to the audience, if it can be gone on with or is finished.

    One that was begun before *since* does not count.
    """
    row = connection.execute(
        select(DISPATCH)
        .where(
            DISPATCH.c.slug == edition.slug,
            DISPATCH.c.audience_key == audience.key,
            DISPATCH.c.state != DispatchState.CANCELLED,
        )
        .order_by(DISPATCH.c.id.desc())
        .limit(1)
    ).first()
    if row is None or (since is not None and row.created_at < since):
        return None
    finished = row.state == DispatchState.FINISHED
    if finished and newcomers:
        return None
    if row.digest != edition.digest:
        go_on = "" if finished else f"`newsletter resume {row.name}` goes on with what it had then; "
        raise DeliveryError(
            f"the issue has changed since its dispatch to this audience, which is {row.state}",
            where=row.name,
            hint=f"{go_on}`--again` mails everybody anew",
        )
    if row.provider != provider.name and not finished:
        raise DeliveryError(
            f"the dispatch was planned for {row.provider}, not for {provider.name}",
            where=row.name,
            hint=f"go on with `newsletter resume {row.name}`, or end it with `newsletter cancel {row.name}`",
        )
    return row


def _continued(connection: Connection, row: Row[Any]) -> Plan:
    state = DispatchState(row.state)
    excluded = excluded_of(connection, row.id)
    return Plan(
        row.name,
        state,
        row.audience,
        row.candidates,
        row.planned,
        excluded,
        True,
        row.schedule,
        bool(row.archived),
    )


def excluded_of(connection: Connection, dispatch_id: int) -> dict[str, int]:
    """How many candidates were not planned, by reason."""
    return excluded_from(connection, [dispatch_id]).get(dispatch_id, {})


def excluded_from(connection: Connection, dispatches: Sequence[int]) -> dict[int, dict[str, int]]:
    """How many candidates were not planned, by dispatch and reason; no dispatch of which there are none."""
    columns = EXCLUSION.c
    rows = connection.execute(
        select(columns.dispatch_id, columns.reason, columns.count)
        .where(columns.dispatch_id.in_(dispatches))
        .order_by(columns.reason)
    )
    found: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for dispatch_id, reason, count in rows:
        found[dispatch_id][reason] = int(count)
    return dict(found)


def _new_name(connection: Connection, slug: str) -> str:
    """``SLUG-1`` for the first dispatch of an issue, ``SLUG-2`` for the next."""
    count = connection.scalar(select(func.count()).where(DISPATCH.c.slug == slug)) or 0
    return f"{slug}-{count + 1}"


def _nobody(audience: Audience, freezer: Freezer) -> DeliveryError:
    if freezer.candidates == 0:
        return DeliveryError(
            f"{audience.words} matches nobody",
            where="audience",
            hint="see whom a segment means with `newsletter segments show NAME`"
            if audience.segment is not None
            else "the list is empty; `newsletter subscribers import FILE` fills it",
        )
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(freezer.excluded.items()))
    return DeliveryError(
        f"{audience.words} leaves nobody to mail: of {freezer.candidates}, {reasons}",
        where="audience",
        hint="`--again` mails those once more who already received the issue"
        if ALREADY_RECEIVED in freezer.excluded
        else "`newsletter status` names the dispatch they wait in, and `newsletter resume` goes on with it"
        if ABOUT_TO_RECEIVE in freezer.excluded
        else f"only active subscribers who chose the topic `{audience.topic}` are mailed"
        if audience.topic
        else "only active subscribers are mailed",
    )
