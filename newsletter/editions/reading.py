"""An edition as feed readers show it: what was written, without the layout of a mail and what is around."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import nh3

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

#: Where links of a theme lead that belong to one reader: the part that holds one is left out.
OF_READERS = "https://reader.invalid/"
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_BLOCKS = frozenset(
    (*_HEADINGS, *"address blockquote div dl figure hr li ol p pre section table ul".split())  # noqa: SIM905
)
_TAGS = _BLOCKS | frozenset(
    "a abbr b br caption cite code col colgroup dd del dfn dt em figcaption i img ins kbd mark q s samp"  # noqa: SIM905
    " small span strong sub sup tbody td tfoot th thead time tr u var".split()
)
_ATTRIBUTES = {
    "*": {"dir", "lang"},
    "a": {"href", "hreflang"},
    "img": {"src", "alt", "width", "height"},
    "li": {"value"},
    "ol": {"start", "reversed"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "time": {"datetime"},
}
_LAYOUT = ("table", "tbody", "thead", "tfoot", "tr", "td", "th")


def reading_html(html: str, base: str, *, known: Collection[str] = ()) -> str:
    """What was written, as harmless HTML for whoever shows it within a page of their own (RFC 4287, 4.1.3.3).

    Nothing of the mail's layout is in it: tables for layout, styles and comments are gone, and so is what is
    hidden, such as the preheader. Every address is absolute.

    Args:
        html: the HTML of an edition whose slots are filled, those of the theme that are links of one reader
            with `OF_READERS`.
        base: to which relative addresses are relative, and the anchors within.
        known: texts that are shown beside it anyway, such as the title: a part that says nothing else is
            left out.
    """
    # With premailer, and as late: who serves no feed need not pay for it.
    from lxml.html import document_fromstring, tostring

    body = document_fromstring(html).find("body")
    if body is None:
        return ""
    _drop(body.iter("style", "script", "title"))
    _drop(each for each in body.iter("*") if _hidden(each))
    for link in list(body.iter("a")):
        if link.get("href", "").startswith(OF_READERS):
            _drop([_part(link)])
    for part in list(body.iter("h1", "h2", "p", "td")):
        said = " ".join(part.text_content().split())
        if said in known and part.find(".//img") is None and (part.tag != "td" or _is_layout(part)):
            _drop([part])
    _unfold(body)
    return _clean("".join(tostring(each, encoding="unicode") for each in body), base)


def _hidden(element: Any) -> bool:  # noqa: ANN401 - lxml has no types
    return "display:none" in (element.get("style") or "").replace(" ", "").lower()


def _drop(elements: Iterator[Any] | list[Any]) -> None:
    for element in list(elements):
        if element.getparent() is not None:
            element.drop_tree()


def _part(link: Any) -> Any:  # noqa: ANN401 - lxml has no types
    """What is left out with a link of one reader: its cell of the layout, or its block if that says more."""
    block = cell = None
    for element in link.iterancestors():
        if block is None and element.tag in ("p", "li", "div"):
            block = element
        if element.tag == "td" and _is_layout(element):
            cell = element
            break
    if cell is None or any(True for _ in cell.iter(*_HEADINGS)):
        return link if block is None or any(True for _ in block.iter(*_HEADINGS)) else block
    return cell


def _unfold(body: Any) -> None:  # noqa: ANN401 - lxml has no types
    """Take tables for layout apart, and boxes that hold nothing but other boxes, or nothing at all."""
    for element in [each for each in body.iter(*_LAYOUT) if _is_layout(each)]:
        element.tag = "div"
        element.attrib.clear()
    for box in reversed(list(body.iter("div"))):
        texts = [box.text, *(child.tail for child in box)]
        bare = not any(text and text.strip() for text in texts)
        if bare and not len(box):
            box.drop_tree()
        elif bare and _needless(box, body):
            box.drop_tag()


def _needless(box: Any, body: Any) -> bool:  # noqa: ANN401 - lxml has no types
    """Whether a box holds blocks alone, and says nothing of their language or direction."""
    speaks = (box.get("dir") or box.get("lang")) and box.getparent() is not body
    return not speaks and all(child.tag in _BLOCKS for child in box if isinstance(child.tag, str))


def _is_layout(element: Any) -> bool:  # noqa: ANN401 - lxml has no types
    table = element if element.tag == "table" else next(element.iterancestors("table"), None)
    return table is not None and table.get("role") == "presentation"


def _clean(html: str, base: str) -> str:
    def absolute(_: str, name: str, value: str) -> str | None:
        return urljoin(base, value) if name in ("href", "src") else value

    return nh3.clean(
        html,
        tags=set(_TAGS),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=absolute,
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
    ).strip()
