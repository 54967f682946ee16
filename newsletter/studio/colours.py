"""Colours as CSS writes them, and how light they look: what dark modes of mail programs work with.

Lightness is that of Oklab (https://bottosson.github.io/posts/oklab/): equal steps look equal, unlike in HSL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

#: A colour in a value of CSS: hexadecimal, a function, or one of the names that mail uses.
COLOUR = re.compile(
    r"#[0-9a-fA-F]{3,8}\b|rgba?\([^()]*\)|hsla?\([^()]*\)"
    r"|(?<![\w-])(?:white|black|gray|grey|silver|red|green|blue|navy|yellow|orange|maroon|teal|purple)(?![\w-])",
    re.IGNORECASE,
)
_NAMES = {
    "white": "#ffffff",
    "black": "#000000",
    "gray": "#808080",
    "grey": "#808080",
    "silver": "#c0c0c0",
    "red": "#ff0000",
    "green": "#008000",
    "blue": "#0000ff",
    "navy": "#000080",
    "yellow": "#ffff00",
    "orange": "#ffa500",
    "maroon": "#800000",
    "teal": "#008080",
    "purple": "#800080",
}
_NUMBER = re.compile(r"(-?\d*\.?\d+)(%|deg)?")
_TO_LMS = (
    (0.41222147, 0.53633254, 0.05144599),
    (0.21190350, 0.68069955, 0.10739696),
    (0.08830246, 0.28171884, 0.62997870),
)
_TO_LAB = (
    (0.21045426, 0.79361778, -0.00407205),
    (1.97799850, -2.42859221, 0.45059371),
    (0.02590404, 0.78277177, -0.80867577),
)
_FROM_LAB = ((1.0, 0.39633778, 0.21580376), (1.0, -0.10556135, -0.06385417), (1.0, -0.08948418, -1.29148555))
_FROM_LMS = (
    (4.07674166, -3.30771159, 0.23096993),
    (-1.26843800, 2.60975740, -0.34131940),
    (-0.00419609, -0.70341861, 1.70761470),
)

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Colour:
    """A colour in Oklab: ``light`` from 0 to 1, two axes of hue, and how opaque it is."""

    light: float
    a: float
    b: float
    alpha: float = 1.0

    def at(self, light: float, *, strength: float = 1.0) -> Colour:
        """The same hue as light as *light*, its colourfulness times *strength*."""
        return replace(self, light=min(max(light, 0.0), 1.0), a=self.a * strength, b=self.b * strength)

    def css(self) -> str:
        """The colour as CSS writes it: ``#rrggbb``, or ``rgba()`` if something shines through."""
        cubes = [value**3 for value in _times(_FROM_LAB, (self.light, self.a, self.b))]
        red, green, blue = (_byte(value) for value in _times(_FROM_LMS, (cubes[0], cubes[1], cubes[2])))
        if self.alpha >= 1:
            return f"#{red:02x}{green:02x}{blue:02x}"
        return f"rgba({red},{green},{blue},{self.alpha:g})"


@lru_cache(maxsize=512)
def read_colour(text: str) -> Colour | None:
    """The colour that *text* is, as `COLOUR` finds it; None if it is none after all."""
    text = _NAMES.get(text.lower(), text.lower())
    if text.startswith("#"):
        channels = _hexadecimal(text[1:])
    else:
        numbers = [(float(number), unit) for number, unit in _NUMBER.findall(text.partition("(")[2])]
        channels = _function(text, numbers)
    if channels is None:
        return None
    red, green, blue, alpha = channels
    cubes = [
        max(value, 0.0) ** (1 / 3) for value in _times(_TO_LMS, (_linear(red), _linear(green), _linear(blue)))
    ]
    return Colour(*_times(_TO_LAB, (cubes[0], cubes[1], cubes[2])), alpha)


def _hexadecimal(digits: str) -> tuple[float, float, float, float] | None:
    if len(digits) in (3, 4):
        digits = "".join(digit * 2 for digit in digits)
    if len(digits) not in (6, 8):
        return None
    red, green, blue, *rest = (int(digits[place : place + 2], 16) / 255 for place in range(0, len(digits), 2))
    return red, green, blue, rest[0] if rest else 1.0


def _function(text: str, numbers: list[tuple[float, str]]) -> tuple[float, float, float, float] | None:
    if len(numbers) < 3:
        return None
    alpha = numbers[3][0] / (100 if numbers[3][1] == "%" else 1) if len(numbers) > 3 else 1.0
    if text.startswith("rgb"):
        red, green, blue = (value / (100 if unit == "%" else 255) for value, unit in numbers[:3])
        return red, green, blue, alpha
    hue, full, light = numbers[0][0] % 360 / 60, numbers[1][0] / 100, numbers[2][0] / 100
    chroma = (1 - abs(2 * light - 1)) * full
    second = chroma * (1 - abs(hue % 2 - 1))
    order = [(chroma, second, 0.0), (second, chroma, 0.0), (0.0, chroma, second)]
    order += [(0.0, second, chroma), (second, 0.0, chroma), (chroma, 0.0, second)]
    red, green, blue = (value + light - chroma / 2 for value in order[int(hue) % 6])
    return red, green, blue, alpha


def _times(matrix: tuple[Triple, Triple, Triple], vector: Triple) -> Triple:
    first, second, third = (sum(map(float.__mul__, row, vector)) for row in matrix)
    return first, second, third


def _linear(channel: float) -> float:
    """Out of the curve of sRGB (IEC 61966-2-1)."""
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _byte(linear: float) -> int:
    linear = min(max(linear, 0.0), 1.0)
    channel = linear * 12.92 if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
    return round(channel * 255)
