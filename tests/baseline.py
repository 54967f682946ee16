"""Writes newsletter/checks/data/baseline.txt: the features of Can I email that the built-in themes use.

`python -m tests.baseline` compiles the golden issues, which have every construct, with each of them.
"""

from __future__ import annotations

from pathlib import Path

from newsletter.checks.features import features_used
from newsletter.config import PublicationSettings
from newsletter.editions import compile_issue, load_theme, read_elements, theme_names
from newsletter.issues import parse_issue

HERE = Path(__file__).resolve().parent
FILE = HERE.parent / "newsletter" / "checks" / "data" / "baseline.txt"
PUBLICATION = PublicationSettings(
    name="Letter", sender="Letter <a@example.com>", url="https://news.example.com", postal_address="1 Street"
)


def baseline() -> str:
    """The features, one a line, in the order of the alphabet; of raw HTML, which is an editor's, none."""
    found: set[str] = set()
    folders = (
        HERE / "golden/issues",
        HERE / "golden/writing",
        HERE.parent / "examples/ai-news-digest/issues",
    )
    sources = [path for folder in folders for path in sorted(folder.glob("*.md"))]
    for path in sources:
        if path.stem == "raw-html":
            continue
        text = path.read_text(encoding="utf-8")
        if "raw HTML" in text or "<div" in text:
            text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("<"))
        if not text.startswith(("---", "+++")):
            text = f"---\ntitle: About {path.stem}\npreheader: Something to begin with.\n---\n{text}"
        issue = parse_issue(text, None, "issue")
        for name in theme_names():
            html = compile_issue(issue, load_theme(name), PUBLICATION).html
            found |= {use.slug for use in features_used(html, read_elements(html))}
    return "".join(f"{slug}\n" for slug in sorted(found) if not slug.startswith("image-"))


if __name__ == "__main__":
    FILE.write_text(baseline(), encoding="ascii")
