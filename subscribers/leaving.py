"""How one person confirms, leaves, pauses and is forgotten: each a change with a line in the consent log."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, insert, select, update

from subscribers.consent import GONE, Consent, change_status, consent_row, record
from subscribers.engagement import forget_events
from subscribers.errors import ConsentError
from subscribers.models import ConsentKind, Status, SubscriptionState, SuppressionReason, new_public_id
from subscribers.suppression import lift, reasons, scope_of, suppress
from subscribers.tables import CONSENT_EVENT, SEGMENT, SUBSCRIBER, TAGS, TOPICS
from subscribers.topics import has_topic, leave, settle, topic_id
from subscribers.words import take_words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Row

_SAID = ("kind", "source", "text", "ip", "user_agent", "text_version", "topic", "status", "at")
# PostgreSQL locks the rows here, always in the same order, and looks at each again once it has the lock: of
# two at once, one finds nobody.
_TELL = (
    insert(CONSENT_EVENT)
    .from_select(
        ["subscriber_id", *_SAID],
        select(
            SUBSCRIBER.c.id,
            *(bindparam(f"said_{name}", type_=CONSENT_EVENT.c[name].type) for name in _SAID),
        )
        .where(
            SUBSCRIBER.c.public_id.in_(bindparam("people", expanding=True)),
            SUBSCRIBER.c.status.not_in([Status.UNSUBSCRIBED.value, Status.ERASED.value]),
        )
        .order_by(SUBSCRIBER.c.id)
        .with_for_update(),
    )
    .returning(CONSENT_EVENT.c.subscriber_id)
)
_LEAVE = (
    update(SUBSCRIBER)
    .where(SUBSCRIBER.c.id.in_(bindparam("numbers", expanding=True)))
    .values(status=Status.UNSUBSCRIBED.value, updated_at=bindparam("moment"))
)

_STATUS_OF_REASON = {
    SuppressionReason.BOUNCED: (Status.BOUNCED, ConsentKind.BOUNCED),
    SuppressionReason.COMPLAINED: (Status.COMPLAINED, ConsentKind.COMPLAINED),
}


def find_row(connection: Connection, where: ColumnElement[bool]) -> Row[Any] | None:
    """Somebody's row, locked until the end of the transaction: nobody else changes it meanwhile."""
    return connection.execute(select(SUBSCRIBER).where(where).with_for_update()).first()


def confirm(connection: Connection, row: Row[Any], consent: Consent, at: datetime) -> bool:
    """Let somebody who signed up be mailed from now on; False if there is nothing that they could confirm.

    What was suppressed for another reason than the publication's own is lifted, and the topics of the sign-up
    are theirs. Who left meanwhile is not brought back: an old link must not undo what they did later.

    Raises:
        ConsentError: the publication itself forbade mailing the address.
    """
    status, key = Status(row.status), bytes(row.suppression_key)
    if status in GONE:
        return False
    if reasons(connection, [key]).get(key) is SuppressionReason.MANUAL:
        raise ConsentError(
            "the address is suppressed (manual)",
            where=row.email,
            hint="the publication itself forbade mailing this address",
        )
    settled = settle(connection, row.id, SubscriptionState.SUBSCRIBED, at)
    if status is Status.PENDING:
        lift(connection, key)
        change_status(connection, row.id, Status.ACTIVE, consent, at)
    elif settled:
        record(connection, row.id, consent, at)
    return True


def leave_all(connection: Connection, row: Row[Any], consent: Consent, at: datetime) -> bool:
    """Take somebody off the list, for good; False if they had left before."""
    if row.status in (Status.UNSUBSCRIBED, Status.ERASED):
        return False
    change_status(connection, row.id, Status.UNSUBSCRIBED, consent, at)
    return True


@dataclass(frozen=True)
class Wish:
    """That the person of the public id *who* leaves the *topic*, or everything; *source* says how it came."""

    who: str
    source: str
    topic: str = ""


def leave_by_links(connection: Connection, wishes: Sequence[Wish], at: datetime) -> None:
    """Let all who wish it leave; of everything in two statements, however many they are.

    A topic that is no more takes its readers with it: they leave everything. Who left before, and whom nobody
    knows, is passed over.
    """
    everything: dict[str, set[str]] = {}
    for wish in wishes:
        if wish.topic and has_topic(connection, wish.topic):
            row = find_row(connection, SUBSCRIBER.c.public_id == wish.who)
            said = Consent(ConsentKind.OPTED_OUT, wish.source)
            if row is not None:
                leave_topic(connection, row, wish.topic, said, at)
        else:
            everything.setdefault(wish.source, set()).add(wish.who)
    for source, people in everything.items():
        told = consent_row(0, Consent(ConsentKind.OPTED_OUT, source), at, Status.UNSUBSCRIBED)
        said_of_all = {f"said_{name}": told[name] for name in _SAID}
        left = connection.scalars(_TELL, {"people": sorted(people), **said_of_all}).all()
        if left:
            connection.execute(_LEAVE, {"numbers": left, "moment": at})


