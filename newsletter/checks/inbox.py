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
    """A mail program's list of messages; ``size`` is that of its subjects, all widths are in pixels.

    Attributes:
        key: its short name.
        name: its name.
        form: how a row is built: all on one ``line``, in a ``stack``, or in one beside a ``face``.
        window: where the widths are found.
        size: of the subject's letters.
        room: for the subject; on a line, what is left of it when a preview is to be seen, too.
        line: what subject and preview share; 0 in a stack, where the preview has as much room as the subject.
        sender: the room for the sender's name on a line; 0 in a stack.
        lines: of the preview.
    """

    key: str
    name: str
    form: Literal["line", "stack", "face"]
    window: str
    size: int
    room: int
    line: int = 0
    sender: int = 0
    lines: int = 1

    @property
    def note(self) -> str:
        """The widths in words."""
        if self.line:
            return f"{self.window}: one line, sender {self.sender}, subject and preview {self.line} pixels"
        preview = "a line each" if self.lines == 1 else "a line, preview two"
        return (
            f"{self.window}: subject {'and preview ' if self.lines == 1 else ''}{preview}, {self.room} wide"
        )


#: By what people read most. The studio's sheet of styles draws rows of these widths.
INBOXES = (
    Inbox("gmail-web", "Gmail (web)", "line", "at 1,280 pixels", 14, 500, line=760, sender=168),
    Inbox("gmail-phone", "Gmail (phone)", "face", "at 390 pixels", 14, 278),
    Inbox("apple-phone", "Apple Mail (iPhone)", "stack", "at 393 pixels", 15, 345, lines=2),
    Inbox("apple-mac", "Apple Mail (Mac)", "stack", "list of 320 pixels", 13, 280, lines=2),
    Inbox("outlook", "Outlook", "stack", "list of 340 pixels", 14, 268),
    Inbox("yahoo", "Yahoo Mail (web)", "line", "at 1,280 pixels", 13, 350, line=620, sender=180),
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
