"""What a paragraph of Markdown is: text, an image, a button, an embed, a call-out, or the mark ``[TOC]``."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from markdown_it.token import Token

from newsletter.issues.attributes import BUTTON, WIDTH
from newsletter.issues.embeds import place_of
from newsletter.issues.kinds import Button, Callout, Contents, Embed, Paragraph, Picture
from newsletter.issues.walk import text_of

if TYPE_CHECKING:
    from newsletter.issues.kinds import Block, Inline

#: A colon, and the one of Chinese and Japanese.
_COLONS = (":", "：")
_LABEL_WORDS = 6
_PLAIN_LABEL = re.compile(r"(Why it matters):\s+", re.IGNORECASE)


def read_paragraph(content: Inline, line: int, *, tight: bool, nested: bool) -> Block:
    """The block that a paragraph with *content* is.

    Args:
        content: its inline tokens.
        line: where it begins.
        tight: it is the content of a list item without blank lines around it.
        nested: within a list or quote, where ``**Label:**`` is emphasis and ``[TOC]`` text.
    """
    solid = tuple(token for token in content if token.type != "text" or token.content.strip())
    if len(solid) == 1 and solid[0].type == "image":
        return _picture(solid[0], line)
    if _is_one_link(solid):
        if solid[0].meta.get(BUTTON):
            return Button(solid, line)
        if embed := _embed(solid, line):
            return embed
        if len(solid) == 3 and solid[1].type == "image":
            return replace(_picture(solid[1], line), content=solid)
    if not nested:
        if len(solid) == 1 and solid[0].type == "text" and solid[0].content.strip().upper() == "[TOC]":
            return Contents(line)
        if split := _label(content):
            label, rest = split
            return Callout(label, (Paragraph(rest, line),), line)
    return Paragraph(content, line, tight)


def without_start(content: Inline, count: int) -> Inline:
    """*content* without the first *count* characters of its first token, which is text."""
    first = content[0]
    return (Token("text", "", 0, content=first.content[count:], level=first.level), *content[1:])


def stripped(content: Inline) -> Inline:
    """*content* without space and line ends at its beginning."""
    while content and content[0].type in {"softbreak", "hardbreak", "text"}:
        text = content[0].content
        if content[0].type == "text" and text.strip():
            return without_start(content, len(text) - len(text.lstrip()))
        content = content[1:]
    return content


def _picture(image: Token, line: int) -> Picture:
    alt = text_of(tuple(image.children or ()))
    title = str(image.attrs.get("title", ""))
    return Picture(str(image.attrs.get("src", "")), alt, title, line, image.meta.get(WIDTH))


def _is_one_link(solid: Inline) -> bool:
    """Whether a paragraph is one link from its beginning to its end."""
    return (
        len(solid) > 2
        and solid[0].type == "link_open"
        and solid[-1].type == "link_close"
        and sum(token.type == "link_open" for token in solid) == 1
    )


def _embed(link: Inline, line: int) -> Embed | None:
    """The embed that *link* is, if it leads to a video, recording or post."""
    place = place_of(str(link[0].attrs.get("href", "")))
    if place is None:
        return None
    inner = link[1:-1]
    bare = link[0].markup in {"linkify", "autolink"}
    picture = _picture(inner[0], line) if len(inner) == 1 and inner[0].type == "image" else None
    title = () if bare or picture else inner
    return Embed(place.kind, place.service, place.handle, title, picture, link, line)


def _label(content: Inline) -> tuple[str, Inline] | None:
    """The label and the rest of a paragraph that begins ``**Label:** …`` or ``Why it matters: …``."""
    first = content[0] if content else None
    if first is not None and first.type == "text" and (match := _PLAIN_LABEL.match(first.content)):
        return match[1], without_start(content, match.end())
    # The parser puts an empty text before a delimiter that begins a paragraph.
    start = 1 if first is not None and first.type == "text" and not first.content else 0
    kinds = [token.type for token in content[start : start + 3]]
    if kinds != ["strong_open", "text", "strong_close"]:
        return None
    label, rest = content[start + 1].content.strip(), content[start + 3 :]
    after = rest[0].content if rest and rest[0].type == "text" else ""
    if not label.endswith(_COLONS):
        if not after.startswith(_COLONS):
            return None
        rest = without_start(rest, 1)
    rest = stripped(rest)
    label = label.rstrip(":： ")
    if not rest or not label or len(label.split()) > _LABEL_WORDS:
        return None
    return label, rest
