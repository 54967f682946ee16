"""The example issue's MJML and CSS through ours and through npm's mjml + juice in a warm Node, in one run.

`python -m benchmarks.peers` needs node and npm; the packages go into `build/peers`, outside the repository.

No two documents of a run are the same, so that nobody is paid for remembering one: each has words and
addresses of its own, and in a second series also a choice and an order of stories, a structure that neither
has seen.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from newsletter.config import load_publication
from newsletter.editions import skeleton
from newsletter.editions.frame import frame_of
from newsletter.editions.slots import Slots
from newsletter.editions.templating import Press
from newsletter.editions.theme import load_theme
from newsletter.issues import load_issue, parse_document

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "ai-news-digest"
WARM, ROUNDS = 10, 40
_TEXT = re.compile(r'<mj-text css-class="gutter copy (?:story|section)".*?</mj-text>', re.DOTALL)
_WORD = re.compile(r"(?<=>)([^<>&]*?)(\w{4,})")


def main() -> None:
    """Print the milliseconds of both and their ratio, for both series."""
    packages = installed()
    mjml, css = example()
    series = {
        "new words": [reworded(mjml, number) for number in range(WARM + ROUNDS)],
        "new words in a new structure": [reworded(shuffled(mjml, n), n) for n in range(WARM + ROUNDS)],
    }
    for name, documents in series.items():
        ours, theirs = [], []
        for _ in range(3):  # in turn, so that a slow moment is slow for both
            ours.append(here(documents, css))
            theirs.append(there(packages, documents, css))
        mine, peer = median(ours), median(theirs)
        print(f"mjml + inlining, {name}: ours {mine:.2f} ms, npm {peer:.1f} ms = {peer / mine:.1f}x")


def installed(*names: str) -> Path:
    """The folder with the peers' packages, by default mjml and juice."""
    names = names or ("mjml", "juice")
    if not shutil.which("npm"):
        sys.exit("error: npm is not on this machine\nhint: install Node.js")
    packages = ROOT / "build" / "peers"
    packages.mkdir(parents=True, exist_ok=True)
    if not all((packages / "node_modules" / name.split("@")[0]).is_dir() for name in names):
        if not (packages / "package.json").is_file():
            (packages / "package.json").write_text("{}", encoding="utf-8")
        subprocess.run(["npm", "install", "--silent", *names], cwd=packages, check=True)
    return packages


def example() -> tuple[str, str]:
    """The MJML that the theme makes of the example issue, and the CSS to be inlined."""
    publication = load_publication(EXAMPLE).settings.publication
    issue = load_issue(EXAMPLE / "issues" / "2026-04-11.md")
    document, theme = parse_document(issue), load_theme(publication.theme)
    frame = frame_of(issue, document, theme, publication)
    press = Press(issue, document, theme, publication, frame, Slots(issue, document, publication, "en", None))
    return press.mjml(), press.static_css()


def reworded(mjml: str, number: int) -> str:
    """*mjml* with a word of its own in each text, and addresses of its own."""
    head, body = mjml.split("<mj-body", 1)
    body = _WORD.sub(lambda match: f"{match[1]}word{number}", body)
    head = head.replace("<mj-title>", f"<mj-title>Number {number}: ")
    return f"{head}<mj-body{body}".replace("https://example.com/", f"https://example.com/{number}/")


def shuffled(mjml: str, number: int) -> str:
    """*mjml* with its stories in an order of their own, some left out, some there twice."""
    texts = _TEXT.findall(mjml)
    chosen = Random(number).sample(texts * 2, len(texts) - 2 + number % 5)
    first, last = mjml.index(texts[0]), mjml.index(texts[-1]) + len(texts[-1])
    return mjml[:first] + "\n".join(chosen) + mjml[last:]


def here(documents: Sequence[str], css: str) -> float:
    """Our median, in milliseconds, warm; the structures that earlier rounds met are forgotten first."""
    skeleton.forget()
    times = []
    for number, mjml in enumerate(documents):
        begin = perf_counter()
        skeleton.inlined_html(mjml, css)
        if number >= WARM:
            times.append((perf_counter() - begin) * 1e3)
    return median(times)


def there(packages: Path, documents: Sequence[str], css: str) -> float:
    """Node's median, in milliseconds, warm."""
    script = Path(__file__).with_name("peer.mjs")
    done = subprocess.run(
        ["node", str(script), str(packages)],
        input=json.dumps({"documents": documents, "css": css, "warm": WARM}),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


if __name__ == "__main__":
    main()
