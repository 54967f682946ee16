"""Refusals while a message was handed over, taken in as what they are: bounces that came at once."""

from __future__ import annotations

import re
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, literal_column, select

from newsletter.delivery.models import DELIVERY, DISPATCH, DeliveryState
from newsletter.delivery.put_back import REFUSED
from newsletter.feedback.occurrences import Occurrence, bounce_of
from newsletter.feedback.taking_in import take_in
from newsletter.providers.codes import read_refusal
from subscribers import Bounce, EventKind, now
from subscribers.deadlocks import write_anew
from subscribers.engagement import EVENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from sqlalchemy import Engine, Row

    from newsletter.feedback.consequences import Rules

#: The provider whose refusals are the words of a mail server. SendGrid's are about its requests.
PROVIDER = "smtp"
#: What a server says begins with its code; what does not is said by us, such as how large a message is.
_REPLY = re.compile(r"[45]\d\d(?: |$)")
#: So many are taken in together.
_AT_A_TIME = 1_000


def take_refusals(engine: Engine, dispatch: str, rules: Rules, clock: Callable[[], datetime] = now) -> int:
    """Take in who was rejected when a dispatch was handed over by SMTP; how many were new.

    The server that we authenticated said it in our own dialogue with it, so it is proved. A refusal of us is
    left to the circuit, and one without a reply is our own, such as of an address that cannot be written.
    A refusal that was taken in before is passed over: call it again after a crash. If somebody is tried again
    and refused again, that is another: its outcome is of another moment.
    """
    told = _refused(engine, dispatch)
    new = 0
    while some := list(islice(told, _AT_A_TIME)):
        take = partial(take_in, occurrences=some, rules=rules, now=clock())
        new += write_anew(engine, take).new
    return new


def _refused(engine: Engine, dispatch: str) -> Iterator[Occurrence]:
    known = exists().where(
        EVENT.c.delivery_id == DELIVERY.c.delivery_id,
        EVENT.c.delivery_id != literal_column("''"),  # written out, for the index of events with a delivery
        EVENT.c.kind == EventKind.BOUNCED,
        EVENT.c.at == DELIVERY.c.at,
    )
    query = (
        select(DELIVERY.c.delivery_id, DELIVERY.c.reason, DELIVERY.c.at)
        .join(DISPATCH, DISPATCH.c.id == DELIVERY.c.dispatch_id)
        .where(
            DISPATCH.c.name == dispatch,
            DISPATCH.c.provider == PROVIDER,
            DELIVERY.c.state == DeliveryState.REJECTED,
            ~known,
        )
    )
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return (found for row in rows if (found := _occurrence(row)) is not None)


def _occurrence(row: Row[Any, Any, Any]) -> Occurrence | None:
    if not _REPLY.match(row.reason):
        return None
    refusal = read_refusal(row.reason)
    bounce = bounce_of(refusal)
    if bounce is Bounce.POLICY:
        return None
    name = row.delivery_id
    return Occurrence(
        PROVIDER,
        f"{REFUSED}{name} {row.at:%Y-%m-%dT%H:%M:%S.%fZ}",
        EventKind.BOUNCED,
        name,
        row.at,
        code=refusal.code,
        bounce=bounce,
        reason=row.reason,
    )
