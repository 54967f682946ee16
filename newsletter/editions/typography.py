"""What the press does to the characters of a text by itself: next to nothing, since the editor chose them."""

from __future__ import annotations

import re

#: French sets a space before these marks and inside of guillemets, and no line may break there.
_FRENCH_BEFORE = re.compile(r"(?<=\S) (?=[;:!?»](?:\W|$))")
_FRENCH_AFTER = re.compile(r"(?<=«) (?=\S)")
#: Not the narrow space (U+202F): older mail programs have no glyph for it.
_NO_BREAK = "\u00a0"


#: How a label is parted from what it says; French sets a space before a colon, Chinese and Japanese a wide one.
_COLONS = {"fr": f"{_NO_BREAK}: ", "zh": "：", "ja": "："}


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
    return _FRENCH_AFTER.sub(_NO_BREAK, _FRENCH_BEFORE.sub(_NO_BREAK, text))
