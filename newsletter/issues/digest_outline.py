"""Which headings of pasted digest text are sections and which are stories."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from newsletter.issues.digest import DigestSection, DigestStory, Passage
from newsletter.issues.digest_labels import is_why

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.issues.pasted import Block


@dataclass
class _Group:
    """A heading and the passages up to the next."""

    title: str
    line: int
    passages: list[Passage] = field(default_factory=list)

    @property
    def explained(self) -> bool:
        return any(passage.kind == "callout" and is_why(passage.label) for passage in self.passages)

    @property
    def capital(self) -> bool:
        return self.title.isupper()


def outline(
    parts: Sequence[tuple[Block, Passage | None]], notes: list[str]
) -> tuple[tuple[Passage, ...], tuple[DigestSection, ...]]:
    """The deck and the sections that *parts* make; the rules are those of `read_digest_text`'s module.

    Args:
        parts: each block with the passage that it is, or None if it is a heading.
        notes: told of a heading that nothing follows, which becomes a paragraph.
    """
    deck: list[Passage] = []
    groups: list[_Group] = []
    for block, passage in parts:
        if passage is None:
            groups.append(_Group(block.text, block.line))
        else:
            (groups[-1].passages if groups else deck).append(passage)
    if groups and not groups[-1].passages:
        last = groups.pop()
        notes.append(f"line {last.line}: nothing follows “{last.title}”; it was kept as a paragraph")
        (groups[-1].passages if groups else deck).append(Passage("paragraph", (last.title,), last.line))
    return tuple(deck), _sections(groups)


def _sections(groups: Sequence[_Group]) -> tuple[DigestSection, ...]:
    explained = any(group.explained for group in groups)
    nested = any(not group.passages for group in groups)
    capital = sum(group.capital for group in groups)
    mixed = 1 < capital < len(groups)
    sections: list[tuple[_Group, list[DigestStory]]] = []
    for index, group in enumerate(groups):
        last = index == len(groups) - 1
        if group.capital if mixed else _is_section(group, explained=explained, nested=nested, last=last):
            sections.append((group, []))
            continue
        if not sections:
            sections.append((_Group("", group.line), []))
        sections[-1][1].append(DigestStory(group.title, tuple(group.passages)))
    return tuple(
        DigestSection(group.title, tuple(group.passages), tuple(stories)) for group, stories in sections
    )


def _is_section(group: _Group, *, explained: bool, nested: bool, last: bool) -> bool:
    if not group.passages:
        return True
    if group.explained:
        return False
    if explained:
        return not last and [passage.kind for passage in group.passages] == ["paragraph"]
    return not nested
