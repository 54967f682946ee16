"""What readers choose on real databases: topics that they have and left, pauses, time zones."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from fakes.lists import MOMENT
from fakes.one_reader import ANN, ASKED, barrier, bring_in, log, topics

from subscribers import (
    FieldError,
    Status,
    SubscriberStore,
    SuppressionReason,
)
from subscribers.topics import add_topic, count_topics, remove_topic

if TYPE_CHECKING:
    from sqlalchemy import Engine


class TestTopics:
    def test_who_leaves_a_topic_stays_in_the_others(self, store: SubscriberStore) -> None:
        store.add(ANN, topics=["ai", "web"])

        answers = [store.unsubscribe(ANN, source="page", topic="ai") for _ in range(2)]

        assert answers == [True, False]
        assert topics(store) == (("web",), ("ai",))
        assert [barrier(store, topic) for topic in ("ai", "web", "")] == ["left the topic", None, None]
        assert log(store)[1:] == [("opted_out", "ai", "")]

    def test_nobody_else_gives_them_the_topic_again(self, store: SubscriberStore) -> None:
        store.add(ANN, topics=["ai"])
        store.unsubscribe(ANN, source="page", topic="ai")

        store.add(ANN, topics=["ai"])
        bring_in(store, f"{ANN},ai")

        assert (topics(store), barrier(store, "ai")) == (((), ("ai",)), "left the topic")
        store.add(ANN, topics=["ai"], consent=ASKED)
        assert (topics(store), barrier(store, "ai")) == ((("ai",), ()), None)

    def test_a_topic_can_be_left_that_was_never_chosen(self, store: SubscriberStore) -> None:
        """Who got it all the same will not get it again, whatever an import says."""
        store.add(ANN)
        add_topic(store.engine, "ai")

        assert store.unsubscribe(ANN, source="page", topic="ai")
        bring_in(store, f"{ANN},ai")

        assert barrier(store, "ai") == "left the topic"

    def test_a_topic_that_is_none_cannot_be_left(self, store: SubscriberStore) -> None:
        store.add(ANN)

        assert not store.unsubscribe(ANN, source="page", topic="nothing")
        assert len(log(store)) == 1

    def test_preferences_tell_each_topic_that_changed(self, store: SubscriberStore) -> None:
        profile, _ = store.add(ANN, topics=["ai", "web"])

        store.update(profile.public_id, topics=["web", "new"], source="page")
        store.update(profile.public_id, topics=["web", "new"], source="page")

        assert topics(store) == (("new", "web"), ("ai",))
        assert log(store)[1:] == [("opt_in", "new", ""), ("opted_out", "ai", "")]

    def test_a_suppression_may_be_for_one_topic(self, store: SubscriberStore) -> None:
        store.add(ANN, topics=["ai", "web"])

        store.suppress(ANN, SuppressionReason.MANUAL, topic="ai")

        assert [barrier(store, topic) for topic in ("ai", "web", "")] == ["suppressed", None, None]
        assert log(store)[1:] == [("suppressed", "ai", "")]
        bring_in(store, f"{ANN},web")
        with pytest.raises(FieldError):
            store.suppress(ANN, SuppressionReason.MANUAL, topic="nothing")

    def test_topics_are_counted(self, store: SubscriberStore) -> None:
        store.add(ANN, topics=["ai"])
        store.add("bob@example.com", topics=["ai"], consent=ASKED, status=Status.PENDING)
        store.add("cho@example.com", topics=["ai"])
        store.unsubscribe("cho@example.com", source="page", topic="ai")
        store.add("dee@example.com", topics=["ai"])
        store.unsubscribe("dee@example.com", source="page")
        assert add_topic(store.engine, "web", "All about the web")
        assert not add_topic(store.engine, "ai", "Machines")

        ai, web = count_topics(store.engine)

        assert (ai.slug, ai.title, ai.subscribed, ai.pending, ai.left) == ("ai", "Machines", 1, 1, 1)
        assert (web.title, web.subscribed) == ("All about the web", 0)
        with pytest.raises(FieldError) as caught:
            count_topics(store.engine, "wep")
        assert caught.value.hint == "did you mean `web`?"
        remove_topic(store.engine, "ai")
        assert (topics(store), store.count()) == (((), ()), 4)
        with pytest.raises(FieldError):
            remove_topic(store.engine, "ai")


class TestPausing:
    def test_a_pause_ends_by_itself(self, engine: Engine) -> None:
        now = MOMENT
        store = SubscriberStore(engine, clock=lambda: now)
        store.add(ANN)

        assert store.pause(ANN, MOMENT + timedelta(days=30), source="page")

        assert barrier(store) == "paused"
        now = MOMENT + timedelta(days=30)
        assert barrier(store) is None
        assert not store.pause(ANN, None, source="page")
        assert [line[0] for line in log(store)] == ["added", "paused"]

    def test_a_pause_can_be_ended(self, store: SubscriberStore) -> None:
        store.add(ANN)
        store.pause(ANN, MOMENT + timedelta(days=30), source="page")

        assert store.pause(ANN, None, source="page")

        assert barrier(store) is None
        assert log(store)[1:] == [("paused", "", ""), ("resumed", "", "")]

    def test_who_left_has_nothing_to_pause(self, store: SubscriberStore) -> None:
        store.add(ANN)
        store.unsubscribe(ANN, source="page")

        assert not store.pause(ANN, MOMENT + timedelta(days=30), source="page")
        assert not store.pause("x" * 22, MOMENT, source="page")


class TestTimeZones:
    def test_a_time_zone_is_one_of_the_iana_database(self, store: SubscriberStore) -> None:
        profile, _ = store.add(ANN, time_zone="Europe/Berlin")
        changed = store.update(profile.public_id, time_zone="America/New_York")

        assert (profile.time_zone, changed and changed.time_zone) == ("Europe/Berlin", "America/New_York")
        for name in ("Europe/Berln", "CEST+3", "../../etc/passwd"):
            with pytest.raises(FieldError, match="no time zone"):
                store.add(ANN, time_zone=name)
