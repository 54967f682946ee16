"""Issues that were dispatched, as the archive finds them in the database; nobody was mailed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session

from newsletter.delivery.models import Dispatch, DispatchState
from newsletter.editions import Edition, compile_issue, load_theme
from newsletter.issues import parse_issue

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from newsletter.config import Publication


def issue(slug: str, body: str, *, title: str = "", date: str = "2026-04-11", more: str = "") -> str:
    """The file of an issue; *more* are further lines of its front matter."""
    return f"---\ntitle: {title or slug}\ndate: {date}\nslug: {slug}\n{more}---\n{body}\n"


def compiled(publication: Publication, text: str) -> Edition:
    """The edition of an issue's text."""
    settings = publication.settings.publication
    return compile_issue(parse_issue(text, None, slug="issue"), load_theme("digest", None), settings)


def dispatched(engine: Engine, edition: Edition, **values: object) -> str:
    """Put a finished dispatch of *edition* into the ledger, and give its name."""
    name = str(values.pop("name", f"{edition.slug}-1"))
    given = {"state": DispatchState.FINISHED, "audience": "everybody", "audience_key": "true", **values}
    row = Dispatch(
        name=name,
        slug=edition.slug,
        digest=edition.digest,
        edition=edition.to_json(),
        provider="outbox",
        sender="notes@example.com",
        **given,
    )
    with Session(engine) as session:
        session.add(row)
        session.commit()
    return name
