"""What the marketer is looking at, kept in the address of the page, so that it can be shared and reloaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from newsletter.studio.modes import Mode

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The widths that are offered, in CSS pixels: small and usual phones, a reading pane, a tablet, a window.
WIDTHS = (320, 360, 375, 390, 430, 600, 768, 1024)
NARROWEST, WIDEST = 240, 2000
PHONE_WIDTH = 375


class View(StrEnum):
    """What of a message is shown."""

    BOTH = "both"
    PHONE = "phone"
    DESKTOP = "desktop"
    TEXT = "text"
    HEADERS = "headers"
    RAW = "raw"
    INBOX = "inbox"
    READERS = "readers"
    PAIR = "pair"
    CHANGES = "changes"

    @property
    def framed(self) -> bool:
        """Whether the mail itself is shown, so that modes and images matter."""
        return self in _FRAMED

    @property
    def sized(self) -> bool:
        """Whether it has one width, which can be chosen."""
        return self in (View.PHONE, View.DESKTOP)


_FRAMED = frozenset({View.BOTH, View.PHONE, View.DESKTOP, View.READERS, View.PAIR, View.CHANGES})


@dataclass(frozen=True)
class Look:
    """One way to look at an issue: as whom, in what form, in which mode, with images or without.

    ``width`` is in CSS pixels, 0 for that of the view. ``other`` is the second reader of a pair, ``against``
    what changes are told from, ``among`` the segment in which it is counted who sees what.
    """

    view: View = View.BOTH
    mode: Mode = Mode.LIGHT
    images: bool = True
    reader: str = ""
    find: str = ""
    width: int = 0
    other: str = ""
    against: str = ""
    among: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Look:
        """The look that a query string asks for; what it does not say, or says wrongly, is the default."""
        view, mode = query.get("view", ""), query.get("mode", "")
        return cls(
            view=View(view) if view in set(View) else View.BOTH,
            mode=Mode(mode) if mode in set(Mode) else Mode.LIGHT,
            images=query.get("images") != "off",
            reader=query.get("as", "")[:200],
            find=query.get("find", "").strip()[:100],
            width=_width(query.get("width", "")),
            other=query.get("with", "")[:200],
            against=query.get("against", "")[:200],
            among=query.get("among", "")[:200],
        )

    def but(self, **changes: object) -> str:
        """The query string of this look with *changes*, leaving out what is the default."""
        look = replace(self, **changes)  # type: ignore[arg-type]  # fields by name
        said = {
            "view": look.view if look.view != View.BOTH else "",
            "mode": look.mode if look.mode != Mode.LIGHT else "",
            "images": "" if look.images else "off",
            "as": look.reader,
            "find": look.find,
            "width": look.width or "",
            "with": look.other,
            "against": look.against,
            "among": look.among,
        }
        return "?" + urlencode({key: value for key, value in said.items() if value})

    def frame(self, **changes: object) -> str:
        """The query string of a frame: what changes nothing of the mail itself is left out."""
        plain = {"view": View.BOTH, "find": "", "width": 0, "other": "", "against": "", "among": ""}
        return self.but(**(plain | changes))


def _width(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    return min(max(number, NARROWEST), WIDEST) if number else 0
