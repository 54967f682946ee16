"""The table of contents: the titles of sections and stories, with their anchors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.issues.kinds import Inline
    from newsletter.issues.model import Document

#: What a title has that an entry, itself a link, must not have.
_LEFT_OUT = frozenset({"link_open", "link_close", "citation", "footnote_ref", "image", "html_inline"})


@dataclass(frozen=True)
class Entry:
    """One line of the table, and the lines below it."""

    title: Inline
    anchor: str
    entries: tuple[Entry, ...] = ()


def outline(document: Document) -> tuple[Entry, ...]:
    """The titles of the sections of *document*, each with those of its stories.

    Stories of a section without a title are entries of their own.
    """
    entries: list[Entry] = []
    for section in document.sections:
        stories = tuple(Entry(_bare(story.title), story.anchor) for story in section.stories)
        if section.title is None:
            entries += stories
        else:
            entries.append(Entry(_bare(section.title), section.anchor, stories))
    return tuple(entries)


def _bare(title: Inline) -> Inline:
    bare = tuple(token for token in title if token.type not in _LEFT_OUT)
    if bare and bare[-1].type == "text":
        return (*bare[:-1], bare[-1].copy(content=bare[-1].content.rstrip()))
    return bare
