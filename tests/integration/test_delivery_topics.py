"""Topics and pauses in delivery: who is mailed about a topic, when it is planned and when it is claimed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import means, states
from fakes.editions import ENVELOPE, edition
from fakes.providers import ScriptedProvider

from newsletter.delivery import Audience, Plan, plan_dispatch, run_dispatch
from newsletter.errors import DeliveryError
from newsletter.providers import Verdict
from subscribers import SubscriberStore, Tokens

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from newsletter.messages import Message


def plan(engine: Engine, topic: str) -> Plan:
    audience = Audience(f"everybody who chose the topic `{topic}`", topic=topic)
    store = SubscriberStore(engine)
    return plan_dispatch(
        engine, store, edition(), audience, provider=ScriptedProvider(), sender=ENVELOPE.sender
    )


@pytest.fixture
def store(engine: Engine) -> SubscriberStore:
    store = SubscriberStore(engine)
    for name in ("chose", "leaves", "left", "pauses", "paused"):
        store.add(f"{name}@example.com", topics=["ai"])
    store.add("never@example.com", topics=["web"])
    store.unsubscribe("left@example.com", source="page", topic="ai")
    store.pause("paused@example.com", datetime.now(UTC) + timedelta(days=9), source="page")
    return store


def test_only_who_chose_the_topic_is_planned(engine: Engine, store: SubscriberStore) -> None:
    """And everybody else is counted, with the reason."""
    planned = plan(engine, "ai")

    assert (planned.candidates, planned.planned) == (6, 3)
    assert planned.excluded == {"left the topic": 1, "did not choose the topic": 1, "paused": 1}


def test_who_leaves_the_topic_or_pauses_after_planning_gets_nothing(
    engine: Engine, store: SubscriberStore
) -> None:
    plan(engine, "ai")
    store.unsubscribe("leaves@example.com", source="page", topic="ai")
    store.pause("pauses@example.com", datetime.now(UTC) + timedelta(days=9), source="page")
    provider = ScriptedProvider()

    report = run_dispatch(means(engine, provider), "issue-1")

    assert states(engine)["chose@example.com"] == "accepted"
    assert (report.accepted, report.skipped) == (1, 2)


def test_the_link_of_a_message_about_a_topic_leaves_that_topic(
    engine: Engine, store: SubscriberStore
) -> None:
    """RFC 8058 is about the list that the message was sent to."""
    plan(engine, "ai")
    links: list[str] = []

    def read(message: Message) -> Verdict:
        links.append(message.recipient.links["unsubscribe"])
        return Verdict.ACCEPTED

    run_dispatch(means(engine, ScriptedProvider(read)), "issue-1")

    grants = [Tokens([b"a key"]).grant("unsubscribe", link.rpartition("/")[2]) for link in links]
    assert [grant and grant.topic for grant in grants] == ["ai"] * 3


def test_a_topic_makes_another_audience(engine: Engine, store: SubscriberStore) -> None:
    assert plan(engine, "ai").dispatch == plan(engine, "ai").dispatch == "issue-1"
    assert plan(engine, "web").dispatch == "issue-2"


def test_a_topic_that_nobody_chose_leaves_nobody_to_mail(engine: Engine, store: SubscriberStore) -> None:
    with pytest.raises(DeliveryError, match="6 did not choose the topic") as caught:
        plan(engine, "nothing")

    assert "`nothing`" in caught.value.hint
