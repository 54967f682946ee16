"""What an inbox shows of a message before it is opened."""

from __future__ import annotations

import re
from html import unescape

#: How many characters are kept; the longest row shows about 250.
LONGEST = 260
_HIDDEN = re.compile(r"<head\b.*?</head\s*>|<style\b.*?</style\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
#: What fills the room after a preheader: the inbox shows it as nothing.
_FILLER = re.compile(r"[\u034f\u200b-\u200d\u00ad\u2007\ufeff]")


def snippet(html: str) -> str:
    """What an inbox shows after the subject: the first text of the mail, hidden or not.

    So it is the preheader and, where nothing fills the room after it, what follows.
    """
    text = unescape(_TAG.sub(" ", _HIDDEN.sub(" ", html[: 40 * LONGEST + html.find("<body")])))
    before_filler = _FILLER.split(text, maxsplit=1)[0]
    return " ".join((before_filler if before_filler.strip() else text).split())[:LONGEST]
