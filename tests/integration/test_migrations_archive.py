"""What becomes of dispatches that were there before the archive knew who may read them."""

from __future__ import annotations

from fakes.archived import dispatched
from fakes.editions import edition
from sqlalchemy import select, text

from newsletter import migrations
from newsletter.delivery.models import DISPATCH
from subscribers.database import writing


def test_what_went_to_a_segment_leaves_the_archive(engine):
    """An older version showed it to everybody; what went to everybody stays."""
    keys = {"all-1": "true", "topic-1": "topic ai: true", "few-1": '"pro" in tags', "both-1": 'topic ai: "pro" in tags'}  # fmt: skip
    for name in keys:
        dispatched(engine, edition(), name=name)
    with writing(engine) as connection:
        for name, key in keys.items():
            said = {"key": key, "name": name}
            connection.execute(text("UPDATE dispatch SET audience_key = :key WHERE name = :name"), said)
    migrations.downgrade(engine, "0006_pacing")
    migrations.upgrade(engine)

    with engine.connect() as connection:
        rows = connection.execute(select(DISPATCH.c.name, DISPATCH.c.archived)).all()
    assert {row.name: bool(row.archived) for row in rows} == {
        "all-1": True,
        "topic-1": True,
        "few-1": False,
        "both-1": False,
    }
