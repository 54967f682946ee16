"""The row of an inbox: how six mail programs show a message before it is opened.

Widths and sizes of letters are near those of the programs' lists at their default settings; fonts differ
between machines, so where a text is cut is near, too, and the studio says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

#: How many characters are kept; the longest row shows about 250.
LONGEST = 260
_HIDDEN = re.compile(r"<head\b.*?</head\s*>|<style\b.*?</style\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
#: What fills the room after a preheader: the inbox shows it as nothing.
_FILLER = re.compile(r"[\u034f\u200b-\u200d\u00ad\u2007\ufeff]")


@dataclass(frozen=True)
class Client:
    """A mail program's list. ``form`` is how its row is built; widths are in pixels, of the text's room."""

    key: str
    name: str
    form: str
    note: str


CLIENTS = (
    Client(
        "gmail-web", "Gmail, web", "line", "one line at 1,280 pixels: sender 168, subject and preview 760"
    ),
    Client("gmail-phone", "Gmail, phone", "face", "at 390 pixels: subject and preview a line each, 278 wide"),
    Client(
        "apple-phone", "Apple Mail, iPhone", "stack", "at 393 pixels: subject a line, preview two, 345 wide"
    ),
    Client(
        "apple-mac", "Apple Mail, Mac", "stack", "list of 320 pixels: subject a line, preview two, 280 wide"
    ),
    Client("outlook", "Outlook", "stack", "list of 340 pixels: subject and preview a line each, 268 wide"),
    Client("yahoo", "Yahoo Mail, web", "line", "one line: sender 180, subject and preview 620"),
)


def snippet(html: str) -> str:
    """What an inbox shows after the subject: the first text of the mail, hidden or not.

    So it is the preheader and, where nothing fills the room after it, what follows.
    """
    text = unescape(_TAG.sub(" ", _HIDDEN.sub(" ", html[: 40 * LONGEST + html.find("<body")])))
    before_filler = _FILLER.split(text, maxsplit=1)[0]
    return " ".join((before_filler if before_filler.strip() else text).split())[:LONGEST]
