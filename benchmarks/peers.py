"""The example issue's MJML and CSS through ours and through npm's mjml + juice in a warm Node, in one run.

`python -m benchmarks.peers` needs node and npm; the packages go into `build/peers`, outside the repository.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

from newsletter.config import load_publication
from newsletter.editions.frame import frame_of
from newsletter.editions.inlining import inline
from newsletter.editions.mjml import to_html
from newsletter.editions.slots import Slots
from newsletter.editions.templating import Press
from newsletter.editions.theme import load_theme
from newsletter.issues import load_issue, parse_document

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "ai-news-digest"
ROUNDS = 40


def main() -> None:
    """Print the milliseconds of both and their ratio."""
    if not shutil.which("npm"):
        sys.exit("error: npm is not on this machine\nhint: install Node.js")
    packages = ROOT / "build" / "peers"
    packages.mkdir(parents=True, exist_ok=True)
    if not (packages / "node_modules" / "juice").is_dir():
        (packages / "package.json").write_text("{}", encoding="utf-8")
        subprocess.run(["npm", "install", "--silent", "mjml", "juice"], cwd=packages, check=True)
    publication = load_publication(EXAMPLE).settings.publication
    issue = load_issue(EXAMPLE / "issues" / "2026-04-11.md")
    document, theme = parse_document(issue), load_theme(publication.theme)
    frame = frame_of(issue, document, theme, publication)
    press = Press(issue, document, theme, publication, frame, Slots(issue, document, publication, "en", None))
    mjml, css = press.mjml(), press.static_css()

    ours, theirs = [], []
    for _ in range(3):  # in turn, so that a slow moment is slow for both
        ours.append(here(mjml, css))
        theirs.append(there(packages, mjml, css))
    mine, peer = median(ours), median(theirs)
    print(f"mjml + inlining of the example: ours {mine:.1f} ms, npm {peer:.1f} ms = {peer / mine:.1f}x")


def here(mjml: str, css: str) -> float:
    """Our median, in milliseconds, warm."""
    times = []
    for number in range(ROUNDS + 10):
        begin = perf_counter()
        made = to_html(mjml)
        inline(made.document, f"{css}\n{made.css}")
        if number >= 10:
            times.append((perf_counter() - begin) * 1e3)
    return median(times)


def there(packages: Path, mjml: str, css: str) -> float:
    """Node's median, in milliseconds, warm."""
    script = Path(__file__).with_name("peer.mjs")
    done = subprocess.run(
        ["node", str(script), str(packages)],
        input=json.dumps({"mjml": mjml, "css": css, "rounds": ROUNDS}),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


if __name__ == "__main__":
    main()
