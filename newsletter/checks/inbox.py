"""How much of a subject or a preheader an inbox shows: widths of letters, and the room that clients have.

Inboxes cut by pixels, not by characters. The widths are those of Arial and Helvetica (the Adobe font metrics
of Helvetica, in thousandths of the font's size), which Roboto, Segoe UI and San Francisco differ from by a
few percent. The room is measured in the clients' default windows; all of it is an approximation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from unicodedata import combining, east_asian_width

_WIDTHS = {
    222: "ijl'",
    260: "|",
    278: " !,./:;It[]\\fi",
    333: "()-r`",
    355: '"',
    389: "*",
    469: "^",
    500: "ckszvxyJ",
    556: "abdeghnopqu0123456789$#?_L",
    584: "+<>=~",
    611: "FTZ",
    667: "ABEKPSVXY&",
    722: "CDHNRUw",
    778: "GOQ",
    833: "mM",
    889: "%",
    944: "W",
    1015: "@",
}
_WIDTH = {letter: width for width, letters in _WIDTHS.items() for letter in letters}
_ORDINARY, _WIDE = 556, 1000
#: Semi-bold letters, as unread messages have, are this much wider.
_BOLD = 1.06


@dataclass(frozen=True)
class Inbox:
    """A list of messages: the size of its subjects and preheaders in pixels, and the room for each.

    ``room`` is for the subject; ``preheader`` for the line below it or, where both share a line, for both.
    """

    name: str
    device: Literal["desktop", "phone"]
    size: int
    room: int
    preheader: int
    shared: bool = False


#: By what people read most; the limits are those of facts that testers publish, in pixels of 14 to 17.
INBOXES = (
    Inbox("Gmail (web)", "desktop", 14, 500, 760, shared=True),
    Inbox("Outlook (Windows)", "desktop", 15, 360, 360),
    Inbox("Apple Mail (macOS)", "desktop", 13, 420, 840),
    Inbox("Apple Mail (iOS)", "phone", 15, 330, 660),
    Inbox("Gmail (Android)", "phone", 14, 240, 260),
    Inbox("Gmail (iOS)", "phone", 14, 260, 280),
)


def width(text: str, size: float, *, bold: bool = False) -> float:
    """How many pixels *text* is wide at a font size of *size* pixels."""
    units = sum(
        0
        if combining(letter)
        else _WIDTH.get(letter) or (_WIDE if east_asian_width(letter) in "WF" else _ORDINARY)
        for letter in text
    )
    return units * size / 1000 * (_BOLD if bold else 1)


def shown(text: str, room: int, size: int, *, bold: bool = False) -> str:
    """As much of *text* as *room* pixels have room for, with an ellipsis if that is not all."""
    if width(text, size, bold=bold) <= room:
        return text
    kept = text
    while kept and width(kept + "…", size, bold=bold) > room:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def cut_subjects(subject: str) -> dict[str, str]:
    """What each inbox that cuts *subject* shows of it, by the inbox's name."""
    shown_by = {inbox.name: shown(subject, inbox.room, inbox.size, bold=True) for inbox in INBOXES}
    return {name: text for name, text in shown_by.items() if text != subject}
