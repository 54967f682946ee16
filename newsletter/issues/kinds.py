"""The kinds of blocks that an issue's body may have, each with the line on which it begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it.token import Token

    from newsletter.issues.model import MergeTag

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
