"""What the commands share: the publication, its database, the list, and how an issue becomes an edition."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from newsletter.config import Publication, load_publication
from newsletter.editions import find_issue, press
from newsletter.errors import NewsletterError, UsageError
from newsletter.measures import find_zone
from newsletter.messages import Composer, Envelope, Message, Recipient, example_links, personal_links
from newsletter.messages.return_path import ReturnPath
from newsletter.migrations import open_database
from subscribers import SubscriberStore, Tokens, normalise
from subscribers.database_url import sqlite_file
from subscribers.topics import count_topics

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from sqlalchemy import Engine

    from newsletter.editions import Pressed
    from subscribers import Profile, Segment
    from subscribers.topics import TopicCount

P = ParamSpec("P")
R = TypeVar("R")

#: Whom a message is made for when nobody is named.
SAMPLE = "reader@example.com"


@dataclass
class Session:
    """One run of the command line."""

    directory: Path = field(default_factory=Path)
    overrides: dict[str, dict[str, object]] = field(default_factory=dict)

    @cached_property
    def publication(self) -> Publication:
        """The publication that the command is about."""
        return load_publication(self.directory, self.overrides)

    @property
    def has_database(self) -> bool:
        """Whether there is a database already; opening one makes it."""
        file = sqlite_file(self.publication.database_url)
        return file is None or file.exists()

    @cached_property
    def engine(self) -> Engine:
        """The database, brought up to date if it is a file; closed when the command ends."""
        engine = open_database(self.publication)
        click.get_current_context().find_root().call_on_close(engine.dispose)
        return engine

    @cached_property
    def store(self) -> SubscriberStore:
        """The list."""
        return SubscriberStore(self.engine)

    @cached_property
    def tokens(self) -> Tokens:
        """What signs the links of the list."""
        return Tokens(self.engine)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the publication."""
        return find_zone(self.publication.settings.publication.time_zone)

    def attributes(self) -> set[str] | None:
        """The names of the attributes that subscribers have, or None while nobody is known."""
        declared = set(self.publication.settings.subscribers.attributes)
        if not self.has_database or self.store.count(None) == 0:
            return declared or None
        return declared | self.store.attribute_names()

    def path(self, file: Path) -> Path:
        """A file that the command line names: from here or, if it is not there, from the publication."""
        return (
            file if file.exists() or str(file) == "-" or file.is_absolute() else self.publication.root / file
        )

    def find(self, issue: str) -> Path:
        """The file of the issue that the command line names."""
        return find_issue(self.publication, issue, Path())

    def press(self, issue: str) -> Pressed:
        """The issue that the command line names, compiled."""
        return press(self.publication, self.find(issue), self.attributes())

    def segment(self, name: str | None, expression: str | None) -> Segment | None:
        """The saved segment, or what the expression means, or None for everybody.

        Raises:
            UsageError: both are given.
            FieldError: there is no such segment.
            SegmentError: the expression is none, or names what no subscriber has.
        """
        if name and expression:
            raise UsageError("`--segment` and `--where` exclude each other", hint="give one of them")
        if expression:
            return self.store.parse_segment(expression, self.attributes())
        return self.store.segment(name) if name else None

    def topic(self, slug: str) -> TopicCount:
        """The topic of that name.

        Raises:
            FieldError: there is none.
        """
        return count_topics(self.engine, slug)[0]

    def profile(self, email: str) -> Profile:
        """The subscriber of that address.

        Raises:
            NewsletterError: nobody has it.
        """
        profile = self.store.find(email)
        if profile is None:
            raise NewsletterError(
                "nobody on the list has this address", where=email, hint="see `newsletter subscribers list`"
            )
        return profile

    def address(self, email: str) -> str:
        """An address from the command line, checked.

        Raises:
            AddressError: it is none.
        """
        return normalise(email).email

    def recipient(self, reader: str | None, pressed: Pressed) -> Recipient:
        """What a dispatch of an issue would know of *reader*; without one, somebody quite unknown."""
        url, slug = self.publication.settings.publication.url, pressed.edition.slug
        web = self.read_online(pressed)
        if reader is None:
            return Recipient(SAMPLE, "", {"email": SAMPLE}, example_links(url, slug, web))
        profile = self.profile(reader)
        with self.engine.connect() as connection:
            person = self.store.addressees(connection, [profile.id])[profile.id]
        links = personal_links(url, self.tokens, person.public_id, slug, pressed.issue.topic or "", web)
        return Recipient(person.email, str(person.fields.get("name", "")), person.fields, links)

    def read_online(self, pressed: Pressed) -> str:
        """Where an issue is read online that the archive does not show; empty if it shows it."""
        from newsletter.delivery.archiving import read_online

        engine = self.engine if self.has_database else None
        return read_online(engine, pressed, self.publication.settings.publication.url)

    def envelope(self, slug: str) -> Envelope:
        """Who messages of an issue are from, and where their bounces go."""
        return Envelope.of(self.publication.settings.publication, slug, bounces=self.return_path)

    @property
    def return_path(self) -> ReturnPath | None:
        """What writes and reads the addresses of bounces; None if they have none of their own."""
        smtp = self.publication.settings.smtp
        return ReturnPath.of(smtp, self.engine) if smtp.return_path else None

    def sample(self, pressed: Pressed, reader: str | None) -> Message:
        """The message that *reader* gets, or one for nobody in particular, whose missing values are dots."""
        edition = pressed.edition
        envelope = Envelope.of(self.publication.settings.publication, edition.slug)
        composer = Composer(edition, envelope, pressed.contents())
        missing = None if reader else "…"
        recipient = self.recipient(reader, pressed)
        return composer.compose(recipient, f"sample-{edition.digest[:16]}", time.time(), missing=missing)


pass_session = click.make_pass_decorator(Session, ensure=True)


def json_option(command: Callable[P, R]) -> Callable[P, R]:
    """The ``--json`` flag, the same everywhere."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")(command)


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal; elsewhere insist on ``--yes``.

    Raises:
        UsageError: there is no terminal and no ``--yes``.
        click.Abort: the answer was no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", hint="add `--yes` to go ahead without a question")
    click.confirm(question, abort=True, err=True)
