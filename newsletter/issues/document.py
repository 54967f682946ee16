"""From an Issue to its Document: the flow from Markdown to sections, stories and sources."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from newsletter.issues.blocks import BlockReader
from newsletter.issues.citations import find_sources
from newsletter.issues.footnotes import (
    back_anchor,
    note_anchor,
    number_marks,
    placed,
    read_footnotes,
    split_footnotes,
)
from newsletter.issues.kinds import Contents, Heading
from newsletter.issues.markdown import parse_markdown
from newsletter.issues.merge_tags import TagMarker, check_tags, make_nonce
from newsletter.issues.model import Document, Section, Source, Story
from newsletter.issues.settle import settle_tags
from newsletter.issues.slugs import Anchors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdown_it.token import Token

    from newsletter.issues.citations import SourceList
    from newsletter.issues.kinds import Block, Inline
    from newsletter.issues.model import Issue


def parse_document(issue: Issue) -> Document:
    """What the body of *issue* says, with tokens in place of its merge tags; the same for the same issue.

    A first- or second-level heading begins a section, a third-level heading a story; deeper ones, and all
    within conditionals, lists and quotes, are blocks. A last section that is called “Sources” and holds
    nothing but a numbered list becomes ``sources``.

    Raises:
        IssueError: at line and column: a merge tag or condition that is no expression or speaks of unknown
            names, control lines that do not fit together, nesting beyond reason.
    """
    subject = issue.subject or issue.title
    marker = TagMarker(make_nonce("\0".join((issue.title, subject, issue.preheader, issue.body))))
    title = marker.mark_field(issue.title, issue.lines.get("title", 1))
    same = subject == issue.title
    subject = title if same else marker.mark_field(subject, issue.lines.get("subject", 1))
    preheader = marker.mark_field(issue.preheader, issue.lines.get("preheader", 1))
    in_front = len(marker.tags)

    marked = marker.mark(issue.body, issue.body_line)
    tokens, used = settle_tags(parse_markdown(marked, path=issue.path, line=issue.body_line), marker)
    proper, note_tokens = split_footnotes(tokens)
    sources = find_sources(proper)
    last = max((number for number, _ in sources.entries), default=0) if sources else 0
    number_marks(tokens, last)
    anchors = _anchors(sources, last, note_tokens)
    reader = BlockReader(issue.body.split("\n"), issue.body_line, issue.path, marker, anchors)
    in_body = len(marker.tags)
    lead, sections = _divide(reader.read(proper[: sources.heading] if sources else proper), toc=issue.toc)
    notes = read_footnotes(note_tokens, last, issue.body_line, lambda own: reader.read(own, nested=True))

    conditions = marker.tags[in_body:]
    tags = (*marker.tags[:in_front], *sorted((*used, *conditions), key=lambda tag: (tag.line, tag.column)))
    check_tags(tags, issue.path)
    return Document(
        title=title,
        subject=subject,
        preheader=preheader,
        lead=lead,
        sections=sections,
        sources_title=tuple(proper[sources.heading + 1].children or ()) if sources else None,
        sources=_sources(sources, issue.body_line),
        tags=tags,
        nonce=marker.nonce,
        sources_line=_line(proper[sources.heading], issue.body_line) if sources else 0,
        footnotes=placed(notes, _bodies(lead, sections), _titles(sections)),
    )


def _anchors(sources: SourceList | None, last: int, notes: Sequence[Token]) -> Anchors:
    """Anchors of which those of *sources*, of the *notes* after number *last*, and of themes are taken."""
    anchors = Anchors()
    for number, _ in sources.entries if sources else ():
        anchors.reserve(f"source-{number}")
    for number in range(last + 1, last + 1 + sum(token.type == "footnote_open" for token in notes)):
        anchors.reserve(note_anchor(number))
        anchors.reserve(back_anchor(number))
    for section in ("sources", "notes"):
        anchors.reserve(section)
    return anchors


def _bodies(lead: Sequence[Block], sections: Sequence[Section]) -> Iterator[Sequence[Block]]:
    yield lead
    for section in sections:
        yield section.blocks
        yield from (story.blocks for story in section.stories)


@dataclass
class _Part:
    """A section or story while its blocks are being collected."""

    heading: Heading | None
    line: int
    blocks: list[Block] = field(default_factory=list)
    stories: list[_Part] = field(default_factory=list)

    @property
    def is_contents(self) -> bool:
        """Whether it is there for the table of contents alone."""
        return self.heading is None and len(self.blocks) == 1 and isinstance(self.blocks[0], Contents)

    def story(self) -> Story:
        title, anchor = (self.heading.content, self.heading.anchor) if self.heading else ((), "")
        return Story(title, anchor, tuple(self.blocks), self.line)

    def section(self) -> Section:
        title, anchor = (self.heading.content, self.heading.anchor) if self.heading else (None, "")
        return Section(
            title, anchor, tuple(self.blocks), tuple(part.story() for part in self.stories), self.line
        )


def _titles(sections: Sequence[Section]) -> Iterator[Inline]:
    for section in sections:
        yield section.title or ()
        yield from (story.title for story in section.stories)


def _divide(blocks: Sequence[Block], *, toc: bool) -> tuple[tuple[Block, ...], tuple[Section, ...]]:
    """Divide the blocks of a body into the lead and the sections with their stories.

    A table of contents is no part of the lead: it begins a section without a title. With *toc* there is one
    after the lead even if the body does not say where.
    """
    lead: list[Block] = []
    current = lead
    sections: list[_Part] = []
    if toc and not any(isinstance(block, Contents) for block in blocks):
        first = next((n for n, block in enumerate(blocks) if _begins(block)), len(blocks))
        blocks = (
            *blocks[:first],
            Contents(blocks[first].line if first < len(blocks) else 0),
            *blocks[first:],
        )
    for block in blocks:
        if isinstance(block, Heading) and block.level <= 2:
            sections.append(_Part(block, block.line))
            current = sections[-1].blocks
        elif isinstance(block, Heading) and block.level == 3:
            if not sections or sections[-1].is_contents:
                sections.append(_Part(None, block.line))
            sections[-1].stories.append(_Part(block, block.line))
            current = sections[-1].stories[-1].blocks
        elif isinstance(block, Contents) and current is lead:
            sections.append(_Part(None, block.line, [block]))
            current = sections[-1].blocks
        else:
            current.append(block)
    return tuple(lead), tuple(part.section() for part in sections)


def _begins(block: Block) -> bool:
    return isinstance(block, Heading) and block.level <= 3


def _sources(found: SourceList | None, body_line: int) -> tuple[Source, ...]:
    return tuple(
        Source(
            number,
            tuple(inline.children or ()),
            f"source-{number}",
            _first_link(inline.children or ()),
            _line(inline, body_line),
        )
        for number, inline in (found.entries if found else ())
    )


def _first_link(tokens: Sequence[Token]) -> str | None:
    return next((str(token.attrs.get("href", "")) for token in tokens if token.type == "link_open"), None)


def _line(token: Token, body_line: int) -> int:
    return body_line + (token.map[0] if token.map else 0)
