"""All offline rules on the example issue, and the floor of reading and compiling it, in one run."""

from __future__ import annotations

from pathlib import Path

from benchmarks.timing import interleaved
from newsletter.checks import RULES, check_pressed
from newsletter.config import load_publication
from newsletter.editions.press import press

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "ai-news-digest"


def main() -> None:
    """Print the milliseconds of checking one issue, and how many compiles that is."""
    publication = load_publication(EXAMPLE)
    path = publication.issues / "2026-04-11.md"
    pressed = press(publication, path)
    seconds = interleaved(
        {
            "compile": lambda: press(publication, path),
            "check": lambda: check_pressed(pressed, publication.settings),
        }
    )
    print(
        f"checks     {len(RULES)} rules on the example issue: {seconds['check'] * 1e3:.0f} ms, "
        f"{seconds['check'] / seconds['compile']:.1f}x compiling it ({seconds['compile'] * 1e3:.0f} ms)"
    )


if __name__ == "__main__":
    main()
