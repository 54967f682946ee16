"""The one door to premailer: a theme's static CSS goes into style attributes, all else stays as it is."""

from __future__ import annotations

import logging
import re
from functools import cache, lru_cache
from html import escape, unescape
from typing import TYPE_CHECKING, Any

from newsletter.editions.kinds import Kind, UnusualError, walk, written

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_CONDITIONAL = re.compile(r"(<!--\[if.*?<!\[endif\]-->)", re.DOTALL)
_STYLE = re.compile(r"<style(?=[\s>])")
_DOCTYPE = re.compile(r"^\s*<!doctype[^>]*>\s*", re.IGNORECASE)
#: In a declaration, `!important`; in a style attribute, what stands for it until the attribute is settled.
_IMPORTANT = re.compile(r"(?<![\w-])([\w-]+)(\s*:[^;{}]*?)\s*!\s*important")
_MARK = "x-important-"
_MARKED = re.compile(rf""" style=(?:"([^"]*{_MARK}[^"]*)"|'([^']*{_MARK}[^']*)')""")
_SEPARATOR = re.compile(r";(?![^(]*\))")
#: What stands before a block, and what in it makes more of an element count than its `Kind` knows.
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_SELECTORS = re.compile(r"([^{}]+)\{")
_DEMANDING = re.compile(r"[\[\]#:+~@*|]")
#: premailer's mark for a style element that it must neither read nor remove.
_IGNORE = ' data-premailer="ignore"'
#: How many texts of CSS are kept read: one for each theme and publication that a studio or a benchmark sees.
_REMEMBERED = 32
#: How many kinds of elements are kept for one of them; issues of a theme have a few hundred.
_KINDS = 10_000


def inline(html: str, css: str) -> str:
    """Write *css* into the style attributes of the elements that it selects.

    Args:
        html: a document; its own style elements (media queries, dark mode, MJML's resets) stay as they are.
        css: rules with simple selectors (element, class, descendant), no at-rules. What is ``!important``
            in them wins over the element's own style, and is then as important as any other: a style element
            can overrule it.

    Returns:
        The document, in standards mode.
    """
    return stylesheet(css).document(html)


def stylesheet(css: str) -> Stylesheet:
    """The rules of *css*, read once."""
    found = _stylesheet(css)
    if found.size > _KINDS:
        _stylesheet.cache_clear()
        found = _stylesheet(css)
    return found


class Stylesheet:
    """Rules, and the styles that they give to the kinds of elements that were met so far.

    What simple selectors give to an element depends on nothing but its `Kind`. So premailer is asked once for
    each kind, with a tree of one element for each, and a document whose kinds are all known costs one walk
    through its text. Selectors that ask for more (attributes, siblings, positions, ids), and documents that
    are not as plain as ours, are left to premailer whole.
    """

    def __init__(self, css: str) -> None:
        self.root = Kind("", "", None, None)
        self.size = 0
        self._css = css
        selectors = "".join(_SELECTORS.findall(_COMMENT.sub("", css)))
        self.simple = _DEMANDING.search(selectors) is None

    def document(self, html: str) -> str:
        """A whole document with its styles."""
        if self.simple:
            try:
                return self.within(self.root, html)
            except UnusualError:
                pass
        return _whole(html, self._css)

    def within(self, kind: Kind, html: str, holes: dict[int, Kind] | None = None) -> str:
        """What stands in an element of *kind*, with its styles; *holes* as in `walk`.

        Raises:
            UnusualError: it is not plain enough; `document` is for that.
        """
        fresh: set[Kind] = set()
        places = walk(html, kind, fresh, holes)
        if fresh:
            self._learn(fresh)
        return written(html, places)

    def _learn(self, fresh: Collection[Kind]) -> None:
        """Ask premailer for the styles of kinds that are new."""
        from lxml import etree  # with premailer, and as late

        top = etree.Element("top")
        elements: dict[Kind, Any] = {self.root: top}
        for kind in fresh:
            _element(kind, elements, etree.SubElement)
        _transformed(top, self._css)
        for kind in fresh:
            style = elements[kind].get("style")
            if style is not None and style != kind.own:
                kind.style = f' style="{escape(_settled(style) if _MARK in style else style)}"'
            kind.known = True
        self.size += len(fresh)


