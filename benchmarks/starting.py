"""The start of the command: help, and a build, against importing three libraries that a build needs.

In seconds of a processor of a fresh process each, interleaved.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "ai-news-digest"
ROUNDS = 5


def main() -> None:
    """Print the three times and the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        newsletter = ["-m", "newsletter", "-C", str(EXAMPLE)]
        contenders = {
            "floor": ["-c", "import mjml, premailer, jinja2"],
            "help": [*newsletter, "--help"],
            "build": [*newsletter, "build", "2026-04-11", "-o", folder],
        }
        rounds = [{name: _seconds(words) for name, words in contenders.items()} for _ in range(ROUNDS)]
    floor, help_, build = (median(each[name] for each in rounds) for name in contenders)
    print(
        f"start      import of mjml, premailer and jinja2 {floor * 1e3:.0f} ms; help {help_ * 1e3:.0f} ms "
        f"({help_ / floor:.2f}x), a build {build * 1e3:.0f} ms ({build / floor:.1f}x)"
    )


def _seconds(words: list[str]) -> float:
    before = getrusage(RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
