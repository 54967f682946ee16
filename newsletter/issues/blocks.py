"""From Markdown's flat tokens to the blocks of a Document."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from newsletter.errors import IssueError, at
from newsletter.issues.conditions import Control, fold
from newsletter.issues.kinds import (
    ALERTS,
    Callout,
    Card,
    Cards,
    Code,
    Divider,
    Heading,
    Html,
    Listing,
    Paragraph,
    Picture,
    Quote,
    Table,
)
from newsletter.issues.paragraphs import read_paragraph, stripped, without_start
from newsletter.issues.walk import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from markdown_it.token import Token

    from newsletter.issues.kinds import Block, Inline
    from newsletter.issues.merge_tags import TagMarker
    from newsletter.issues.slugs import Anchors

#: A kind, perhaps the sign with which some editors fold it, and perhaps a title of its own.
_ALERT = re.compile(r"\[!([A-Za-z]+)\][+-]?(?:[ \t]+(.*\S))?\s*")
_TASK = re.compile(r"\[([ xX])\][ \t]+(?=\S)")
_DASH = re.compile(r"(?:——?|――?|⸺|–|--)\s*")


class BlockReader:
    """Reads the blocks of one issue.

    Args:
        lines: the lines of the body, for the columns of control lines.
        body_line: the line of the file on which the body begins.
        path: the issue's file, for errors.
        marker: gives conditions their tokens.
        anchors: gives headings their anchors.
    """

    def __init__(
        self, lines: Sequence[str], body_line: int, path: Path | None, marker: TagMarker, anchors: Anchors
    ) -> None:
        self._lines = lines
        self._body_line = body_line
        self._path = path
        self._marker = marker
        self._anchors = anchors

    def read(self, tokens: Sequence[Token], *, nested: bool = False) -> tuple[Block, ...]:
        """The blocks that *tokens* are, conditionals folded.

        Args:
            tokens: complete block tokens of one level.
            nested: within a list or quote, where ``**Label:**`` is emphasis and no callout.

        Raises:
            IssueError: control lines that do not fit together.
        """
        return fold(self._items(tokens, nested=nested), self._path)

    def _items(self, tokens: Sequence[Token], *, nested: bool) -> Iterator[Block | Control]:
        index = 0
        while index < len(tokens):
            end = _end(tokens, index)
            yield self._item(tokens[index], tokens[index + 1 : end], nested=nested)
            index = end + 1

    def _item(self, first: Token, inner: Sequence[Token], *, nested: bool) -> Block | Control:
        line = self._line(first)
        match first.type:
            case "control":
                return self._control(first, line)
            case "heading_open":
                content = _inline(inner[0])
                return Heading(
                    int(first.tag[1]), content, self._anchors.take(text_of(content, tags=False)), line
                )
            case "paragraph_open":
                return read_paragraph(_inline(inner[0]), line, tight=first.hidden, nested=nested)
            case "blockquote_open":
                return _quote(self.read(inner, nested=True), line)
            case "bullet_list_open" | "ordered_list_open":
                return self._listing(first, inner, line)
            case "table_open":
                return _table(inner, line)
            case "container_cards_open":
                return self._cards(first, inner, line)
            case "fence" | "code_block":
                language = (first.info.split() or [""])[0]
                return Code(first.content, language, line)
            case "hr":
                return Divider(line)
            case "html_block":
                return Html(first.content, line)
        raise AssertionError(f"Markdown gave a block of type {first.type}")

    def _control(self, token: Token, line: int) -> Control:
        column = self._lines[line - self._body_line].find("{%") + 1
        tag = None
        if token.info in {"if", "elif"}:
            tag = self._marker.add(token.content, token.markup, line, column)
        return Control(token.info, tag, token.markup, line, column)

    def _listing(self, first: Token, inner: Sequence[Token], line: int) -> Listing:
        items, checks = [], []
        index = 0
        while index < len(inner):
            end = _end(inner, index)
            item, ticked = _task(self.read(inner[index + 1 : end], nested=True))
            items.append(item)
            checks.append(ticked)
            index = end + 1
        start = first.attrGet("start")
        return Listing(
            first.type == "ordered_list_open",
            1 if start is None else int(start),
            tuple(items),
            line,
            () if all(ticked is None for ticked in checks) else tuple(checks),
        )

    def _cards(self, first: Token, inner: Sequence[Token], line: int) -> Cards:
        last = (first.map or [0, 0])[1]
        if last >= len(self._lines) or not self._lines[last].strip(" \t>").startswith(":::"):
            raise IssueError(
                "`::: cards` is never closed",
                where=at(self._path, line),
                hint="add a line `:::` after the last card",
            )
        cards = [_card(blocks) for blocks in _dealt(self.read(inner, nested=True))]
        if not cards:
            raise IssueError(
                "`::: cards` has nothing in it",
                where=at(self._path, line),
                hint="begin each card with a heading, such as `### Title`",
            )
        asked = first.info.split()[1:]
        columns = int(asked[0]) if asked else 3 if len(cards) % 3 == 0 else 2
        return Cards(columns, tuple(cards), line)

    def _line(self, token: Token) -> int:
        return self._body_line + (token.map[0] if token.map else 0)


def _end(tokens: Sequence[Token], index: int) -> int:
    """The index of the token that closes the one at *index*: itself if it opens nothing."""
    if tokens[index].nesting != 1:
        return index
    level = tokens[index].level
    return next(
        i for i in range(index + 1, len(tokens)) if tokens[i].nesting == -1 and tokens[i].level == level
    )


def _inline(token: Token) -> Inline:
    return tuple(token.children or ())


def _task(item: tuple[Block, ...]) -> tuple[tuple[Block, ...], bool | None]:
    """A list item without its ``[ ]`` or ``[x]``, and whether it is ticked; None for one that has no box."""
    first = item[0] if item else None
    if not isinstance(first, Paragraph) or not first.content or first.content[0].type != "text":
        return item, None
    match = _TASK.match(first.content[0].content)
    if match is None:
        return item, None
    return (replace(first, content=without_start(first.content, match.end())), *item[1:]), match[1] != " "


def _dealt(blocks: Sequence[Block]) -> list[list[Block]]:
    """*blocks* divided into cards: each begins with a heading, and a divider ends one without."""
    cards: list[list[Block]] = [[]]
    for block in blocks:
        if isinstance(block, Divider):
            cards.append([])
        elif isinstance(block, Heading) and cards[-1]:
            cards.append([block])
        else:
            cards[-1].append(block)
    return [card for card in cards if card]


def _card(blocks: Sequence[Block]) -> Card:
    """A card, the image that it begins with, before or after its heading, put on top."""
    line = blocks[0].line
    for index, block in enumerate(blocks[:2]):
        if isinstance(block, Picture) and (index == 0 or isinstance(blocks[0], Heading)):
            return Card(block, (*blocks[:index], *blocks[index + 1 :]), line)
    return Card(None, tuple(blocks), line)


def _quote(blocks: tuple[Block, ...], line: int) -> Block:
    """A quotation with its attribution, or the callout that ``> [!NOTE]`` or ``> [!NOTE] Title`` begins."""
    first = blocks[0] if blocks else None
    if isinstance(first, Paragraph) and first.content and first.content[0].type == "text":
        match = _ALERT.fullmatch(first.content[0].content)
        rest = first.content[1:]
        if match and (not rest or rest[0].type in {"softbreak", "hardbreak"}):
            remainder = stripped(rest)
            body = (Paragraph(remainder, first.line), *blocks[1:]) if remainder else blocks[1:]
            kind = match[1].lower()
            if match[2]:
                return Callout(match[2], body, line)
            return Callout(kind.capitalize(), body, line, kind if kind in ALERTS else "")
    last = blocks[-1] if blocks else None
    if isinstance(last, Paragraph):
        before, attribution = _attribution(last.content)
        if attribution is not None and (before or len(blocks) > 1):
            kept = (Paragraph(before, last.line, last.tight),) if before else ()
            return Quote((*blocks[:-1], *kept), attribution, line)
    return Quote(blocks, None, line)


def _attribution(content: Inline) -> tuple[Inline, Inline | None]:
    """Divide the last paragraph of a quotation before a last line that begins with a dash."""
    breaks = [index for index, token in enumerate(content) if token.type in {"softbreak", "hardbreak"}]
    start = breaks[-1] + 1 if breaks else 0
    last = content[start:]
    if last and last[0].type == "text" and (match := _DASH.match(last[0].content)):
        name = without_start(last, match.end())
        if text_of(name).strip():
            return content[: max(start - 1, 0)], name
    return content, None


def _table(tokens: Sequence[Token], line: int) -> Table:
    rows: list[list[Inline]] = []
    aligns = []
    for index, token in enumerate(tokens):
        if token.type == "tr_open":
            rows.append([])
        elif token.type in {"th_open", "td_open"}:
            rows[-1].append(_inline(tokens[index + 1]))
            if token.type == "th_open":
                aligns.append(str(token.attrs.get("style", "")).removeprefix("text-align:"))
    return Table(tuple(rows[0]), tuple(tuple(row) for row in rows[1:]), tuple(aligns), line)
