"""Mailings to hold a theme against: the example's issues, the designers' samples, and hard ones, as one reader gets them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from newsletter.config import PublicationSettings
from newsletter.editions import Context, Evaluator, compile_issue, load_theme, render, split, theme_names
from newsletter.issues import load_issue

ROOT = Path(__file__).resolve().parent.parent
THEMES = theme_names()
ISSUES = {
    path.stem: path
    for folder in ("examples/ai-news-digest/issues", "docs/samples", "tests/golden/themes")
    for path in sorted((ROOT / folder).glob("*.md"))
}
PICTURES = ROOT / "docs" / "samples"
PUBLICATION = PublicationSettings(
    name="Field Notes",
    sender="Field Notes <notes@example.com>",
    url="https://notes.example.com",
    postal_address="1 Example Street, Example City",
)
LINKS = {
    "unsubscribe": "https://notes.example.com/unsubscribe/u",
    "preferences": "https://notes.example.com/preferences/p",
    "web": "https://notes.example.com/issues/i",
}


@cache
def mailing(theme: str, issue: str) -> str:
    """The HTML of *issue* in *theme*, as a reader called Ann gets it."""
    edition = compile_issue(load_issue(ISSUES[issue]), load_theme(theme), PUBLICATION)
    values = Evaluator(edition).values({"email": "ann@example.com", "first_name": "Ann"}, LINKS)
    return render(split(edition.html, edition, Context.HTML), values)
