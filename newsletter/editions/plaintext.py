"""A Document as plain text, made from what the editor wrote and never from the HTML.

One numbering serves citations, footnotes and links: the sources have the first numbers, as in the HTML, then
come the footnotes, then the addresses of links.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from newsletter.editions.bidi import marked
from newsletter.editions.block_text import WIDTH, BlockText, Control, hanging
from newsletter.editions.columns import display_width, wrap
from newsletter.editions.inline_text import InlineText
from newsletter.issues import Footnote, iter_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from newsletter.issues import Document, MergeTag, Section, Source

__all__ = ["WIDTH", "Control", "TextFrame", "render_text"]

_TOKEN = re.compile(r"(LP[0-9a-f]{8}[a-z]\d+z)")
#: Languages in which capitals depend on more than the letter.
_OWN_CAPITALS = frozenset({"az", "el", "lt", "tr"})


@dataclass(frozen=True)
class TextFrame:
    """What stands around the body of an issue, as texts that may hold tokens.

    Attributes:
        control: gives the token that marks a place in a conditional; the tag is the condition of ``if`` and
            ``elif``, None for ``else`` and ``endif``.
        masthead: the publication's name.
        date: the issue's date as one writes it.
        byline: who wrote it.
        sources: what to call the sources if the issue does not say.
        links: what to call the list of addresses.
        image: what stands before the alternative text of an image.
        signed: who wrote it, in paragraphs of lines, below the body.
        footer: the lines at the end; an empty one is a blank line.
        language: the issue's language tag.
        direction: in which its text runs, ``ltr`` or ``rtl``.
        labels: the theme's other words.
        base: the publication's address, to which relative links are relative.
    """

    control: Callable[[Control, MergeTag | None], str]
    masthead: str = ""
    date: str = ""
    byline: str = ""
    sources: str = "Sources"
    links: str = "Links"
    image: str = "Image"
    signed: tuple[tuple[str, ...], ...] = ()
    footer: tuple[str, ...] = ()
    language: str = "en"
    direction: str = "ltr"
    labels: Mapping[str, str] = field(default_factory=dict)
    base: str = ""


def render_text(document: Document, frame: TextFrame) -> str:
    """*document* as plain text of at most 72 columns, web addresses and tokens never broken.

    Citations keep their numbers. All other links are numbered after the sources and listed at the end, but
    those in conditionals stand in place, so that no reader gets a link of a part that is not for them.
    """
    return _Writer(document, frame).text()


class _Writer:
    """Writes one document."""

    def __init__(self, document: Document, frame: TextFrame) -> None:
        self._document = document
        self._frame = frame
        notes = [block.number for block in iter_blocks(document) if isinstance(block, Footnote)]
        self._inline = InlineText(
            document.sources,
            frame.image,
            after=max(notes, default=0),
            struck=frame.labels.get("struck", "Struck out"),
            language=frame.language,
            base=frame.base,
        )
        self._blocks = BlockText(document, self._inline, frame.control, frame.labels, self._small_title)

    def text(self) -> str:
        """The whole text."""
        lines = [*self._head(), *self._blocks.lines(self._document.lead)]
        for section in self._document.sections:
            lines += self._section(section)
        for paragraph in self._frame.signed:
            lines += [*(line for part in paragraph for line in wrap(part, WIDTH)), ""]
        lines += self._sources()
        lines += self._blocks.lines(self._document.footnotes)
        lines += self._links()
        if self._frame.footer:
            lines += ["", "-" * WIDTH]
            for line in self._frame.footer:
                lines += wrap(line, WIDTH)
        direction = self._frame.direction
        return "\n".join(marked(line.rstrip(), direction) for line in lines).strip("\n") + "\n"

    def _head(self) -> Iterator[str]:
        frame = self._frame
        if frame.masthead:
            yield from (*wrap(frame.masthead, WIDTH), "")
        yield from self._underlined(self._document.title, "=")
        if about := " · ".join(filter(None, (frame.date, frame.byline))):
            yield from (*wrap(about, WIDTH), "")

    def _section(self, section: Section) -> Iterator[str]:
        if section.title is not None:
            yield ""
            yield from self._small_title(self._inline.text(section.title))
        yield from self._blocks.lines(section.blocks)
        for number, story in enumerate(section.stories):
            if number or section.blocks or section.title is None:
                yield ""
            yield from (*wrap(self._inline.text(story.title), WIDTH), "")
            yield from self._blocks.lines(story.blocks)

    def _sources(self) -> Iterator[str]:
        title = self._document.sources_title
        if not self._document.sources:
            return
        yield ""
        label = self._inline.text(title) if title else self._frame.sources
        yield from self._small_title(label)
        for source in self._document.sources:
            yield from self._source(source)
        yield ""

    def _source(self, source: Source) -> list[str]:
        text = self._inline.text(source.content, without=source.url)
        address = self._inline.target(source.url or "")
        if address and address not in text:
            text = f"{text} {address}"
        return hanging(f"[{source.number}] ", text)

    def _links(self) -> Iterator[str]:
        if self._inline.links:
            yield ""
            yield from self._small_title(self._frame.links)
            for address, number in self._inline.links.items():
                yield f"[{number}] {address}"
            yield ""

    def _small_title(self, title: str) -> list[str]:
        return self._underlined(self._capitals(title), "-")

    def _underlined(self, title: str, mark: str) -> list[str]:
        lines = wrap(title, WIDTH)
        return [*lines, mark * min(max(map(display_width, lines)), WIDTH), ""]

    def _capitals(self, title: str) -> str:
        if self._frame.language.partition("-")[0].lower() in _OWN_CAPITALS:
            return title
        parts = _TOKEN.split(title)
        parts[::2] = [part.upper() for part in parts[::2]]
        return "".join(parts)
