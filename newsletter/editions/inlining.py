"""The one door to premailer: a theme's static CSS goes into style attributes, all else stays as it is."""

from __future__ import annotations

import logging
import re
from functools import cache
from html import escape, unescape
from typing import Any

_CONDITIONAL = re.compile(r"(<!--\[if.*?<!\[endif\]-->)", re.DOTALL)
_STYLE = re.compile(r"<style(?=[\s>])")
_DOCTYPE = re.compile(r"^\s*<!doctype[^>]*>\s*", re.IGNORECASE)
#: In a declaration, `!important`; in a style attribute, what stands for it until the attribute is settled.
_IMPORTANT = re.compile(r"(?<![\w-])([\w-]+)(\s*:[^;{}]*?)\s*!\s*important")
_MARK = "x-important-"
_MARKED = re.compile(rf""" style=(?:"([^"]*{_MARK}[^"]*)"|'([^']*{_MARK}[^']*)')""")
_SEPARATOR = re.compile(r";(?![^(]*\))")
#: premailer's mark for a style element that it must neither read nor remove.
_CLASS = re.compile(r"\.([\w-]+)")
_CLASSES = re.compile(r"""\bclass=["']?([^"'>]*)""")
#: How many texts of CSS are kept read: one for each theme and publication that a studio or a benchmark sees.
_REMEMBERED = 32
_IGNORE = ' data-premailer="ignore"'


def inline(html: str, css: str) -> str:
    """Write *css* into the style attributes of the elements that it selects.

    Args:
        html: a document; its own style elements (media queries, dark mode, MJML's resets) stay as they are.
        css: rules with simple selectors (element, class, descendant), no at-rules. What is ``!important``
            in them wins over the element's own style, and is then as important as any other: a style element
            can overrule it.

    Returns:
        The document, in standards mode: premailer drops the doctype, so it is written again.
    """
    parts = _CONDITIONAL.split(html)
    marked = "".join(part if _outlook_only(part) else _STYLE.sub("<style" + _IGNORE, part) for part in parts)
    inlined: str = _premailer()(
        marked,
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
    inlined = _MARKED.sub(_settled, inlined.replace(_IGNORE, ""))
    return "<!doctype html>\n" + _DOCTYPE.sub("", inlined)


@cache
def _premailer() -> type[Any]:
    """Premailer, imported when it is first used: that takes 0.2 s, and most commands use editions that exist.

    Reading a theme's rules takes longer than applying them and gives the same for every issue, so the rules
    that were read last are kept.
    """
    from premailer import Premailer

    known: dict[tuple[str, int], list[tuple[frozenset[str], Any]]] = {}

    class Remembering(Premailer):  # type: ignore[misc]  # premailer has no types
        def _parse_style_rules(self, css_body: str, ruleset_index: int) -> tuple[list[Any], list[Any]]:
            key = (css_body, ruleset_index)
            if key not in known:
                if len(known) >= _REMEMBERED:
                    known.clear()
                rules, _ = super()._parse_style_rules(css_body, ruleset_index)
                known[key] = [(frozenset(_CLASS.findall(rule[1])), rule) for rule in rules]
            # A selector with a class that no element has selects nothing; looking would cost the most time.
            present = {name for names in _CLASSES.findall(self.html) for name in names.split()}
            return [rule for classes, rule in known[key] if classes <= present], []

    return Remembering


def _settled(match: re.Match[str]) -> str:
    """A style attribute in which what was important replaces what was not (CSS Cascade 4, 6.1)."""
    ordinary: list[str] = []
    important: dict[str, str] = {}
    for declaration in _SEPARATOR.split(unescape(match[1] or match[2])):
        name, _, value = declaration.strip().partition(":")
        if name.startswith(_MARK):
            important[name.removeprefix(_MARK).strip()] = value.strip()
        elif name:
            ordinary.append(declaration.strip())
    kept = [text for text in ordinary if text.partition(":")[0].strip() not in important]
    style = "; ".join([*kept, *(f"{name}:{value}" for name, value in important.items())])
    return f' style="{escape(style)}"'


def _outlook_only(part: str) -> bool:
    return part.startswith("<!--[if") and not part.startswith("<!--[if !mso")
