"""CSS read as far as the rules need it: at-rules, selectors and declarations at any depth, with places."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'", re.DOTALL)
_STOP = re.compile(r"[{};\"'(]")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a style sheet.

    Attributes:
        kind: what it is.
        name: of an at-rule or of a property, in lower case; of a selector, the selector.
        value: what follows the name.
        offset: where it begins, in characters from the beginning.
        depth: how many blocks it stands in.
        nested: whether it stands in the block of a selector.
    """

    kind: Literal["at", "selector", "declaration"]
    name: str
    value: str
    offset: int
    depth: int
    nested: bool = False


@lru_cache(maxsize=512)
def read_css(css: str) -> tuple[Part, ...]:
    """The parts of a style sheet in their order; never fails, and what it cannot read it leaves out."""
    blanked = _COMMENT.sub(lambda match: " " * len(match[0]), css)
    parts: list[Part] = []
    blocks: list[str] = []
    start = position = 0
    while match := _STOP.search(blanked, position):
        sign, position = match[0], match.end()
        if sign in "\"'":
            string = _STRING.match(blanked, match.start())
            position = string.end() if string else position
            continue
        if sign == "(":
            position = _closing(blanked, position)
            continue
        text = blanked[start : match.start()]
        offset = start + len(text) - len(text.lstrip())
        if sign == "{":
            part = _opening(text.strip(), offset, blocks)
            parts.append(part)
            blocks.append(part.kind if part.name not in {"font-face", "page"} else "selector")
        elif declared := _declaration(text, offset, blocks):
            parts.append(declared)
        if sign == "}" and blocks:
            blocks.pop()
        start = position
    if declared := _declaration(blanked[start:], start, blocks):
        parts.append(declared)
    return tuple(parts)


@lru_cache(maxsize=2048)
def read_style(style: str) -> dict[str, str]:
    """The declarations of a style attribute, the last of each property; `!important` taken off."""
    found = {part.name: part.value for part in read_css(style) if part.kind == "declaration"}
    return {name: re.sub(r"\s*!\s*important$", "", value).strip() for name, value in found.items()}


def _opening(text: str, offset: int, blocks: list[str]) -> Part:
    nested = "selector" in blocks
    if text.startswith("@"):
        name, _, value = text[1:].replace("(", " (", 1).partition(" ")
        return Part("at", name.lower(), value.strip(), offset, len(blocks), nested)
    return Part("selector", text, "", offset, len(blocks), nested)


def _declaration(text: str, start: int, blocks: list[str]) -> Part | None:
    offset = start + len(text) - len(text.lstrip())
    text = text.strip()
    if text.startswith("@"):
        name, _, value = text[1:].partition(" ")
        return Part("at", name.lower(), value.strip(), offset, len(blocks))
    name, colon, value = text.partition(":")
    if not colon or not re.fullmatch(r"[-\w]+", name.strip()):
        return None
    return Part("declaration", name.strip().lower(), value.strip(), offset, len(blocks))


def _closing(css: str, position: int) -> int:
    """The place behind the bracket that closes the one before *position*."""
    depth = 1
    for match in re.compile(r"[()]").finditer(css, position):
        depth += 1 if match[0] == "(" else -1
        if not depth:
            return match.end()
    return position
