"""Emphasis beside Chinese and Japanese, which set no blanks: ``**标签：**文字`` is bold there too.

CommonMark (0.31, section 6.2) asks for a blank or punctuation outside of a mark that has punctuation inside.
A writing without blanks cannot give one, so here a neighbour of such a writing counts as punctuation does.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline.state_inline import Scanned, StateInline

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token
    from markdown_it.utils import EnvType


class EmphasisParser(ParserInline):
    """Parses inline content, its marks of emphasis as this module says."""

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        """As the parser of the library does, with a state of our own."""
        state = _State(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


class _State(StateInline):
    """Knows which marks may begin and end emphasis."""

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N802, N803 - the library's names
        """Whether the run of marks at *start* can begin and can end emphasis, and how long it is."""
        scanned = super().scanDelims(start, canSplitWord)
        before = self.src[start - 1] if start else " "
        after = self.src[start + scanned.length] if start + scanned.length < self.posMax else " "
        if not (is_wide(before) or is_wide(after)):
            return scanned
        left = not isWhiteSpace(ord(after)) and (not _is_mark(after) or _is_edge(before))
        right = not isWhiteSpace(ord(before)) and (not _is_mark(before) or _is_edge(after))
        can_open = left and (canSplitWord or not right or _is_punctuation(before))
        can_close = right and (canSplitWord or not left or _is_punctuation(after))
        return Scanned(can_open, can_close, scanned.length)


def is_wide(character: str) -> bool:
    """Whether *character* is of Chinese, Japanese or Korean, their punctuation included (UAX #11)."""
    return unicodedata.east_asian_width(character) in "WF" and unicodedata.category(character) != "So"


def _is_mark(character: str) -> bool:
    """Whether *character* is punctuation of a writing that has blanks."""
    return _is_punctuation(character) and not is_wide(character)


def _is_edge(character: str) -> bool:
    return isWhiteSpace(ord(character)) or _is_punctuation(character) or is_wide(character)


def _is_punctuation(character: str) -> bool:
    return isMdAsciiPunct(ord(character)) or isPunctChar(character)
