"""What an Issue is: one Markdown file with front matter, and the document that its body says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

    from markdown_it.token import Token


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


#: The kinds of call-out that a quotation begins with ``[!KIND]``; themes have a word for each.
ALERTS = frozenset({"note", "tip", "important", "warning", "caution"})

#: The children of a markdown-it inline token: text, emphasis, links, images, code. Merge tags are in
#: their text as tokens; a citation is a token of type ``citation`` with ``meta["numbers"]``, the mark of a
#: footnote one of type ``footnote_ref`` with ``meta["number"]`` and ``meta["anchor"]``.
Inline = tuple["Token", ...]


@dataclass(frozen=True)
class Heading:
    """A heading below the level of stories (``####``), or one within a conditional, list or quote."""

    level: int
    content: Inline
    anchor: str
    line: int


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; ``tight`` says that it is the content of a list item without blank lines around it."""

    content: Inline
    line: int
    tight: bool = False


@dataclass(frozen=True)
class Quote:
    """A quotation, and who said it if the last line begins with a dash."""

    blocks: tuple[Block, ...]
    attribution: Inline | None
    line: int


@dataclass(frozen=True)
class Callout:
    """A set-off remark with a label, such as “Why it matters”; ``kind`` is one of `ALERTS`, or empty."""

    label: str
    blocks: tuple[Block, ...]
    line: int
    kind: str = ""


@dataclass(frozen=True)
class Listing:
    """A list; ``checks`` is empty or says of each item whether it is ticked, None of one that is no task."""

    ordered: bool
    start: int
    items: tuple[tuple[Block, ...], ...]
    line: int
    checks: tuple[bool | None, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table; ``aligns`` has ``left``, ``center``, ``right`` or an empty string for each column."""

    head: tuple[Inline, ...]
    rows: tuple[tuple[Inline, ...], ...]
    aligns: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Code:
    """A code block, its text never containing merge tags."""

    text: str
    language: str
    line: int


@dataclass(frozen=True)
class Picture:
    """An image alone in its paragraph; ``title`` is its caption, ``width`` in pixels what the editor asks.

    ``content`` is the link that it stands in, empty if it stands in none.
    """

    src: str
    alt: str
    title: str
    line: int
    width: int | None = None
    content: Inline = ()

    @property
    def url(self) -> str:
        """Where it leads; empty if nowhere."""
        return str(self.content[0].attrs.get("href", "")) if self.content else ""


@dataclass(frozen=True)
class Button:
    """A paragraph that is one link, marked ``{.button}``; ``content`` is that link."""

    content: Inline
    line: int

    @property
    def label(self) -> Inline:
        """What stands on it."""
        return self.content[1:-1]

    @property
    def url(self) -> str:
        """Where it leads."""
        return str(self.content[0].attrs.get("href", ""))


@dataclass(frozen=True)
class Embed:
    """A video, recording or post elsewhere, shown as a card that leads there; ``content`` is the link.

    ``kind`` is ``video``, ``audio`` or ``post``; ``service`` is where it is, ``handle`` whose it is if the
    address tells, ``title`` the editor's words if there are any.
    """

    kind: str
    service: str
    handle: str
    title: Inline
    picture: Picture | None
    content: Inline
    line: int

    @property
    def url(self) -> str:
        """Where it leads."""
        return str(self.content[0].attrs.get("href", ""))


@dataclass(frozen=True)
class Card:
    """One card: an image on top, then its blocks, the first of which is mostly a heading."""

    picture: Picture | None
    blocks: tuple[Block, ...]
    line: int


@dataclass(frozen=True)
class Cards:
    """Cards side by side, ``columns`` in a row; on a phone one below the other."""

    columns: int
    cards: tuple[Card, ...]
    line: int


@dataclass(frozen=True)
class Contents:
    """Where the table of contents stands; `outline` says what is in it."""

    line: int


@dataclass(frozen=True)
class Footnote:
    """A note, numbered on after the sources; ``back`` is the anchor of its first mark, ``label`` its name."""

    number: int
    blocks: tuple[Block, ...]
    anchor: str
    back: str
    label: str
    line: int


@dataclass(frozen=True)
class Footnotes:
    """All footnotes, each by itself or within the conditional that its marks are in."""

    blocks: tuple[Block, ...]
    line: int


@dataclass(frozen=True)
class Divider:
    """A thematic break."""

    line: int


@dataclass(frozen=True)
class Html:
    """A block of raw HTML as written; it is made safe and well formed when the edition is compiled."""

    text: str
    line: int


@dataclass(frozen=True)
class Branch:
    """One arm of a conditional; ``tag`` is None for ``{% else %}``."""

    tag: MergeTag | None
    blocks: tuple[Block, ...]
    line: int


@dataclass(frozen=True)
class Conditional:
    """``{% if %}`` … ``{% elif %}`` … ``{% else %}`` … ``{% endif %}`` around blocks."""

    branches: tuple[Branch, ...]
    line: int


Block = (
    Heading
    | Paragraph
    | Quote
    | Callout
    | Listing
    | Table
    | Code
    | Picture
    | Button
    | Embed
    | Cards
    | Contents
    | Divider
    | Html
    | Footnote
    | Footnotes
    | Conditional
)


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
