"""Inline content as plain text, its links numbered."""

from __future__ import annotations

import re
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote

from markdown_it.common.normalize_url import normalizeLinkText

from newsletter.editions.markup import Links
from newsletter.editions.typography import labelled, typeset
from newsletter.issues import SCHEMES, scheme_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdown_it.token import Token

    from newsletter.issues import Inline, Source

_TARGET = re.compile(r"""<a\b[^>]*?\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", re.IGNORECASE)
_ELEMENT = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)\b[^>]*?(/?)>")
#: A merge tag, whose value is where the link leads.
_MERGED = re.compile(r"LP[0-9a-f]{8}[a-z]\d+z")
_BREAK = re.compile(r"<br\b", re.IGNORECASE)
#: Elements of HTML that begin a line, and those whose content no reader sees.
_LINES = frozenset(
    {
        *("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figure", "footer"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre"),
        *("section", "table", "tr", "ul", "center", "details", "figcaption", "hgroup", "summary"),
    }
)
_CELLS = frozenset({"td", "th", "caption"})
_UNSEEN = frozenset({"head", "script", "style", "template", "title"})


class InlineText:
    """Writes inline content and gives each link that it meets a number.

    Args:
        sources: their numbers are taken, and a link to one of them gets its number.
        image: what stands before the alternative text of an image.
        after: the number after which those of links begin, if the sources have none that is higher.
        struck: what stands before text that is struck out.
        language: of the text, for its spaces.
        base: the address that relative ones are relative to; empty leaves them as they are.

    Attributes:
        links: the numbers of the links that are no sources, by address.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        image: str,
        *,
        after: int = 0,
        struck: str = "Struck out",
        language: str = "en",
        base: str = "",
    ) -> None:
        self._base = Links(base, "\0") if base else None
        self.links: dict[str, int] = {}
        self._known = {source.url: source.number for source in reversed(sources) if source.url}
        self._next = max((after, *(source.number for source in sources))) + 1
        self._image = image
        self._struck = struck
        self._language = language
        self._in_place = 0

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within this context, links are written where they stand and get no numbers."""
        self._in_place += 1
        try:
            yield
        finally:
            self._in_place -= 1

    def text(self, content: Inline, *, without: str | None = None) -> str:
        """*content* as text in which line ends are meant.

        Args:
            content: the tokens of a paragraph or title.
            without: the address of a link that is written elsewhere.
        """
        parts: list[str] = []
        opened: list[tuple[str, int]] = []
        struck: list[int] = []
        for token in _seen(content):
            if token.type == "s_open":
                struck.append(len(parts))
            elif token.type == "s_close" and struck:
                start = struck.pop()
                parts[start:] = [f"[{self.labelled(self._struck, ''.join(parts[start:]))}]"]
            elif token.type == "footnote_ref":
                parts.append(f"{'' if parts and parts[-1].endswith(' ') else ' '}[{token.meta['number']}]")
            elif (target := _target(token.type, token.attrs.get("href"), token.content)) is not None:
                opened.append((target, len(parts)))
            elif token.type == "link_close" or (
                token.type == "html_inline" and token.content.lower().startswith("</a")
            ):
                if opened:
                    address, start = opened.pop()
                    label = "".join(parts[start:])
                    parts[start:] = [label if address == without else self.link(label, address)]
            elif token.type == "image":
                parts.append(self.image(token.content))
            else:
                parts.append(self._plain(token.type, token.content))
        return re.sub(r" *\n *", "\n", "".join(parts)).strip()

    def _plain(self, kind: str, content: str) -> str:
        """What a token that begins and ends nothing reads as."""
        if kind == "text":
            return typeset(content, self._language)
        if kind == "softbreak":
            return " "
        if kind == "hardbreak" or (kind == "html_inline" and _BREAK.match(content)):
            return "\n"
        return content if kind in {"text_special", "code_inline", "citation"} else ""

    def link(self, label: str, address: str) -> str:
        """*label* with the number of *address* behind it, unless one can see where it leads."""
        shown = label.strip()
        address = self.target(address)
        if address.startswith("#") or not address or shown in _spellings(address):
            return label
        if self._in_place:
            return f"{label} <{address}>".lstrip()
        number = self._known.get(address) or self.links.get(address)
        if number is None:
            number = self.links[address] = self._next
            self._next += 1
        return f"{label} [{number}]".lstrip()

    def target(self, address: str) -> str:
        """*address* as the HTML has it: absolute, or empty where the HTML drops it."""
        if _MERGED.match(address):
            return address
        if scheme := scheme_of(address):
            return address if scheme in SCHEMES else ""
        return (self._base.safe(address) or "") if self._base and address else address

    def image(self, alternative: str) -> str:
        """What stands for an image; nothing for one without alternative text, which is decoration."""
        text = " ".join(alternative.split())
        return f"[{self.labelled(self._image, text)}]" if text else ""

    def labelled(self, label: str, text: str) -> str:
        """*label*, a colon, and *text*, as one sets them in the language of the text."""
        return labelled(label, text, self._language)

    def html(self, markup: str) -> str:
        """The text of raw HTML."""
        reader = _HtmlText(self)
        try:
            reader.feed(markup)
            reader.close()
        except AssertionError:  # the standard library's word for a malformed `<![…`
            return " ".join(re.sub(r"<[^>]*>", " ", markup).split())
        return reader.text()


class _HtmlText(HTMLParser):
    """Collects the text of HTML, one line for each block element."""

    def __init__(self, inline: InlineText) -> None:
        super().__init__()
        self._inline = inline
        self._parts: list[str] = []
        self._opened: list[tuple[str, int]] = []
        self._unseen = 0

    def text(self) -> str:
        """What was collected so far."""
        lines = re.sub(r"[ \t]+", " ", "".join(self._parts)).split("\n")
        return "\n".join(line.strip() for line in lines if line.strip())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a line, a link or an image."""
        values = dict(attrs)
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag in _LINES:
            self._parts.append("\n")
        elif tag in _CELLS:
            self._parts.append(" ")  # HTML lets authors leave the end of a cell away
        elif tag == "a" and (address := values.get("href")):
            self._opened.append((address, len(self._parts)))
        elif tag == "img":
            self._parts.append(self._inline.image(values.get("alt") or ""))

    def handle_endtag(self, tag: str) -> None:
        """End what `handle_starttag` began."""
        if tag in _UNSEEN:
            self._unseen = max(self._unseen - 1, 0)
        elif tag in _LINES:
            self._parts.append("\n")
        elif tag in _CELLS:
            self._parts.append(" ")
        elif tag == "a" and self._opened:
            address, start = self._opened.pop()
            self._parts[start:] = [self._inline.link("".join(self._parts[start:]), address)]

    def handle_data(self, data: str) -> None:
        """Collect what a reader sees."""
        if not self._unseen:
            self._parts.append(data.replace("\n", " "))


def _target(kind: str, href: object, content: str) -> str | None:
    """The address of the link that a token begins, or None if it begins none."""
    if kind == "link_open":
        return str(href or "")
    if kind == "html_inline" and (match := _TARGET.match(content)):
        return match[1] or match[2] or match[3] or ""
    return None


def _seen(content: Inline) -> Iterator[Token]:
    """*content* without what stands in elements of raw HTML that no reader sees, such as a script."""
    unseen = 0
    for token in content:
        element = _ELEMENT.match(token.content) if token.type == "html_inline" else None
        if element and element[2].lower() in _UNSEEN:
            unseen = max(unseen + (-1 if element[1] else not element[3]), 0)
        elif not unseen:
            yield token


def _spellings(address: str) -> set[str]:
    """How *address* looks where it is shown as the text of its link."""
    bare = re.sub(r"^(?:mailto:|tel:|https?://)", "", address)
    return {address, bare, bare.rstrip("/"), unquote(address), unquote(bare), normalizeLinkText(address)}
