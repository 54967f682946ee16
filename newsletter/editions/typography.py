"""What the press does to the characters of a text by itself: next to nothing, since the editor chose them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from markdown_it.token import Token

from newsletter.issues import is_wide

if TYPE_CHECKING:
    from newsletter.issues import Inline

#: French sets a space before these marks and inside of guillemets, and no line may break there.
_FRENCH_BEFORE = re.compile(r"(?<=\S) (?=[;:!?»](?:\W|$))")
_FRENCH_AFTER = re.compile(r"(?<=«) (?=\S)")
#: Not the narrow space (U+202F): older mail programs have no glyph for it.
NO_BREAK = "\u00a0"
#: Keeps what stands on both sides of it on one line and takes no room (Unicode, "word joiner").
_JOINER = "\u2060"
_NUMBERS = frozenset({"citation", "footnote_ref"})


#: How a label is parted from what it says: French sets a space first, Chinese and Japanese a wide colon.
_COLONS = {"fr": f"{NO_BREAK}: ", "zh": "：", "ja": "："}


def labelled(label: str, text: str, language: str) -> str:
    """*label*, a colon as one sets it in *language*, and *text*."""
    return f"{label}{_COLONS.get(language.partition('-')[0].lower(), ': ')}{text}"


def typeset(text: str, language: str) -> str:
    """*text* with those spaces that must not break made so; every other character stays as it was typed.

    Args:
        text: prose, never code.
        language: BCP 47 tag; only French has such a rule.
    """
    if language.partition("-")[0].lower() != "fr":
        return text
    return _FRENCH_AFTER.sub(NO_BREAK, _FRENCH_BEFORE.sub(NO_BREAK, text))


def tied(content: Inline) -> Inline:
    """*content* with the number of each source and note kept on the line of the word before it.

    The blank before a number is made not to break. Where there is none, a line may still end behind
    punctuation and behind a Chinese or Japanese character (UAX #14); a character without width prevents it.
    """
    parts: list[Token] = []
    for token in content:
        if token.type in _NUMBERS and parts:
            last = parts[-1]
            if last.type == "softbreak":
                parts[-1] = _text(NO_BREAK, last)
                parts[-1].meta["ends_line"] = True
            elif last.type == "text" and last.content.endswith(" "):
                parts[-1] = _text(last.content.rstrip(" ") + NO_BREAK, last)
            elif _breaks(_end(parts)):
                parts.append(_text(_JOINER, last))
        parts.append(token)
    return tuple(parts)


def _text(content: str, like: Token) -> Token:
    return Token("text", "", 0, content=content, level=like.level)


def _breaks(last: str) -> bool:
    """Whether a line may end between the character *last* and a bracket."""
    return not last.isspace() and (not last.isalnum() or is_wide(last))


def _end(tokens: list[Token]) -> str:
    """The last character that *tokens* show, whatever closes behind it; a blank if there is none."""
    return next((token.content[-1] for token in reversed(tokens) if token.content), " ")
