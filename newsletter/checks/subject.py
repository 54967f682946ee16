"""What the rules may look at, each part worked out once, when the first rule asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from newsletter.checks.finding import Finding
from newsletter.checks.relay import relay_of
from newsletter.checks.worst import largest_html
from newsletter.config import TrackingSettings
from newsletter.config.checks import ChecksSettings
from newsletter.editions import Place, element_places, inner_text, read_elements, weigh
from newsletter.editions.links import added_bytes, tracking_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.checks.finding import Severity
    from newsletter.checks.rule import Rule
    from newsletter.config import PublicationSettings, Settings
    from newsletter.editions import Edition, Element, Image, Pressed, Theme, Weight
    from newsletter.issues import Document, Issue


@dataclass(frozen=True)
class Subject:
    """An issue, its document, its edition, its publication, its theme and its images.

    ``provider`` is who will get the messages, and ``relay`` the host that takes them, empty if that is not
    known or there is none; ``tracking`` is what is learned of opens and clicks.
    """

    issue: Issue
    document: Document
    edition: Edition
    publication: PublicationSettings
    theme: Theme | None = None
    settings: ChecksSettings = field(default_factory=ChecksSettings)
    images: tuple[Image, ...] = ()
    provider: str = ""
    relay: str = ""
    tracking: TrackingSettings = field(default_factory=TrackingSettings)

    @classmethod
    def of(cls, pressed: Pressed, settings: Settings) -> Subject:
        """An issue that was read and compiled, with all settings of its publication."""
        return cls(
            pressed.issue,
            pressed.document,
            pressed.edition,
            settings.publication,
            pressed.theme,
            settings.checks,
            pressed.images,
            settings.delivery.provider,
            relay_of(settings),
            settings.tracking,
        )

    @property
    def file(self) -> str:
        """The issue's file, for findings."""
        return str(self.issue.path or self.issue.slug)

    @cached_property
    def elements(self) -> list[Element]:
        """The elements of the HTML."""
        return read_elements(self.edition.html)

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Where each of the `elements` came from."""
        if self.theme is None:
            return (Place(),) * len(self.elements)
        return element_places(self.edition, self.issue, self.theme, self.publication)

    @cached_property
    def weights(self) -> tuple[Weight, ...]:
        """What the HTML is made of, and how heavy each part is."""
        return weigh(self.edition.html, self.document, self.elements, self.places)

    @cached_property
    def tracking_bytes(self) -> int:
        """By how many bytes the HTML of those is longer of whom opens or clicks are learned."""
        wanted = tracking_of(self.tracking, self.issue)
        if wanted is None:
            return 0
        url = self.publication.url
        return max(0, added_bytes(self.edition, url, opens=wanted.opens, clicks=wanted.clicks))

    def may_have(self, size: int) -> bool:
        """Whether the HTML could have *size* bytes at all; told without filling it in."""
        return len(self.edition.html) * 3 + 20_000 + self.tracking_bytes >= size

    @cached_property
    def largest(self) -> str:
        """The largest HTML that anybody gets who is not tracked."""
        return largest_html(self.edition)

    @cached_property
    def most_bytes(self) -> int:
        """The size of the largest HTML that anybody gets, tracked if anybody is."""
        return len(self.largest.encode()) + self.tracking_bytes

    def most_bytes_before(self, token: str, value: str) -> int:
        """The most bytes that stand before a slot's *token*, which the largest HTML has as *value*.

        Where the largest lacks it, as a branch that is not the longest would, those of the edition count.
        """
        raw = self.edition.html.find(token)
        place = self.largest.find(value)
        before = self.largest[:place] if place >= 0 else self.edition.html[:raw]
        wanted = tracking_of(self.tracking, self.issue)
        if wanted is None:
            return len(before.encode())
        head = replace(self.edition, html=self.edition.html[:raw])
        marks = added_bytes(head, self.publication.url, opens=False, clicks=wanted.clicks)
        return len(before.encode()) + max(0, marks)

    def text(self, element: Element) -> str:
        """What *element* says."""
        return inner_text(self.edition.html, element)

    def within(self, element: Element) -> Iterator[Element]:
        """The elements that stand in *element*, in the order of the document."""
        for number in range(element.number + 1, len(self.elements)):
            if self.elements[number].start >= element.end:
                return
            yield self.elements[number]

    def finding(
        self,
        rule: Rule,
        message: str,
        *,
        hint: str = "",
        line: int | None = None,
        column: int | None = None,
        severity: Severity | None = None,
        clients: tuple[str, ...] = (),
        link: str = "",
        file: str = "",
    ) -> Finding:
        """A finding of *rule*, in the issue's file unless *file* says otherwise."""
        return Finding(
            rule.id,
            severity or rule.severity,
            file or self.file,
            line,
            column,
            message,
            hint,
            clients,
            link or rule.source,
        )

    def at_element(
        self, rule: Rule, element: Element, message: str, *, hint: str = "", clients: tuple[str, ...] = ()
    ) -> Finding:
        """A finding about *element*, at the line of the issue that it shows, else at the theme's."""
        place = self.places[element.number]
        if place.line is None and place.file and self.theme:
            file, line = self.theme.place(place.file), place.file_line
            return self.finding(rule, message, hint=hint, clients=clients, file=file, line=line)
        return self.finding(rule, message, hint=hint, clients=clients, line=place.line)

    def in_settings(self, rule: Rule, message: str, *, hint: str = "") -> Finding:
        """A finding about ``newsletter.toml``."""
        return self.finding(rule, message, hint=hint, file="newsletter.toml")

    def key_line(self, key: str) -> int:
        """The line of a front matter key, or the file's first line when the key is not there."""
        return self.issue.lines.get(key, 1)

    def of_issue(self, element: Element) -> bool:
        """Whether the issue itself wrote *element*, as raw HTML or by Markdown, and not the theme."""
        place = self.places[element.number]
        return place.line is not None and place.file is None
