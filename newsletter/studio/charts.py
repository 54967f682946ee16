"""Charts as SVG that need no colour: each kind has its own pattern, and every figure is in a table beside it.

All is said by attributes, not by styles, so that a chart looks the same in a page whose policy forbids inline
styles, in a file, and drawn on a canvas. Colours come from ``currentColor`` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: In pixels: how high a chart is, and what is around its plot.
HEIGHT, LEFT, BOTTOM, TOP = 250, 52, 28, 10
#: In pixels: how narrow and how wide a chart gets, and the room of one label between the two.
NARROWEST, WIDEST, ROOM = 300, 1160, 88
#: Six fills that differ without colour: full, stripes this and that way, dots, grid, light.
_PATTERNS = (
    '<rect width="8" height="8" fill="currentColor"/>',
    '<path d="M-2 2l4-4M0 8l8-8M6 10l4-4" stroke="currentColor" stroke-width="2"/>',
    '<circle cx="2" cy="2" r="1.3" fill="currentColor"/><circle cx="6" cy="6" r="1.3" fill="currentColor"/>',
    '<path d="M-2 6l4 4M0 0l8 8M6 -2l4 4" stroke="currentColor" stroke-width="1"/>',
    '<path d="M0 4h8M4 0v8" stroke="currentColor" stroke-width="1"/>',
    '<rect width="8" height="8" fill="currentColor" fill-opacity=".25"/>',
)


@dataclass(frozen=True)
class Series:
    """One kind of thing that is counted, with a number for each label of its chart."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True)
class Chart:
    """Stacked bars, one for each label. ``unit`` is what the numbers count, ``name`` for files and ids."""

    name: str
    title: str
    labels: Sequence[str]
    series: Sequence[Series]
    unit: str = ""
    #: Whether the numbers of one kind can be added up; those of people at the ends of months cannot.
    summed: bool = True

    @property
    def empty(self) -> bool:
        """Whether there is nothing to be drawn."""
        return not any(value for series in self.series for value in series.values)

    @property
    def shown(self) -> list[tuple[int, Series]]:
        """The kinds of which there are any, with the number of their pattern."""
        found = enumerate(self.series)
        return [(number % len(_PATTERNS), series) for number, series in found if any(series.values)]

    @property
    def summary(self) -> str:
        """What the chart says, in a sentence."""
        totals = [f"{series.name} {self.told(series)}" for _, series in self.shown]
        return f"{self.title}: {', '.join(totals)} {self.unit}".strip() + "."

    @property
    def width(self) -> int:
        """In pixels: a few bars are not drawn apart, and many fit a wide page."""
        return min(max(LEFT + ROOM * len(self.labels), NARROWEST), WIDEST)

    def told(self, series: Series) -> str:
        """The figure of one kind: its sum, or the last number where a sum says nothing."""
        return f"{sum(series.values) if self.summed else series.values[-1]:,.0f}"

    def svg(self) -> Markup:
        """The chart as one SVG element."""
        head = (
            f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {HEIGHT}" '
            f'width="{self.width}" height="{HEIGHT}" role="img" aria-label="{escape(self.summary)}" '
            f'font-size="11" font-family="system-ui, sans-serif" fill="currentColor">'
        )
        inner = "".join((self._definitions(), *self._scale(), *self._bars(), *self._names()))
        return Markup(f"{head}{inner}</svg>")  # noqa: S704 - numbers, and texts that were escaped

    def key(self, number: int) -> Markup:
        """A square with the pattern of that number, for the legend."""
        return Markup(  # noqa: S704 - made of numbers
            f'<svg xmlns="http://www.w3.org/2000/svg" width="14" height="14" aria-hidden="true">'
            f'<rect x=".5" y=".5" width="13" height="13" fill="url(#{self.name}-{number})" '
            f'stroke="currentColor"/></svg>'
        )

    def rows(self) -> list[list[str]]:
        """The table of all figures, its head first."""
        names = [series.name for _, series in self.shown]
        body = [
            [label, *(f"{series.values[place]:g}" for _, series in self.shown)]
            for place, label in enumerate(self.labels)
        ]
        return [["", *names], *body]

    def _definitions(self) -> str:
        used = "".join(
            f'<pattern id="{self.name}-{number}" width="8" height="8" patternUnits="userSpaceOnUse">'
            f"{_PATTERNS[number]}</pattern>"
            for number, _ in self.shown
        )
        return f"<defs>{used}</defs>"

    @property
    def _top(self) -> float:
        """A round number that no bar is higher than."""
        highest = max(
            (sum(s.values[place] for s in self.series) for place in range(len(self.labels))), default=0
        )
        step = 1.0
        while step * 10 < highest:
            step *= 10
        return next((step * times for times in (1, 2, 5, 10) if step * times >= highest), 1.0) or 1.0

    def _scale(self) -> Iterator[str]:
        room = HEIGHT - BOTTOM - TOP
        # Half a person is none.
        for part in (0.0, 1.0) if self._top % 2 else (0.0, 0.5, 1.0):
            y = HEIGHT - BOTTOM - part * room
            yield f'<path d="M{LEFT} {y:.1f}H{self.width}" stroke="currentColor" stroke-opacity=".25"/>'
            yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_short(self._top * part)}</text>'

    def _bars(self) -> Iterator[str]:
        room, step = HEIGHT - BOTTOM - TOP, (self.width - LEFT) / max(len(self.labels), 1)
        width = min(max(step * 0.78, 1.0), 48.0)
        for place, label in enumerate(self.labels):
            y = float(HEIGHT - BOTTOM)
            x = LEFT + place * step + (step - width) / 2
            for number, series in self.shown:
                height = series.values[place] / self._top * room
                if height <= 0:
                    continue
                y -= height
                told = escape(f"{label}: {series.name} {series.values[place]:,.0f}")
                yield (
                    f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
                    f'fill="url(#{self.name}-{number})" stroke="currentColor" stroke-width=".75">'
                    f"<title>{told}</title></rect>"
                )

    def _names(self) -> Iterator[str]:
        """The labels below, as many as there is room for."""
        step = (self.width - LEFT) / max(len(self.labels), 1)
        every = max(-(-70 // max(int(step), 1)), 1)
        for place in range(0, len(self.labels), every):
            x = min(LEFT + (place + 0.5) * step, self.width - 28)
            label = escape(self.labels[place])
            yield f'<text x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{label}</text>'


def as_csv(rows: Sequence[Sequence[object]]) -> str:
    """Rows as CSV (RFC 4180); no cell is a formula to a spreadsheet."""
    return "".join(",".join(map(_cell, row)) + "\r\n" for row in rows)


def _cell(value: object) -> str:
    text = str(value)
    if text[:1] in ("=", "+", "-", "@", "\t") and not text.lstrip("-").replace(".", "", 1).isdigit():
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n') else text


def _short(number: float) -> str:
    if number >= 10_000:
        return f"{number / 1000:g} k"
    return f"{number:,g}"
