"""MJML without its texts, which is the same for every issue of a theme: compiled and inlined once.

A document is taken apart into its texts (the content of mj-text, the title, the preheader) and its
skeleton, in which a hole stands for each text. The skeleton is compiled as any document, and remembered.
The texts never go through the MJML compiler, which can only corrupt them; they get their styles in the walk
that finds out whether every element in them is closed. Whatever is not plain goes the long way, which gives
the same and, if something is wrong, says what.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from newsletter.editions.inlining import inline, stylesheet
from newsletter.editions.kinds import HOLE, Kind, UnusualError, walk
from newsletter.editions.mjml import mended, to_html
from newsletter.editions.scanning import cleaned
from newsletter.errors import ThemeError

if TYPE_CHECKING:
    from newsletter.editions.inlining import Stylesheet

_TEXT = re.compile(r'(<mj-(text|title|preview)(?:\s+[a-z-]+\s*=\s*"[^"<>]*")*\s*>)(.*?)(</mj-\2>)', re.DOTALL)
#: In texts: what Outlook alone reads, and must get as it is.
_FOR_OUTLOOK = re.compile(r"<!--\[if [a-z0-9 ]*mso[a-z0-9 ]*\]>((?:(?!--|<!).)*)<!\[endif\]-->", re.DOTALL)
#: How many skeletons are remembered: some for each theme and publication that a studio sees.
_REMEMBERED = 64


def inlined_html(mjml: str, css: str) -> str:
    """Compile a document and write its styles where they belong.

    Args:
        mjml: a document, as `newsletter.editions.mjml.to_html` takes it.
        css: rules for style attributes, before those of ``<mj-style inline="inline">``.

    Raises:
        ThemeError: as `newsletter.editions.mjml.to_html`.
    """
    mjml = cleaned(mjml)
    try:
        return _filled(mjml, css)
    except UnusualError:
        made = to_html(mjml)
        return inline(made.document, f"{css}\n{made.css}")


def forget() -> None:
    """Forget the skeletons that were met so far; the next document is compiled as if it were the first."""
    _skeleton.cache_clear()


@dataclass(frozen=True)
class _Skeleton:
    """Compiled and with its styles, cut at its holes.

    ``pieces`` are one more than ``holes``, which are the numbers of the texts between them; a text may be in
    several. ``kinds`` are those of the elements in which the texts stand.
    """

    pieces: tuple[str, ...]
    holes: tuple[int, ...]
    kinds: dict[int, Kind]
    sheet: Stylesheet


def _filled(mjml: str, css: str) -> str:
    if ("LQ" in mjml and HOLE.search(mjml)) or "<mj-html-attributes" in mjml:
        raise UnusualError
    texts: list[tuple[str, str]] = []

    def take(match: re.Match[str]) -> str:
        opening, name, text, closing = match.groups()
        if name != "text" and not text.strip():
            return match[0]
        texts.append((name, text))
        return f"{opening}LQ{len(texts) - 1}z{closing}"

    skeleton = _skeleton(_TEXT.sub(take, mjml), css)
    if skeleton is None:
        raise UnusualError
    written = [_written(name, text, skeleton, number) for number, (name, text) in enumerate(texts)]
    parts = [skeleton.pieces[0]]
    for piece, number in zip(skeleton.pieces[1:], skeleton.holes, strict=True):
        parts += (written[number], piece)
    return "".join(parts)


def _written(name: str, text: str, skeleton: _Skeleton, number: int) -> str:
    if name != "text":
        if "<" in text:
            raise UnusualError
        return text.replace('"', "&quot;")  # the title becomes an attribute, too
    if number not in skeleton.kinds:
        raise UnusualError
    if "<!" in text:
        _check_for_outlook(text)
    return mended(skeleton.sheet.within(skeleton.kinds[number], text))


def _check_for_outlook(text: str) -> None:
    """What Outlook alone reads must be whole elements, too, though not in each place; no other comments."""
    if "<!" in _FOR_OUTLOOK.sub("", text):
        raise UnusualError
    walk("".join(_FOR_OUTLOOK.findall(text)), Kind("", "", None, None), set())


@lru_cache(maxsize=_REMEMBERED)
def _skeleton(mjml: str, css: str) -> _Skeleton | None:
    """The skeleton *mjml*; None if it has mistakes, is written in an unusual way or has demanding styles."""
    kinds: dict[int, Kind] = {}
    try:
        made = to_html(mjml)
        sheet = stylesheet(f"{css}\n{made.css}")
        if not sheet.simple:
            return None
        pieces = HOLE.split(sheet.within(sheet.root, made.document, kinds))
    except (ThemeError, UnusualError):
        return None
    return _Skeleton(tuple(pieces[::2]), tuple(map(int, pieces[1::2])), kinds, sheet)
