"""What the marketer is looking at, kept in the address of the page, so that it can be shared and reloaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from newsletter.studio.modes import Mode

if TYPE_CHECKING:
    from collections.abc import Mapping


class View(StrEnum):
    """What of a message is shown."""

    BOTH = "both"
    PHONE = "phone"
    DESKTOP = "desktop"
    TEXT = "text"
    HEADERS = "headers"


@dataclass(frozen=True)
class Look:
    """One way to look at an issue: as whom, in what form, in which mode, with images or without."""

    view: View = View.BOTH
    mode: Mode = Mode.LIGHT
    images: bool = True
    reader: str = ""
    find: str = ""

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
        }
        return "?" + urlencode({key: value for key, value in said.items() if value})
