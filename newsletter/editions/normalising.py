"""MJML written so that our compiler understands it as the reference does, and corrupts nothing."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from newsletter.editions.extras import fluid_mark
from newsletter.editions.scanning import Comment, Tag, Text, scan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from newsletter.editions.scanning import Attribute, Token

_PADDING_ZERO = re.compile(r"(?<![\w.%-])0(?![\w.%])")
_UNSAFE = re.compile(r"[\n\r\t\"\\]|[^\x00-~]")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs", "Mn", "Me", "Mc"})
_SHORT_COLOUR = re.compile(r"#([0-9A-Fa-f])([0-9A-Fa-f])([0-9A-Fa-f])")
#: Components whose image has an empty alternative text in the reference unless it is given one.
_PICTURES = frozenset({"mj-image", "mj-carousel-image"})
#: Components to which MRML gives nothing, or not all, of what mj-attributes says of them.
_DEAF = frozenset({"mj-body", "mj-hero", "mj-accordion-element", "mj-social-element", "mj-carousel-image"})


def written(tokens: Sequence[Token]) -> Iterator[str]:
    """Each of *tokens* so that MRML, which prints attributes as literals of Rust, cannot corrupt it.

    In attributes, white space becomes a space, and quotes, backslashes and invisible characters become
    references; a ``0`` in a padding gets a unit; of two attributes of one name the first stays (HTML Living
    Standard, 13.2.5.33); what MRML does not take from mj-attributes is written out; comments are dropped.
    """
    defaults = _defaults(tokens)
    title = False
    for token in tokens:
        if isinstance(token, Text):
            # The text of the title becomes the attribute `aria-label` too.
            source = token.source.replace("<", "&lt;")
            yield _safe(source) if title else source
        elif isinstance(token, Comment):
            yield _comment(token)
        elif token.closing or not (token.attributes or token.name in defaults):
            yield token.source
        else:
            yield _tag(token.source, defaults.get(token.name, ()))
        title = isinstance(token, Tag) and token.name == "mj-title" and not token.closing


def _defaults(tokens: Sequence[Token]) -> dict[str, tuple[Attribute, ...]]:
    """The attributes that mj-attributes gives to the components in `_DEAF`."""
    found: dict[str, tuple[Attribute, ...]] = {}
    inside = False
    for token in tokens:
        if not isinstance(token, Tag):
            continue
        if token.name == "mj-attributes":
            inside = not token.closing and not token.empty
        elif inside and token.name in _DEAF:
            found[token.name] = token.attributes
        elif token.name == "mj-body" and not inside:
            break
    return found


def _comment(comment: Comment) -> str:
    if comment.inside is not None:
        return f"{comment.condition}{''.join(written(comment.inside))}<![endif]-->"
    if not comment.condition:
        return ""
    return "<!--<![endif]-->" if comment.condition == comment.source else f"{comment.condition}<!-->"


@lru_cache(maxsize=4096)
def _tag(source: str, defaults: tuple[Attribute, ...]) -> str:
    """A start tag; a theme writes the same again and again."""
    (tag,) = scan(source)
    if not isinstance(tag, Tag):
        return source
    first: dict[str, Attribute] = {}
    for attribute in tag.attributes:
        first.setdefault(attribute.name, attribute)
    if "mj-class" not in first:
        first |= {attribute.name: attribute for attribute in defaults if attribute.name not in first}
    parts = [_attribute(attribute, tag.name) for attribute in first.values()]
    if tag.name == "mj-hero" and _value(first, "mode") == "fluid-height":
        mark = fluid_mark(_value(first, "background-width"), _value(first, "background-height"))
        parts = [part for part in parts if not part.startswith("css-class=")]
        parts.append(f'css-class="{_safe(_value(first, "css-class"))} {mark}"')
    if tag.name in _PICTURES and "alt" not in first:
        parts.append('alt=""')
    return f"<{' '.join([tag.name, *parts])}{' /' if tag.empty else ''}>"


def _value(attributes: Mapping[str, Attribute], name: str) -> str:
    return (attributes[name].value or "") if name in attributes else ""


def _attribute(attribute: Attribute, tag: str) -> str:
    if attribute.value is None:
        return attribute.name
    value = attribute.value
    if tag.startswith("mj-") and "padding" in attribute.name:
        # MRML 6.0.1 takes a `0` without a unit in a shorthand for both sides.
        value = _PADDING_ZERO.sub("0px", value)
    if tag.startswith("mj-") and attribute.name.endswith("color") and _SHORT_COLOUR.fullmatch(value):
        # In the attribute `bgcolor`, Outlook on Windows knows six digits only.
        value = _SHORT_COLOUR.sub(r"#\1\1\2\2\3\3", value)
    return f'{attribute.name}="{_safe(value)}"'


def _safe(value: str) -> str:
    return "".join(map(_safe_character, value)) if _UNSAFE.search(value) else value


def _safe_character(character: str) -> str:
    if character in "\n\r\t":
        return " "
    if character == '"':
        return "&quot;"
    if character == "\\":
        return "&#92;"
    if character > "~" and unicodedata.category(character) in _INVISIBLE:
        return f"&#{ord(character)};"
    return character
