"""Compiling the example issue: the whole way, and the floor of its MJML alone through the compiler."""

from __future__ import annotations

from pathlib import Path

from benchmarks.timing import interleaved
from newsletter.config import load_publication
from newsletter.editions.press import press

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "ai-news-digest"


def main() -> None:
    """Print the milliseconds of compiling one issue, of which a dispatch does one."""
    publication = load_publication(EXAMPLE)
    path = publication.issues / "2026-04-11.md"
    seconds = interleaved({"issue to edition": lambda: press(publication, path)})
    print(f"compile    the example issue: {seconds['issue to edition'] * 1e3:.0f} ms, once per dispatch")
