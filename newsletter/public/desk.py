"""What the pages of the readers' web service share: the publication, the list, and who a link belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fastapi import HTTPException

from newsletter.catalogues import translated
from newsletter.config import split_mailbox
from newsletter.notices import enqueue
from newsletter.resources import builtin_templates
from newsletter.web import Pages
from subscribers import SubscriberStore, Tokens, now, writing
from subscribers.topics import list_topics

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Engine

    from newsletter.config import Publication
    from newsletter.notices import NoticeKind
    from subscribers import Profile
    from subscribers.tokens import Grant


#: How soon a reader may ask again for a link from their own pages.
_AGAIN = timedelta(hours=1)


@dataclass(frozen=True)
class Desk:
    """One publication, as its readers meet it.

    ``call_postman`` is called when a notice was written, and *clock* tells the moment in UTC.
    """

    publication: Publication
    engine: Engine
    call_postman: Callable[[], None] = lambda: None
    clock: Callable[[], datetime] = now

    @cached_property
    def store(self) -> SubscriberStore:
        """The list."""
        return SubscriberStore(self.engine, clock=self.clock)

    @cached_property
    def tokens(self) -> Tokens:
        """What made the links in messages, and knows them again."""
        return Tokens(self.engine)

    @cached_property
    def root(self) -> str:
        """The path under which readers reach the service; empty, unless a proxy puts it below a site."""
        return urlsplit(self.publication.settings.publication.url).path

    @cached_property
    def contact(self) -> str:
        """The address that a reader can write to."""
        settings = self.publication.settings.publication
        return split_mailbox(settings.reply_to or settings.sender)[1]

    @cached_property
    def pages(self) -> Pages:
        """The pages, filled with what all of them show."""
        names = {
            "publication": self.publication.settings.publication,
            "root": self.root,
            "contact": self.contact,
            "signup": self.publication.settings.signup.enabled,
        }
        language = self.publication.settings.publication.language
        return Pages(builtin_templates() / "pages", names, language)

    def public_id(self, action: str, token: str) -> str:
        """Whom a link is for.

        Raises:
            HTTPException: 404, when the token was not made by this publication for this *action*.
        """
        return self.grant(action, token).public_id

    def grant(self, action: str, token: str) -> Grant:
        """What a link allows, and whom.

        Raises:
            HTTPException: 404, when the token was not made by this publication for this *action*.
        """
        grant = self.tokens.grant(action, token)
        if grant is None:
            raise HTTPException(404)
        return grant

    def fresh(self, action: str, token: str) -> Grant | None:
        """What a link allows that was mailed a short while ago; None if that is over.

        Raises:
            HTTPException: 404, when the token was not made by this publication for this *action*.
        """
        grant = self.grant(action, token)
        return grant if grant.good(self.clock()) else None

    def say(self, text: str, wish: str | None = None, **values: object) -> str:
        """*text*, marked as a phrase, in the language of the page that a reader who wishes *wish* gets."""
        return translated(text, self.pages.language(wish), **values)

    def mail(self, kind: NoticeKind, profile: Profile) -> None:
        """Have a notice mailed to a reader, unless they had one like it within the last hour."""
        at, hours = self.clock(), self.publication.settings.signup.link_hours
        language = self.pages.language(profile.locale)
        with writing(self.engine) as connection:
            until = at + timedelta(hours=hours)
            enqueue(connection, kind, profile.id, language, at, until=until, repeat=_AGAIN)
        self.call_postman()

    def link(self, action: str, profile: Profile, topic: str = "") -> str:
        """The path of a reader's own page, such as ``/preferences/TOKEN``; about one *topic*, if given."""
        return f"{self.root}/{action}/{self.tokens.sign(action, profile.public_id, topic)}"

    def topics(self) -> dict[str, str]:
        """What readers can choose, by slug, each as readers see it."""
        return {topic.slug: topic.title for topic in list_topics(self.engine)}

    def offered_topics(self) -> dict[str, str]:
        """What can be chosen in a sign-up: the topics that ``[signup] topics`` names, or else all."""
        named = self.publication.settings.signup.topics
        topics = self.topics()
        return {slug: topics[slug] for slug in named if slug in topics} if named else topics


def masked(address: str) -> str:
    """An address that its owner knows again and nobody else learns: ``a•••@example.com``.

    Mail is forwarded, and with it the links; whoever opens one must not learn the whole address.
    """
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}"
