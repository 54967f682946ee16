"""What MJML leaves undone: the preheader's language and filler, roles of layout tables, texts of images."""

from __future__ import annotations

import re

#: Combining grapheme joiner, zero-width non-joiner, no-break space: invisible, and no inbox collapses them.
_FILLER = "&#847;&zwnj;&nbsp;"
#: Gmail shows up to 200 characters of what comes first; without filler the headline follows the preheader.
_PREHEADER_ROOM = 210
_PREVIEW = re.compile(r'(<body[^>]*>\s*)<div style="(display:\s*none;[^"]*)">(.*?)</div>', re.DOTALL)
_TABLE = re.compile(r"<table(?![^>]*\srole=)(?=[\s>])")
_IMAGE = re.compile(r"<img(?![^>]*\salt=)(?=[\s/>])")
_VML_IMAGE = re.compile(r"<v:(rect|image|fill)(?![^>]*\salt=)(?=[\s>])")


def finish(html: str, *, language: str, direction: str) -> str:
    """Complete the HTML of an edition for screen readers and inbox lists.

    Args:
        html: what MJML and the inliner made of a theme; data tables in it already have their role.
        language: BCP 47 tag of the text.
        direction: ``ltr`` or ``rtl``.
    """
    html = _PREVIEW.sub(lambda match: _preview(match, language, direction), html, count=1)
    html = _IMAGE.sub('<img alt=""', html)
    html = _VML_IMAGE.sub(r'<v:\1 alt=""', html)
    return _TABLE.sub('<table role="presentation"', html)


def _preview(match: re.Match[str], language: str, direction: str) -> str:
    before, style, text = match.groups()
    if not text.strip():
        return str(before)
    filler = _FILLER * max((_PREHEADER_ROOM - len(text)) // 3, 0)
    # Word does not know `display: none`; `mso-hide` is its own word for it.
    hidden = f"{style.rstrip('; ')};mso-hide:all"
    return f'{before}<div lang="{language}" dir="{direction}" style="{hidden}">{text}{filler}</div>'