def leave_topic(connection: Connection, row: Row[Any], topic: str, consent: Consent, at: datetime) -> bool:
    """Let somebody leave one topic and stay in the others; False if they had left it, or everything."""
    if row.status in (Status.UNSUBSCRIBED, Status.ERASED):
        return False
    return leave(connection, row.id, topic, replace(consent, topic=topic), at)


def forbid(
    connection: Connection,
    key: bytes,
    row: Row[Any] | None,
    reason: SuppressionReason,
    consent: Consent,
    at: datetime,
) -> None:
    """Suppress the address with the hash *key*, for the topic of *consent* or for all; *row* is its owner's.

    Raises:
        FieldError: there is no such topic.
    """
    if consent.topic:
        topic_id(connection, consent.topic)
    suppress(connection, key, reason, at, scope=scope_of(consent.topic))
    if row is None:
        return
    # Who left stays known as having left, whatever is learned of the address later.
    known = Status(row.status)
    status, kind = _STATUS_OF_REASON.get(reason, (known, ConsentKind.SUPPRESSED))
    graver = (known, status) == (Status.BOUNCED, Status.COMPLAINED)
    if consent.topic or (known in GONE and not graver) or status is known:
        record(connection, row.id, replace(consent, kind=kind), at)
    else:
        change_status(connection, row.id, status, replace(consent, kind=kind), at)


def pause(
    connection: Connection, row: Row[Any], until: datetime | None, consent: Consent, at: datetime
) -> bool:
    """Give somebody no mail until a moment, or mail again if it is None; False if that changes nothing."""
    paused = row.paused_until is not None and row.paused_until > at
    if row.status in GONE or (until is None and not paused):
        return False
    changed = update(SUBSCRIBER).where(SUBSCRIBER.c.id == row.id)
    connection.execute(changed.values(paused_until=until, updated_at=at))
    said = consent.text or (f"until {until:%Y-%m-%d %H:%M} UTC" if until else "")
    kind = ConsentKind.RESUMED if until is None else ConsentKind.PAUSED
    record(connection, row.id, replace(consent, kind=kind, text=said), at)
    return True


def forget(connection: Connection, row: Row[Any], consent: Consent, at: datetime) -> None:
    """Empty a row of all that it tells of a person, and its log of all but what happened when.

    It must be ``erased`` before the log may be emptied, so the status comes first; the row gets another
    public name, so that no link of theirs finds it.
    """
    change_status(connection, row.id, Status.ERASED, consent, at)
    public_id = new_public_id()
    empty = dict.fromkeys(("email", "first_name", "last_name", "locale", "time_zone", "tracking_consent"), "")
    # The key must stay unique, and no address has a blank.
    gone = {"email_key": f"erased {public_id}", "suppression_key": b"", "public_id": public_id}
    connection.execute(
        update(SUBSCRIBER)
        .where(SUBSCRIBER.c.id == row.id)
        .values(**empty, **gone, attributes={}, paused_until=None, updated_at=at)
    )
    take_words(connection, TAGS, row.id)
    take_words(connection, TOPICS, row.id)
    forget_events(connection, row.id)
    # That there was consent, to which text, and when, stays provable; who gave it, from where, is forgotten.
    log = update(CONSENT_EVENT).where(CONSENT_EVENT.c.subscriber_id == row.id)
    connection.execute(log.values(source="", text="", ip="", user_agent=""))
    _unname(connection, row.email)


def _unname(connection: Connection, address: str) -> None:
    """Take an address out of saved segments that name it; nobody has it any more."""
    named = re.compile(rf"(?<![\w.+@-]){re.escape(address)}(?![\w.-])", re.IGNORECASE)
    for name, expression in connection.execute(select(SEGMENT.c.name, SEGMENT.c.expression)).all():
        if named.search(expression):
            changed = update(SEGMENT).where(SEGMENT.c.name == name)
            connection.execute(changed.values(expression=named.sub("(erased)", expression)))


def before_pending(connection: Connection, subscriber_id: int) -> Status | None:
    """The state of being gone that an unconfirmed sign-up interrupted; None if there was none."""
    columns = CONSENT_EVENT.c
    told = and_(columns.subscriber_id == subscriber_id, columns.status.not_in(["", Status.PENDING]))
    last = connection.scalar(select(columns.status).where(told).order_by(columns.id.desc()).limit(1))
    return Status(last) if last in GONE else None
