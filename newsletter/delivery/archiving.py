"""Which dispatches the archive shows to everybody, and changing one's mind about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from newsletter.delivery.models import DISPATCH
from newsletter.delivery.report import find
from newsletter.messages import unlisted_link
from subscribers import Tokens
from subscribers.database import writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from newsletter.editions import Pressed


@dataclass(frozen=True)
class Archived:
    """A dispatch, as far as the archive is concerned."""

    dispatch: str
    state: str
    audience: str
    archived: bool


def list_archived(engine: Engine) -> list[Archived]:
    """All dispatches, the newest first."""
    columns = (DISPATCH.c.name, DISPATCH.c.state, DISPATCH.c.audience, DISPATCH.c.archived)
    with engine.connect() as connection:
        rows = connection.execute(select(*columns).order_by(DISPATCH.c.id.desc())).all()
    return [Archived(row.name, row.state, row.audience, bool(row.archived)) for row in rows]


def read_online(engine: Engine | None, pressed: Pressed, url: str) -> str:
    """Where an issue is read online that the archive does not show; empty if it shows it.

    Its last dispatch decides. As long as there is none, there is no such place either, and an example stands
    for it in what is built and tested.

    Args:
        engine: the database; None when there is none yet.
        pressed: the issue.
        url: where readers reach the publication, without a slash at the end.
    """
    slug, row = pressed.edition.slug, None
    if engine is not None:
        query = select(DISPATCH.c.name, DISPATCH.c.archived).where(DISPATCH.c.slug == slug)
        with engine.connect() as connection:
            row = connection.execute(query.order_by(DISPATCH.c.id.desc()).limit(1)).first()
        if row is not None:
            return "" if row.archived else unlisted_link(url, Tokens(engine), slug, row.name)
    said = pressed.issue.archive
    listed = not pressed.issue.segment if said is None else said
    return "" if listed else f"{url}/issues/{slug}/example"


def set_archived(engine: Engine, name: str, *, archived: bool) -> bool:
    """Let the archive show a dispatch to everybody, or not; whether that changed anything.

    Messages that have left keep their links: one with a token opens the issue all the same, one without opens
    it only while the archive shows it.

    Raises:
        DeliveryError: there is no such dispatch.
    """
    with writing(engine) as connection:
        row = find(connection, name, lock=True)
        changed = update(DISPATCH).where(DISPATCH.c.id == row.id).values(archived=archived)
        connection.execute(changed)
    return bool(row.archived) is not archived
