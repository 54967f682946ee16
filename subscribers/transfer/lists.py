"""What the lists of another service become: topics of ours where there are such, else tags."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from subscribers.models import SubscriptionState
from subscribers.transfer.cells import read_words
from subscribers.words import clean_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from subscribers.topics import TopicName

# listmonk's words for how somebody stands to a list (https://listmonk.app/docs/concepts/).
_STATES = {"unconfirmed": SubscriptionState.PENDING, "unsubscribed": SubscriptionState.LEFT}


class Listed(NamedTuple):
    """What one cell says: topics, and the names of lists that are no topic, as tags."""

    topics: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lists:
    """Knows the topics that there are, and counts on how many rows each list became a topic or a tag."""

    slugs: dict[str, str]
    topics: Counter[str] = field(default_factory=Counter)
    tags: Counter[str] = field(default_factory=Counter)

    @classmethod
    def among(cls, topics: Iterable[TopicName]) -> Lists:
        """Lists whose names are the names of these topics, in commands or for readers, in whatever case."""
        known = list(topics)
        titles = {_alike(topic.title): topic.slug for topic in known}
        return cls(titles | {_alike(topic.slug): topic.slug for topic in known})

    def read(self, cell: str) -> Listed:
        """Names with comma, semicolon or bar between them, or listmonk's list of JSON objects.

        Who left a list leaves the topic, and gets no tag of it; who has yet to confirm it is as pending as
        that. A name that no tag can have raises `FieldError`.
        """
        found: dict[SubscriptionState, list[str]] = {state: [] for state in SubscriptionState}
        tags = []
        for name, state in _named(cell):
            if slug := self.slugs.get(_alike(name)):
                found[state].append(slug)
            elif state is SubscriptionState.SUBSCRIBED:
                tags.append(name)
        held = found[SubscriptionState.SUBSCRIBED]
        return Listed(
            tuple(held),
            tuple(clean_words(tags)),
            tuple(found[SubscriptionState.LEFT]),
            tuple(found[SubscriptionState.PENDING]),
        )

    def count(self, listed: Listed) -> None:
        """Count what one row says."""
        self.topics.update(set(listed.topics))
        self.tags.update(set(listed.tags))


def _named(cell: str) -> list[tuple[str, SubscriptionState]]:
    """The lists of a cell, each with how somebody stands to it."""
    try:
        objects = json.loads(cell) if cell.startswith("[{") else None
    except (ValueError, RecursionError):
        objects = None
    if not isinstance(objects, list):
        return [(word, SubscriptionState.SUBSCRIBED) for word in read_words(cell)]
    return [
        (re.sub("[,;|]", " ", str(each["name"])), _STATES.get(str(each.get("subscription_status")), _HELD))
        for each in objects
        if isinstance(each, dict) and each.get("name")
    ]


_HELD = SubscriptionState.SUBSCRIBED


def _alike(name: str) -> str:
    """A name without case, blanks and signs: `Product News` is `product-news`."""
    return re.sub(r"[\W_]+", "-", name.casefold()).strip("-")
