"""Issues of few words, compiled, and what a reader gets of them."""

from __future__ import annotations

from pathlib import Path

from newsletter.config import PublicationSettings
from newsletter.editions import Context, Edition, Evaluator, compile_issue, load_theme, render, split
from newsletter.issues import parse_issue

#: The folder of an issue with every construct, and the issue.
GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "editions"
EVERYTHING = GOLDEN / "everything.md"
THEME = load_theme("digest")
PUBLICATION = PublicationSettings(
    name="The Daily Tide",
    sender="The Daily Tide <tide@example.com>",
    url="https://news.example.com",
    postal_address="1 Harbour Street, Example City",
)
LINKS = {
    "unsubscribe": "https://news.example.com/unsubscribe/u",
    "preferences": "https://news.example.com/preferences/p",
    "web": "https://news.example.com/issues/everything",
}


def compiled(body: str, front: str = "", **options) -> Edition:
    """An edition of an issue with *body*, and more *front* matter than a title."""
    issue = parse_issue(f"---\ntitle: A title\n{front}\n---\n\n{body}\n", Path("issues/x.md"), "x")
    return compile_issue(issue, THEME, PUBLICATION, **options)


def personal(edition: Edition, part: str = "html", **fields: object) -> str:
    """A part of an edition as Ann reads it, of whom *fields* are known."""
    context = {"html": Context.HTML, "text": Context.TEXT, "subject": Context.HEADER}[part]
    values = Evaluator(edition).values({"email": "ann@example.com", **fields}, LINKS)
    return render(split(getattr(edition, part), edition, context), values)
