"""From Markdown's inline tokens and raw HTML to well-formed, harmless XHTML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markupsafe import Markup

from newsletter.editions.attaching import content_id
from newsletter.editions.grounds import declarations, inked
from newsletter.editions.sourcemap import GOES_ON, issue_mark
from newsletter.editions.typography import NO_BREAK, tied, typeset
from newsletter.errors import IssueError
from newsletter.issues import SCHEMES, UNTRACKED, scheme_of, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markdown_it.token import Token

    from newsletter.editions.media import Image
    from newsletter.issues import Inline, Source

#: Deeper markup is nobody's writing, and mail programs give up on it.
DEEPEST = 50

_OPTIONS = MarkdownIt("commonmark").options
_VOID = re.compile(r"<(area|br|col|hr|img|wbr)((?:\s+[\w:-]+=\"[^\"]*\")*)\s*>")
_TAG = re.compile(r"<(/?)[A-Za-z][^>]*?(/?)>")
_TABLE = re.compile(r"<table(?![^>]*\srole=)([\s>])")
_STYLES = frozenset(
    "background-color border border-bottom border-collapse border-color border-left border-radius"  # noqa: SIM905
    " border-right border-spacing border-style border-top border-width color direction display font-family"
    " font-size font-style font-variant font-weight height letter-spacing line-height list-style-type margin"
    " margin-bottom margin-left margin-right margin-top max-width min-width padding padding-bottom"
    " padding-left padding-right padding-top text-align text-decoration text-transform vertical-align"
    " white-space width word-break".split()
)
#: The elements of raw HTML that stay.
TAGS = nh3.ALLOWED_TAGS | {"font", "section", "main"}
_ATTRIBUTES = {
    **nh3.ALLOWED_ATTRIBUTES,
    "*": {
        "align",
        "class",
        "dir",
        "id",
        "lang",
        "role",
        "style",
        "title",
        "valign",
        "width",
        "height",
        "bgcolor",
    },
    "a": {"href", "hreflang", "name", "data-track"},
    "font": {"color", "face", "size"},
    "img": {"src", "alt", "border"},
    "table": {"border", "cellpadding", "cellspacing", "summary"},
    "td": {"colspan", "rowspan", "headers"},
    "th": {"colspan", "rowspan", "headers", "scope"},
}


class Links:
    """Decides where links and images may lead.

    Args:
        base: the publication's own address, without a slash at the end; what is relative is relative to it.
        token: how every token of the edition begins; a link that begins with one is decided per recipient.
        images: the local images, by the address that the issue gives them.
        attached: whether these go with the message.
    """

    def __init__(
        self, base: str, token: str, images: Mapping[str, Image] | None = None, *, attached: bool = False
    ) -> None:
        self._base = base
        self._token = token
        self._images = images or {}
        self._attached = attached

    def safe(self, url: str, extra: str = "") -> str | None:
        """*url* made absolute, or None if its scheme is neither one of `SCHEMES` nor *extra*."""
        url = url.strip()
        if url.startswith(("#", self._token)):
            return url
        if scheme := scheme_of(url):
            return url if scheme in SCHEMES | {extra} else None
        try:
            return urljoin(self._base + "/", url)
        except ValueError:
            return None

    def image(self, url: str) -> str | None:
        """Like `safe`, for an image: a local one is where it is published, or in the message (RFC 2392)."""
        if found := self._images.get(url):
            return f"cid:{content_id(found)}" if self._attached else f"{self._base}/media/{found.name}"
        return self.safe(url, "cid")

    def image_width(self, url: str) -> int | None:
        """How many pixels wide an image is meant to be shown; None for one that is not local."""
        found = self._images.get(url)
        return found.width if found else None


class InlineRenderer(RendererHTML):
    """Writes the inline content of an issue as XHTML.

    Args:
        links: decides where links may lead.
        sources: the entries of the closing list, by number, to which citations link.
        source_label: what a screen reader says of a citation, with ``{number}``.
        note_label: the same for the mark of a footnote.
        language: of the text, for its spaces.
        direction: of the text; code runs from left to right in any.
        column: how wide an image may be, in pixels.
    """

    def __init__(
        self,
        links: Links,
        sources: Mapping[int, Source],
        source_label: str,
        *,
        note_label: str = "Note {number}",
        language: str = "en",
        direction: str = "ltr",
        column: int = 520,
    ) -> None:
        super().__init__()
        self._links = links
        self._sources = sources
        self._source_label = source_label
        self._note_label = note_label
        self._language = language
        self._code = '<code dir="ltr">' if direction == "rtl" else "<code>"
        self._column = column
        #: Whether the lines of the issue are marked, for a `SourceMap`.
        self.marking = False
        self._line = 0

    def render_inline(self, content: Inline, line: int | None = None) -> Markup:
        """*content*, which begins on *line* of the issue if that is known, as XHTML.

        Raises:
            IssueError: emphasis and links are nested too deep.
        """
        self._line = line or 0
        html = self.renderInline(tied(content), _OPTIONS, {})
        if any(token.type == "html_inline" for token in content):
            html = clean_html(html, self._links)
        if "<" in html:
            check_depth(html)
        return Markup(html)  # noqa: S704 - made of escaped text above

    def text(self, tokens: Sequence[Token], index: int, *_: Any) -> str:  # noqa: ANN401
        """Text, escaped."""
        text = escapeHtml(typeset(tokens[index].content, self._language))
        return text + self._next_line() if "ends_line" in tokens[index].meta else text

    def softbreak(self, *_: Any) -> str:  # noqa: ANN401
        """The end of a line of the issue."""
        return "\n" + self._next_line()

    def hardbreak(self, *_: Any) -> str:  # noqa: ANN401
        """The end of a line that the editor asked for."""
        return "<br />\n" + self._next_line()

    def _next_line(self) -> str:
        self._line += 1
        return issue_mark(GOES_ON, self._line) if self.marking and self._line > 1 else ""

    def code_inline(self, tokens: Sequence[Token], index: int, *_: Any) -> str:  # noqa: ANN401
        """Code within text."""
        return f"{self._code}{escapeHtml(tokens[index].content)}</code>"

    def link_open(self, tokens: Sequence[Token], index: int, *_: Any) -> str:  # noqa: ANN401
        """A link, or one without a target if its target is not allowed."""
        href = self._links.safe(str(tokens[index].attrGet("href") or ""))
        title = tokens[index].attrGet("title")
        track = _attribute("data-track", "no" if tokens[index].meta.get(UNTRACKED) else None)
        return "<a" + _attribute("href", href) + _attribute("title", title) + track + ">"

    def image(self, tokens: Sequence[Token], index: int, *_: Any) -> str:  # noqa: ANN401
        """An image within text, or its alternative text if its address is not allowed."""
        token = tokens[index]
        alt = text_of(tuple(token.children or ()))
        address = str(token.attrGet("src") or "")
        src = self._links.image(address)
        if src is None:
            return escapeHtml(alt)
        title = _attribute("title", token.attrGet("title"))
        asked = token.meta.get("width") or self._links.image_width(address)
        width = _attribute("width", min(asked, self._column) if asked else None)
        return f'<img class="image"{_attribute("src", src)} alt="{escapeHtml(alt)}"{title}{width} />'

    def citation(self, tokens: Sequence[Token], index: int, *_: Any) -> str:  # noqa: ANN401
        """The numbers of cited sources in brackets, each a link to its source."""
        links = ", ".join(self._cited(number) for number in tokens[index].meta["numbers"])
        behind_a_blank = index > 0 and tokens[index - 1].content.endswith(NO_BREAK)
        return f'<sup class="cite{"" if behind_a_blank else " mark"}">[{links}]</sup>'

    def footnote_ref(self, tokens: Sequence[Token], index: int, *_: Any) -> str:  # noqa: ANN401
        """The number of a footnote in brackets, which leads to it and can be led back to."""
        number, anchor = tokens[index].meta["number"], tokens[index].meta["anchor"]
        label = escapeHtml(self._note_label.format(number=number))
        link = f'<a id="{anchor}" href="#note-{number}" aria-label="{label}">{number}</a>'
        return f'<sup class="cite mark">[{link}]</sup>'

    def _cited(self, number: int) -> str:
        source = self._sources[number]
        href = self._links.safe(source.url or "") if source.url else None
        label = escapeHtml(self._source_label.format(number=number))
        return f'<a{_attribute("href", href or "#" + source.anchor)} aria-label="{label}">{number}</a>'


def clean_html(html: str, links: Links) -> str:
    """Raw HTML made harmless and well formed, without unknown elements, scripts, event handlers and comments.

    A table with header cells is a table to screen readers; one without is taken for layout. What stands on a
    ground of its own has an ink that can be read there.

    Raises:
        IssueError: it is nested too deep.
    """

    def filtered(tag: str, name: str, value: str) -> str | None:
        if name == "style":
            return ";".join(f"{each}:{said}" for each, said in declarations(value).items())
        if name not in ("href", "src", "cite"):
            return value
        return links.image(value) if tag == "img" else links.safe(value)

    cleaned = nh3.clean(
        html,
        tags=set(TAGS),
        attributes=_ATTRIBUTES,
        attribute_filter=filtered,
        generic_attribute_prefixes={"aria-"},
        filter_style_properties=set(_STYLES),
        url_schemes=set(SCHEMES) | {"cid"},
        link_rel=None,
    )
    well_formed = _VOID.sub(r"<\1\2 />", cleaned).replace("&nbsp;", "&#160;")
    check_depth(well_formed)
    role = "table" if "<th" in well_formed.replace("<thead", "") else "presentation"
    return inked(_TABLE.sub(rf'<table role="{role}"\1', well_formed))


def check_depth(html: str) -> None:
    """Refuse markup in which elements are nested deeper than `DEEPEST`.

    Raises:
        IssueError: it is; whoever knows the line adds it.
    """
    depth = 0
    for match in _TAG.finditer(html):
        depth += -1 if match[1] else not match[2]
        if depth > DEEPEST:
            raise IssueError(f"this is nested more than {DEEPEST} deep", hint="take some of the nesting out")


def _attribute(name: str, value: object) -> str:
    return "" if value is None else f' {name}="{escapeHtml(str(value))}"'
