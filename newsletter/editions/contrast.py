"""How well a theme's text stands out from what is behind it, as WCAG 2.2 computes it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.editions.theme import Theme

#: WCAG 2.2, success criterion 1.4.3, for text of ordinary size.
ENOUGH = 4.5
#: Which colours are text, and which surfaces are behind them.
PAIRS = (
    *product(("ink", "soft", "accent"), ("page", "sheet", "panel")),
    ("on_accent", "accent"),
    ("hero_ink", "hero"),
)


@dataclass(frozen=True)
class Faint:
    """A colour of text that is hard to read: the table, both keys of ``theme.toml``, and their contrast."""

    mode: str
    text: str
    surface: str
    ratio: float


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, ``#rrggbb``, from 1 to 21 (WCAG 2.2, "contrast ratio")."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def faint(theme: Theme) -> list[Faint]:
    """Each pair of text and surface in *theme* that has less contrast than `ENOUGH`, light before dark."""
    found = []
    for mode in ("light", "dark"):
        colours = theme.settings.get(mode, {})
        for text, surface in PAIRS:
            if text in colours and surface in colours:
                ratio = contrast(colours[text], colours[surface])
                if ratio < ENOUGH:
                    found.append(Faint(mode, text, surface, ratio))
    return found


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2), from 0 for black to 1 for white."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
