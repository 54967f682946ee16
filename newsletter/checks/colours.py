"""Colours as CSS writes them, and what mail programs make of them in dark mode.

Mail programs that invert publish no formula. `inverted` is what open previews agree on for those that invert
everything (Gmail on iOS, Outlook on Windows): lightness in CIE LCH is mirrored and colour made a little
paler. It is an approximation.
"""

from __future__ import annotations

import re
from colorsys import hls_to_rgb
from functools import lru_cache
from math import atan2, cos, hypot, sin

_NAMED = {
    "black": "#000000",
    "white": "#ffffff",
    "red": "#ff0000",
    "green": "#008000",
    "blue": "#0000ff",
    "yellow": "#ffff00",
    "orange": "#ffa500",
    "gray": "#808080",
    "grey": "#808080",
    "silver": "#c0c0c0",
    "lightgray": "#d3d3d3",
    "lightgrey": "#d3d3d3",
    "darkgray": "#a9a9a9",
    "dimgray": "#696969",
    "navy": "#000080",
    "purple": "#800080",
    "teal": "#008080",
    "maroon": "#800000",
    "pink": "#ffc0cb",
    "gold": "#ffd700",
    "brown": "#a52a2a",
    "whitesmoke": "#f5f5f5",
    "crimson": "#dc143c",
    "tomato": "#ff6347",
    "lime": "#00ff00",
    "aqua": "#00ffff",
    "fuchsia": "#ff00ff",
    "olive": "#808000",
}
_HEX = re.compile(r"#([0-9a-f]{6}|[0-9a-f]{3})(?:[0-9a-f]{2}|[0-9a-f])?(?![0-9a-f])", re.IGNORECASE)
_FUNCTION = re.compile(r"(rgba?|hsla?)\(\s*([^)]*)\)", re.IGNORECASE)
#: The white point of D65 in CIE XYZ.
_WHITE = (0.95047, 1.0, 1.08883)


@lru_cache(maxsize=512)
def colour_of(value: str) -> str | None:
    """The first colour in a property's value, as ``#rrggbb``; None if it names none or is transparent."""
    value = value.strip().lower()
    if "gradient(" in value or "url(" in value:
        return None
    if match := _FUNCTION.search(value):
        return _function(match[1], match[2])
    if match := _HEX.search(value):
        digits = match[1]
        return "#" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits))
    return next((_NAMED[word] for word in value.split() if word in _NAMED), None)


@lru_cache(maxsize=512)
def inverted(colour: str, *, text: bool) -> str:
    """*colour*, ``#rrggbb``, as a mail program shows it that inverts everything; *text* or what is behind."""
    lightness, chroma, hue = _to_lch(colour)
    if (text and lightness < 50) or (not text and lightness >= 50):
        lightness = 50 - (lightness - 50) * 0.75
    return _from_lch(lightness, chroma * 0.8, hue)


def _function(name: str, inside: str) -> str | None:
    parts = [part for part in re.split(r"[\s,/]+", inside.strip()) if part]
    try:
        numbers = [float(re.sub(r"(?:%|deg)$", "", part)) for part in parts]
    except ValueError:
        return None
    if len(numbers) < 3 or (len(numbers) > 3 and numbers[3] == 0):
        return None
    if name.startswith("hsl"):
        red, green, blue = hls_to_rgb(numbers[0] % 360 / 360, numbers[2] / 100, numbers[1] / 100)
        return _hex(red, green, blue)
    scale = [100 if part.endswith("%") else 255 for part in parts]
    return _hex(*(number / most for number, most in zip(numbers[:3], scale, strict=False)))


def _hex(*channels: float) -> str:
    return "#" + "".join(f"{round(min(max(channel, 0.0), 1.0) * 255):02x}" for channel in channels)


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
    return _hex(*(12.92 * c if c <= 0.0031308 else 1.055 * max(c, 0) ** (1 / 2.4) - 0.055 for c in linear))
