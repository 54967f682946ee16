"""Ways through a Document: all its blocks, all its inline content, and the plain text of either."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from newsletter.issues.kinds import (
    Button,
    Callout,
    Cards,
    Conditional,
    Embed,
    Footnote,
    Footnotes,
    Heading,
    Listing,
    Paragraph,
    Picture,
    Quote,
    Table,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from newsletter.issues.kinds import Block, Inline
    from newsletter.issues.model import Document

_TOKEN = re.compile(r"LP[0-9a-f]{8}m\d+z")


def iter_blocks(document: Document) -> Iterator[Block]:
    """Every block of *document* in the order of reading, a container before what it contains.

    The titles of sections and stories are no blocks, and the sources are not visited; footnotes come last.
    """
    yield from _descend(document.lead)
    for section in document.sections:
        yield from _descend(section.blocks)
        for story in section.stories:
            yield from _descend(story.blocks)
    yield from _descend(document.footnotes)


def iter_inlines(document: Document) -> Iterator[tuple[int, Inline]]:
    """Every stretch of inline content with the line of the file on which its block begins.

    Titles of sections and stories, the cells of tables and the sources are included.
    """
    yield from _of_blocks(document.lead)
    for section in document.sections:
        if section.title is not None:
            yield section.line, section.title
        yield from _of_blocks(section.blocks)
        for story in section.stories:
            yield story.line, story.title
            yield from _of_blocks(story.blocks)
    if document.sources_title is not None:
        yield document.sources_line, document.sources_title
    yield from ((source.line, source.content) for source in document.sources)
    yield from _of_blocks(document.footnotes)


def text_of(content: Inline, *, tags: bool = True) -> str:
    """What *content* reads as, without markup; images are their alternative text.

    Args:
        content: the tokens of a paragraph or title.
        tags: keep the tokens of merge tags and citations; an anchor wants neither.
    """
    parts = []
    for token in content:
        if token.type in {"softbreak", "hardbreak"}:
            parts.append(" ")
        elif token.type == "image":
            parts.append(text_of(tuple(token.children or ())))
        elif token.type in {"text", "text_special", "code_inline"} or (token.type == "citation" and tags):
            parts.append(token.content)
    text = "".join(parts)
    return text if tags else _TOKEN.sub(" ", text).strip()


def _descend(blocks: Iterable[Block]) -> Iterator[Block]:
    for block in blocks:
        yield block
        for inner in children(block):
            yield from _descend(inner)


def children(block: Block) -> Iterator[tuple[Block, ...]]:
    """The groups of blocks that *block* contains: a quote's, each item's, each card's, each branch's."""
    if isinstance(block, Quote | Callout | Footnote | Footnotes):
        yield block.blocks
    elif isinstance(block, Listing):
        yield from block.items
    elif isinstance(block, Cards):
        for card in block.cards:
            yield (*((card.picture,) if card.picture else ()), *card.blocks)
    elif isinstance(block, Conditional):
        for branch in block.branches:
            yield branch.blocks


def _of_blocks(blocks: Iterable[Block]) -> Iterator[tuple[int, Inline]]:
    for block in _descend(blocks):
        yield from inlines_of(block)


def inlines_of(block: Block) -> Iterator[tuple[int, Inline]]:
    """The inline content of *block* itself, not of blocks within it, with its lines."""
    if isinstance(block, Heading | Paragraph | Button | Embed | Picture):
        yield block.line, block.content
    elif isinstance(block, Table):
        for offset, row in enumerate((block.head, *block.rows)):
            # The line of dashes is between the head and the first row.
            line = block.line + offset + (offset > 0)
            yield from ((line, cell) for cell in row)
    elif isinstance(block, Quote) and block.attribution is not None:
        yield block.line, block.attribution