_stylesheet = lru_cache(maxsize=_REMEMBERED)(Stylesheet)


def _element(kind: Kind, elements: dict[Kind, Any], make: Callable[[Any, str], Any]) -> Any:  # noqa: ANN401
    """The element that stands for *kind*, which *make* puts below those of its ancestors."""
    if kind not in elements and kind.parent is not None:
        made = make(_element(kind.parent, elements, make), kind.name)
        if kind.classes:
            made.set("class", unescape(kind.classes))
        if kind.own is not None:
            made.set("style", kind.own)
        elements[kind] = made
    return elements[kind]


def _whole(html: str, css: str) -> str:
    """A whole document by premailer alone, which drops the doctype: it is written again."""
    before, _, html = html.rpartition("<!doctype html>")
    parts = _CONDITIONAL.split(html)
    marked = "".join(part if _outlook_only(part) else _STYLE.sub("<style" + _IGNORE, part) for part in parts)
    inlined = _MARKED.sub(_resettled, str(_transformed(marked, css)).replace(_IGNORE, ""))
    return f"{before}<!doctype html>\n{_DOCTYPE.sub('', inlined)}"


def _transformed(html: Any, css: str) -> Any:  # noqa: ANN401 - text, or a tree, which is changed in place
    return _premailer()(
        html,
        css_text=_IMPORTANT.sub(rf"{_MARK}\1\2", css),
        allow_network=False,
        strip_important=False,
        disable_leftover_css=True,
        disable_validation=True,
        align_floating_images=False,
        remove_unset_properties=False,
        # A width that premailer copies from a style would overrule the one that Outlook needs.
        disable_basic_attributes=["width", "height", "align", "valign", "bgcolor"],
        cssutils_logging_level=logging.CRITICAL,
    ).transform(pretty_print=False)


@cache
def _premailer() -> type[Any]:
    """Premailer, imported when it is first used: that takes 0.2 s, and most commands use editions that exist.

    Reading a theme's rules takes longer than applying them and gives the same for every issue, so the rules
    that were read last are kept.
    """
    from premailer import Premailer

    known: dict[tuple[str, int], Any] = {}

    class Remembering(Premailer):  # type: ignore[misc]  # premailer has no types
        def _parse_style_rules(self, css_body: str, ruleset_index: int) -> Any:  # noqa: ANN401 - as above
            key = (css_body, ruleset_index)
            if key not in known:
                if len(known) >= _REMEMBERED:
                    known.clear()
                known[key] = super()._parse_style_rules(css_body, ruleset_index)
            rules, leftover = known[key]
            return list(rules), leftover

    return Remembering


def _resettled(match: re.Match[str]) -> str:
    return f' style="{escape(_settled(unescape(match[1] or match[2])))}"'


def _settled(style: str) -> str:
    """A style in which what was important replaces what was not (CSS Cascade 4, 6.1)."""
    ordinary: list[str] = []
    important: dict[str, str] = {}
    for declaration in _SEPARATOR.split(style):
        name, _, value = declaration.strip().partition(":")
        if name.startswith(_MARK):
            important[name.removeprefix(_MARK).strip()] = value.strip()
        elif name:
            ordinary.append(declaration.strip())
    kept = [text for text in ordinary if text.partition(":")[0].strip() not in important]
    return "; ".join([*kept, *(f"{name}:{value}" for name, value in important.items())])


def _outlook_only(part: str) -> bool:
    return part.startswith("<!--[if") and not part.startswith("<!--[if !mso")
