"""What an Issue is: one Markdown file with front matter, and the document that its body says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

    from newsletter.issues.kinds import Block, Inline


@dataclass(frozen=True)
class Author:
    """Who wrote an issue: a name, and perhaps an address, a portrait and a sentence about them."""

    name: str
    url: str = ""
    image: str = ""
    about: str = ""


@dataclass(frozen=True)
class Issue:
    """The source of one mailing, as its file says it. Text fields may hold merge tags.

    ``body`` is the Markdown after the front matter and ``body_line`` the line of the file on which it
    begins, counted from 1, so that line *n* of the body is line ``body_line + n - 1`` of the file.
    ``lines`` gives the line of the file on which each front matter key stands. ``authors`` are names, and
    ``credits`` the same people with all that is said of them. ``toc`` asks for a table of contents.
    ``images`` says whether local images are published on the web or attached; None leaves it to the
    publication. ``tracking`` is False if nobody who gets it is to be tracked. ``archive`` says whether the
    archive shows it to everybody; None leaves it to its audience.
    """

    slug: str
    title: str
    body: str
    path: Path | None = None
    body_line: int = 1
    subject: str = ""
    preheader: str = ""
    date: date | None = None
    authors: tuple[str, ...] = ()
    language: str | None = None
    direction: Literal["ltr", "rtl"] | None = None
    theme: str | None = None
    segment: str | None = None
    topic: str | None = None
    credits: tuple[Author, ...] = ()
    toc: bool = False
    images: Literal["publish", "attach"] | None = None
    tracking: bool | None = None
    archive: bool | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class MergeTag:
    """An expression that is evaluated per recipient, and the opaque token that stands for it in all texts.

    The token is ASCII letters and digits only, so it passes Markdown, MJML and the inliner unchanged.
    """

    token: str
    expression: str
    line: int
    column: int
    source: str


@dataclass(frozen=True)
class Story:
    """A third-level heading and what follows it."""

    title: Inline
    anchor: str
    blocks: tuple[Block, ...]
    line: int


@dataclass(frozen=True)
class Section:
    """A second-level heading, the blocks before its first story, and its stories.

    Content before the first second-level heading that belongs to a story is a section without a title.
    """

    title: Inline | None
    anchor: str
    blocks: tuple[Block, ...]
    stories: tuple[Story, ...]
    line: int


@dataclass(frozen=True)
class Source:
    """One entry of the closing list of sources; ``url`` is that of its first link, else None."""

    number: int
    content: Inline
    anchor: str
    url: str | None
    line: int = 0


@dataclass(frozen=True)
class Document:
    """The body of an Issue, in the order of reading.

    ``lead`` is what stands before the first heading: the deck. ``tags`` are all merge tags and conditions,
    of the front matter too; ``nonce`` is the part that their tokens share. ``subject``, ``preheader`` and
    ``title`` are the front matter's, with tokens in place of merge tags. ``footnotes`` is one `Footnotes` at
    most, perhaps within a conditional.
    """

    title: str
    subject: str
    preheader: str
    lead: tuple[Block, ...]
    sections: tuple[Section, ...]
    sources_title: Inline | None
    sources: tuple[Source, ...]
    tags: tuple[MergeTag, ...]
    nonce: str
    sources_line: int = 0
    footnotes: tuple[Block, ...] = ()
