"""The blocks of a Document as lines of plain text.

Conditionals keep their control tokens, each alone on its line, and every block brings the blank line behind
it along. Hence the text reads right if a control token is removed *together with its line end*, and with a
branch that is not taken all of its lines: no blank line is left over or missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from newsletter.editions.columns import align, column_widths, display_width, wrap
from newsletter.issues import (
    Button,
    Callout,
    Cards,
    Code,
    Conditional,
    Contents,
    Divider,
    Embed,
    Footnote,
    Footnotes,
    Heading,
    Html,
    Listing,
    Paragraph,
    Picture,
    Quote,
    Table,
    outline,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from newsletter.editions.inline_text import InlineText
    from newsletter.issues import Block, Document, Entry, MergeTag

Control = Literal["if", "elif", "else", "endif"]

#: RFC 5322, section 2.1.1 asks for at most 78 characters; 72 leave room for a few quotation marks.
WIDTH = 72
_NARROWEST = 24
_WAYS = {"video": "watch", "audio": "listen", "post": "see_post"}


class _ControlLine(str):
    """A line that is one control token, which stays alone: it is never indented."""

    __slots__ = ()


class BlockText:
    """Writes the blocks of one document.

    Args:
        document: whose blocks they are.
        inline: writes what stands in them.
        control: gives the token that marks a place in a conditional.
        labels: the theme's words.
        title: writes a title with a line below it.
    """

    def __init__(
        self,
        document: Document,
        inline: InlineText,
        control: Callable[[Control, MergeTag | None], str],
        labels: Mapping[str, str],
        title: Callable[[str], list[str]],
    ) -> None:
        self._document = document
        self._inline = inline
        self._control = control
        self._labels = labels
        self._title = title

    def lines(self, blocks: Iterable[Block], width: int = WIDTH, *, tight: bool = False) -> list[str]:
        """The lines of *blocks*, each block with the blank line behind it unless they are *tight*."""
        lines: list[str] = []
        for block in blocks:
            if isinstance(block, Conditional):
                lines += self._conditional(block, width, tight=tight)
            elif own := self._block(block, max(width, _NARROWEST)):
                lines += own
                if not tight and not _brings_blank(own):
                    lines.append("")
        return lines

    def _block(self, block: Block, width: int) -> list[str]:
        match block:
            case Paragraph() | Heading():
                return _paragraph(self._inline.text(block.content), width)
            case Quote():
                return self._quote(block, width)
            case Callout():
                return self._callout(block, width)
            case Listing():
                return self._listing(block, width)
            case Table():
                return self._table(block, width)
            case Code():
                return _indented(block.text.rstrip("\n").split("\n"), "    ")
            case Picture():
                return self._picture(block, width)
            case Button():
                return self._way(self._inline.text(block.label), block.url, width)
            case Embed():
                return self._embed(block, width)
            case Cards():
                return self._cards(block, width)
            case Contents():
                return self._contents(width)
            case Footnotes():
                return self._footnotes(block)
            case Footnote():
                return self._footnote(block, width)
            case Html():
                return _paragraph(self._inline.html(block.text), width)
            case Divider():
                return ["* * *"]
            case Conditional():  # pragma: no cover - its lines are made where the blank lines are
                return self._conditional(block, width, tight=True)

    def _conditional(self, block: Conditional, width: int, *, tight: bool) -> list[str]:
        lines: list[str] = []
        with self._inline.in_place():
            for number, branch in enumerate(block.branches):
                kind: Control = "if" if number == 0 else "elif" if branch.tag else "else"
                lines.append(_ControlLine(self._control(kind, branch.tag)))
                lines += self.lines(branch.blocks, width, tight=tight)
        return [*lines, _ControlLine(self._control("endif", None))]

    def _picture(self, picture: Picture, width: int) -> list[str]:
        shown = self._inline.image(picture.alt)
        if picture.url:
            shown = self._inline.link(shown, picture.url) if shown else self._inline.target(picture.url)
        return [line for text in (shown, picture.title) for line in _paragraph(text, width)]

    def _way(self, label: str, address: str, width: int) -> list[str]:
        """A label and, on a line of its own, where it leads, if the HTML leads there too."""
        address = self._inline.target(address)
        if not address:
            return _paragraph(label, width)
        return [*wrap(_one_line(label), width, "→ ", "  "), f"  {address}"]

    def _embed(self, embed: Embed, width: int) -> list[str]:
        way = self._labels.get(_WAYS[embed.kind], "{service}").format(service=embed.service)
        title = self._inline.text(embed.title) or (embed.picture.alt if embed.picture else embed.handle)
        return self._way(f"{title} · {way}" if title else way, embed.url, width)

    def _cards(self, cards: Cards, width: int) -> list[str]:
        lines: list[str] = []
        for card in cards.cards:
            lines += self.lines((card.picture,) if card.picture else (), width)
            lines += self.lines(card.blocks, width)
        return _trimmed(lines)

    def _contents(self, width: int) -> list[str]:
        lines = [self._labels.get("contents", "Contents"), ""]
        for entry in outline(self._document):
            lines += self._entry(entry, width, "- ")
        return lines if len(lines) > 2 else []

    def _entry(self, entry: Entry, width: int, marker: str) -> list[str]:
        lines = hanging(marker, self._inline.text(entry.title), width)
        for below in entry.entries:
            lines += self._entry(below, width, "  " + marker)
        return lines

    def _footnotes(self, notes: Footnotes) -> list[str]:
        title = self._title(self._labels.get("notes", "Notes"))
        return ["", *title, *_trimmed(self.lines(notes.blocks, tight=True))]

    def _footnote(self, note: Footnote, width: int) -> list[str]:
        marker = f"[{note.number}] "
        own = _trimmed(self.lines(note.blocks, width - len(marker))) or [""]
        if isinstance(own[0], _ControlLine):
            own.insert(0, "")
        own = _indented(own, " " * len(marker))
        return [marker + own[0].lstrip(" "), *own[1:]]

    def _quote(self, quote: Quote, width: int) -> list[str]:
        lines = _trimmed(self.lines(quote.blocks, width - 2))
        if quote.attribution is not None:
            lines += [] if _brings_blank(lines) else [""]
            lines += hanging("— ", self._inline.text(quote.attribution), width - 2)
        return _indented(lines, "> ")

    def _callout(self, callout: Callout, width: int) -> list[str]:
        label = self._labels.get(callout.kind, callout.label)
        opening, rest = [self._said(label, "").rstrip()], callout.blocks
        if rest and isinstance(first := rest[0], Paragraph):
            opening = [*_paragraph(self._said(label, self._inline.text(first.content)), width - 4), ""]
            rest = rest[1:]
        return _indented(_trimmed([*opening, *self.lines(rest, width - 4)]), "    ")

    def _said(self, label: str, text: str) -> str:
        return (
            f"{label} {text}"
            if label.endswith(("?", "!", "？", "！"))
            else self._inline.labelled(label, text)
        )

    def _listing(self, listing: Listing, width: int) -> list[str]:
        loose = any(
            isinstance(block, Paragraph) and not block.tight for item in listing.items for block in item
        )
        last = listing.start + len(listing.items) - 1
        lines: list[str] = []
        for number, item in enumerate(listing.items, start=listing.start):
            marker = f"{number}. ".ljust(len(f"{last}. ")) if listing.ordered else "- "
            indent = " " * len(marker)
            marker += _box(listing.checks, number - listing.start)
            own = _trimmed(self.lines(item, width - len(marker), tight=not loose)) or [""]
            if isinstance(own[0], _ControlLine):
                own.insert(0, "")
            own = _indented(own, indent)
            lines += [marker + own[0].lstrip(" "), *own[1:]]
            if loose and not _brings_blank(own):
                lines.append("")
        return _trimmed(lines)

    def _table(self, table: Table, width: int) -> list[str]:
        head, *rows = [
            [_one_line(self._inline.text(cell)) for cell in row] for row in (table.head, *table.rows)
        ]
        widths = column_widths([head, *rows])
        if sum(widths) + 2 * (len(widths) - 1) > width:
            return self._records(head, rows, width)
        return align([head, ["-" * size for size in widths], *rows], table.aligns)

    def _records(self, head: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> list[str]:
        """A table that is too wide for columns: each row as lines “head: cell”."""
        lines: list[str] = []
        for row in rows:
            for name, cell in zip(head, row, strict=True):
                lines += wrap(self._inline.labelled(name, cell) if name else cell, width, rest="  ")
            lines.append("")
        return _trimmed(lines)


def _paragraph(text: str, width: int) -> list[str]:
    """*text* wrapped, its own line ends kept."""
    return [line for part in text.split("\n") for line in wrap(part, width)] if text.strip() else []


def hanging(marker: str, text: str, width: int = WIDTH) -> list[str]:
    """*text* on one line, or wrapped, its other lines as far in as the *marker* before the first."""
    return wrap(_one_line(text), width, marker, " " * display_width(marker))


def _one_line(text: str) -> str:
    return text.replace("\n", " ")


def _indented(lines: Iterable[str], prefix: str) -> list[str]:
    return [line if isinstance(line, _ControlLine) else f"{prefix}{line}".rstrip() for line in lines]


def _trimmed(lines: list[str]) -> list[str]:
    """*lines* without blank ones at the end; those of a conditional belong to its branches."""
    while lines and not lines[-1]:
        lines = lines[:-1]
    return lines


def _brings_blank(lines: Sequence[str]) -> bool:
    """Whether *lines* end in a conditional, whose branches bring their blank lines."""
    return len(lines) > 1 and isinstance(lines[-1], _ControlLine) and not lines[-2]


def _box(checks: Sequence[bool | None], index: int) -> str:
    """What stands before a task: ``[x]`` or ``[ ]``; nothing before what is none."""
    ticked = checks[index] if checks else None
    return "" if ticked is None else "[x] " if ticked else "[ ] "
