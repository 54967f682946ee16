"""Runs a theme: its Jinja files turn an issue into MJML and CSS, its macros write the blocks of the body."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from newsletter.editions.attaching import attaches
from newsletter.editions.bidi import turning
from newsletter.editions.environment import environment, run
from newsletter.editions.highlighting import highlighted
from newsletter.editions.language import has_italics, may_be_spaced
from newsletter.editions.markup import InlineRenderer, Links, clean_html
from newsletter.editions.sourcemap import BEGINS, ENDS, GOES_ON, SourceMap, issue_mark
from newsletter.editions.theme import MAIN_FILE
from newsletter.editions.theme_images import with_images
from newsletter.errors import IssueError, ThemeError, at
from newsletter.issues import Cards, Conditional, Heading, Html, iter_inlines, outline, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from newsletter.config import PublicationSettings
    from newsletter.editions.frame import Frame
    from newsletter.editions.media import Image
    from newsletter.editions.plaintext import Control
    from newsletter.editions.slots import Slots
    from newsletter.editions.theme import Theme
    from newsletter.issues import Block, Document, Inline, Issue

#: The file with a macro for each kind of block, and the file with the CSS that is inlined.
BLOCKS_FILE = "blocks.html.j2"
STATIC_CSS_FILE = "static.css.j2"

_TAG_OR_LINE_END = re.compile(r"<[^>]*>|\n")


class SlotLinks(Mapping[str, str]):
    """The personal links as a theme sees them: ``links.unsubscribe`` is the token of a slot."""

    def __init__(self, slots: Slots, names: Sequence[str]) -> None:
        self._slots = slots
        self._names = names

    def __getitem__(self, name: str) -> str:
        if name not in self._names:
            raise KeyError(name)
        return self._slots.merge(f"links.{name}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Press:
    """One issue in one theme.

    Args:
        issue: what is compiled.
        document: its body.
        theme: gives the files.
        publication: whose issue it is.
        frame: what stands around the body.
        slots: makes the tokens of personal links, merge tags and conditionals.
        images: the local images, by the address that the issue gives them; those of the theme as
            `read_theme_images` finds them.
    """

    def __init__(
        self,
        issue: Issue,
        document: Document,
        theme: Theme,
        publication: PublicationSettings,
        frame: Frame,
        slots: Slots,
        images: Mapping[str, Image] | None = None,
    ) -> None:
        self._theme = theme
        self._path = issue.path
        self._title_line = issue.lines.get("title", 1)
        self._slots = slots
        self._environment = environment(theme)
        attached = attaches(issue, publication)
        self._links = Links(publication.url, f"LP{document.nonce}", images, attached=attached)
        sources = {source.number: source for source in document.sources}
        self._renderer = InlineRenderer(
            self._links,
            sources,
            frame.labels["source"],
            note_label=frame.labels.get("note_mark", "Note {number}"),
            language=frame.language,
            direction=frame.direction,
            column=theme.settings.get("width", 600) - 2 * theme.settings.get("gutter", 40),
        )
        #: The headings that the next one may be below: the level that the editor wrote, and the one it got.
        self._headings = [(0, 1)]
        self._room = 0
        self._context: dict[str, Any] = {
            "issue": _issue(issue, document, frame),
            "publication": publication,
            "document": document,
            "labels": frame.labels,
            "theme": with_images(theme.settings, self._links.image),
            "start": "right" if frame.direction == "rtl" else "left",
            "end": "left" if frame.direction == "rtl" else "right",
            "links": SlotLinks(slots, ("unsubscribe", "preferences", "web")),
            "merge": slots.merge,
            "inline": self.inline,
            "plain": text_of,
            "blocks": self.blocks,
            "image_url": self._links.image,
            "image_width": self._links.image_width,
            "highlight": highlighted,
            "outline": lambda: outline(document),
            "link_url": self._links.safe,
            "kind": kind_of,
            "turn": partial(turning, frame.direction),
            "room": lambda: self._room,
        }
        self._macros: Any = None
        #: The lines of the issue to be marked, by the first token of inline content; None for no marks.
        self._lines: dict[int, int] | None = None
        self._document = document

    def mjml(self) -> str:
        """The MJML document.

        Raises:
            IssueError: the issue holds what no mail can show.
            ThemeError: a file of the theme fails; with its line.
        """
        return self._render(MAIN_FILE)

    def source_map(self, *, lines: bool = False) -> SourceMap:
        """The MJML document once more, with the places in the theme that its parts came from.

        Args:
            lines: mark the lines of the issue, too.

        Raises:
            IssueError, ThemeError: as for `mjml`.
        """
        plain = self._environment, self._macros, self._context
        self._environment, self._macros = environment(self._theme, marked=True), None
        if lines:
            found = iter_inlines(self._document)
            self._lines = {id(token): line for line, content in found for token in content[:2]}
            self._renderer.marking = True
            self._context = {**plain[2], "issue": self._marked_issue(plain[2]["issue"])}
        try:
            return SourceMap(self.mjml(), self._theme.files)
        finally:
            self._environment, self._macros, self._context = plain
            self._lines, self._renderer.marking = None, False

    def _marked_issue(self, issue: dict[str, object]) -> dict[str, object]:
        """The values of ``issue``, the title with marks that say on which line of the file it stands."""
        return {**issue, "title": self._at(self._title_line, escape(issue["title"]))}

    def static_css(self) -> str:
        """The CSS that goes into style attributes.

        Raises:
            ThemeError: as for `mjml`.
        """
        return self._render(STATIC_CSS_FILE) if STATIC_CSS_FILE in self._theme.files else ""

    def inline(self, content: Inline) -> Markup:
        """Inline content as XHTML."""
        line = self._lines.get(id(content[0])) if self._lines and content else None
        try:
            return self._at(line, self._renderer.render_inline(content, line))
        except IssueError as error:
            raise IssueError(error.what, where=str(self._path or ""), hint=error.hint) from error

    def _at(self, line: int | None, markup: Markup) -> Markup:
        """*markup* with marks around it that say on which line of the issue it stands, if they are wanted."""
        if self._lines is None or line is None:
            return markup
        return Markup(issue_mark(BEGINS, line) + markup + issue_mark(ENDS))  # noqa: S704 - control characters

    def blocks(self, blocks: Sequence[Block], under: int | None = None, width: int | None = None) -> Markup:
        """Blocks as XHTML, each by the macro of its kind.

        Args:
            blocks: what stands between two headings, or within another block.
            under: the level of the heading before them; None within another block.
            width: the room that they have, in pixels, which a theme reads with ``room()``: for Outlook, which
                shows an image as wide as its attribute says. None within another block.
        """
        if under is not None:
            self._headings = [(0, under)]
        before, self._room = self._room, self._room if width is None else width
        written = Markup("\n").join(self._at(block.line, self._placed(block)) for block in blocks)
        self._room = before
        return written

    def _placed(self, block: Block) -> Markup:
        """*block*; what is wrong within is told with the line of the innermost block that it is in."""
        try:
            return self._block(block)
        except IssueError as error:
            if error.where not in ("", str(self._path)):
                raise
            raise IssueError(error.what, where=at(self._path, block.line), hint=error.hint) from error

    def _block(self, block: Block) -> Markup:
        if isinstance(block, Conditional):
            return self._conditional(block)
        if isinstance(block, Html):
            return self._raw(block)
        macro = self._macro(kind_of(block))
        if isinstance(block, Heading):
            # A level is never skipped, so that a screen reader's outline has no holes (WCAG 2.2, 1.3.1).
            return Markup(macro(block, self._level_of(block)))  # noqa: S704 - an autoescaping macro
        if isinstance(block, Cards):
            return self._below(macro, block)
        return Markup(macro(block))  # noqa: S704 - an autoescaping macro

    def _level_of(self, heading: Heading) -> int:
        """The level of *heading*: one that the editor wrote like the one before it gets the same level."""
        while self._headings[-1][0] >= heading.level:
            self._headings.pop()
        level = min(max(heading.level, 2), self._headings[-1][1] + 1)
        self._headings.append((heading.level, level))
        return level

    def _below(self, macro: Any, block: Cards) -> Markup:  # noqa: ANN401 - a Jinja macro
        """*block*, whose headings are below the one before it, whatever level the editor gave them."""
        before = self._headings
        above = before[-1][1]
        lowered = tuple(
            replace(card, blocks=tuple(_lowered(inner, above) for inner in card.blocks))
            for card in block.cards
        )
        self._headings = [(0, above)]
        written = Markup(macro(replace(block, cards=lowered)))  # noqa: S704 - an autoescaping macro
        self._headings = before
        return written

    def _macro(self, name: str) -> Any:  # noqa: ANN401 - a Jinja macro
        if self._macros is None:
            self._macros = self._environment.get_template(BLOCKS_FILE).make_module(self._context)
        if not hasattr(self._macros, name):
            raise ThemeError(
                f"there is no macro `{name}`",
                where=self._theme.place(BLOCKS_FILE),
                hint=f"add `{{% macro {name}(block) %}} … {{% endmacro %}}`",
            )
        return getattr(self._macros, name)

    def _conditional(self, block: Conditional) -> Markup:
        parts = []
        for number, branch in enumerate(block.branches):
            kind: Control = "if" if number == 0 else "elif" if branch.tag else "else"
            parts.append(Markup(self._slots.control(kind, branch.tag)))  # noqa: S704 - letters and digits
            parts.append(self.blocks(branch.blocks))
        parts.append(Markup(self._slots.control("endif", None)))  # noqa: S704 - letters and digits
        return Markup("\n").join(parts)

    def _raw(self, block: Html) -> Markup:
        return Markup(self._with_line_ends(clean_html(block.text, self._links), block))  # noqa: S704 - cleaned

    def _with_line_ends(self, html: str, block: Html) -> str:
        """Cleaned *html* with marks at its line ends, if lines are marked and none of its lines was lost."""
        if self._lines is None or html.count("\n") != block.text.count("\n"):
            return html
        line = block.line

        def mark(match: re.Match[str]) -> str:
            nonlocal line
            line += match[0].count("\n")
            return match[0] + (issue_mark(GOES_ON, line) if match[0] == "\n" else "")

        return _TAG_OR_LINE_END.sub(mark, html)

    def _render(self, file: str) -> str:
        return run(self._environment, self._theme, file, self._context)


def _lowered(block: Block, above: int) -> Block:
    return replace(block, level=max(block.level, above + 1)) if isinstance(block, Heading) else block


def kind_of(block: Block) -> str:
    """The kind of *block*, which is the name of its macro: ``paragraph``, ``callout`` and so on."""
    return type(block).__name__.lower()


def _issue(issue: Issue, document: Document, frame: Frame) -> dict[str, object]:
    """What a theme may say of ``issue``: its front matter, other keys included."""
    return {
        **issue.extra,
        "slug": issue.slug,
        "title": document.title,
        "subject": document.subject,
        "preheader": frame.preheader,
        "date": frame.date,
        "byline": frame.byline,
        "authors": issue.authors,
        "credits": issue.credits,
        "language": frame.language,
        "direction": frame.direction,
        "italics": has_italics(frame.language),
        "spaced": may_be_spaced(frame.language),
    }
