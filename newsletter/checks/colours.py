"""What mail programs make of colours in dark mode.

Mail programs that invert publish no formula. `inverted` is what open previews agree on for those that invert
everything (Gmail on iOS, Outlook on Windows): lightness in CIE LCH is mirrored and colour made a little
paler. It is an approximation.
"""

from __future__ import annotations

from functools import lru_cache
from math import atan2, cos, hypot, sin

from newsletter.editions.colours import to_hex

#: The white point of D65 in CIE XYZ.
_WHITE = (0.95047, 1.0, 1.08883)


@lru_cache(maxsize=512)
def inverted(colour: str, *, text: bool) -> str:
    """*colour*, ``#rrggbb``, as a mail program shows it that inverts everything; *text* or what is behind."""
    lightness, chroma, hue = _to_lch(colour)
    if (text and lightness < 50) or (not text and lightness >= 50):
        lightness = 50 - (lightness - 50) * 0.75
    return _from_lch(lightness, chroma * 0.8, hue)


def _to_lch(colour: str) -> tuple[float, float, float]:
    """Lightness, chroma and hue (CIE LCH) of ``#rrggbb``."""
    rgb = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb)
    xyz = (
        0.4124564 * r + 0.3575761 * g + 0.1804375 * b,
        0.2126729 * r + 0.7151522 * g + 0.0721750 * b,
        0.0193339 * r + 0.1191920 * g + 0.9503041 * b,
    )
    fx, fy, fz = (
        t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116
        for t in (value / white for value, white in zip(xyz, _WHITE, strict=True))
    )
    a, b2 = 500 * (fx - fy), 200 * (fy - fz)
    return 116 * fy - 16, hypot(a, b2), atan2(b2, a)


def _from_lch(lightness: float, chroma: float, hue: float) -> str:
    fy = (lightness + 16) / 116
    fx, fz = fy + chroma * cos(hue) / 500, fy - chroma * sin(hue) / 200
    x, y, z = (
        white * (t**3 if t**3 > 216 / 24389 else (116 * t - 16) * 27 / 24389)
        for t, white in zip((fx, fy, fz), _WHITE, strict=True)
    )
    linear = (
        3.2404542 * x - 1.5371385 * y - 0.4985314 * z,
        -0.9692660 * x + 1.8760108 * y + 0.0415560 * z,
        0.0556434 * x - 0.2040259 * y + 1.0572252 * z,
    )
    return to_hex(*(12.92 * c if c <= 0.0031308 else 1.055 * max(c, 0) ** (1 / 2.4) - 0.055 for c in linear))
