"""What an example of a rule stands in: a clean issue, publication, theme or document with the example put in."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.checks import Finding, check_edition
from newsletter.config import ChecksSettings, PublicationSettings
from newsletter.editions import Attachment, Image, compile_issue, load_theme
from newsletter.editions.theme_settings import laid_over, parse_settings
from newsletter.issues import parse_document, parse_issue

if TYPE_CHECKING:
    from newsletter.checks.rule import Rule

SETTINGS = {
    "name": "Letter",
    "from": "Letter <letter@example.com>",
    "url": "https://news.example.com",
    "postal_address": "1 Example Street",
}
FRONT = "title: A clean issue\npreheader: What this issue says in one line, long enough for an inbox."
BODY = "A deck with a [link that says where](https://example.com/there) it leads.\n\n## One section\n\nSome text."
#: The images that examples may show, by the address that an issue gives them.
IMAGES = {
    name: Image(Path(name), "png", width, height, 1, size, digest * 64)
    for name, width, height, size, digest in (
        ("chart.png", 1200, 600, 80_000, "a"),
        ("huge.png", 5000, 3000, 1_900_000, "b"),
        ("tiny.png", 200, 100, 9_000, "c"),
    )
}


def checked(rule: Rule, example: str) -> list[Finding]:
    """What all rules find in *example*, put where the examples of *rule* stand."""
    front, body, tables, theme = FRONT, BODY, {"publication": SETTINGS}, load_theme("digest")
    if rule.where == "front":
        front = (
            example
            if "preheader" in example or rule.id.startswith("preheader")
            else f"{example}\n{FRONT[21:]}"
        )
    elif rule.where == "body":
        body = example
    elif rule.where == "publication":
        tables = tomllib.loads(example)
    elif rule.where == "theme":
        changed = laid_over(dict(theme.settings), parse_settings(example, "theme.toml", theme.settings))
        theme = replace(theme, settings=changed)
    publication = PublicationSettings(**tables["publication"])
    issue = parse_issue(f"---\n{front}\n---\n\n{body}\n", None, "issue")
    edition = compile_issue(issue, theme, publication, images=IMAGES)
    (token,) = [slot.token for slot in edition.slots if slot.expression == "links.unsubscribe"]
    if rule.where == "html":
        edition = replace(edition, html=edition.html.replace("</body>", example + "</body>"))
    elif rule.where == "document":
        edition = replace(edition, html=example.replace("{unsubscribe}", token))
    elif rule.where == "text":
        edition = replace(edition, text=example.replace("{unsubscribe}", token))
    if "images: attach" in front:
        edition = replace(edition, attachments=(Attachment("b.png", "image/png", "b@images", 1_900_000),))
    return check_edition(
        issue,
        parse_document(issue),
        edition,
        publication,
        theme,
        settings=ChecksSettings(**tables.get("checks", {})),
        images=tuple(IMAGES.values()),
        provider=tables.get("delivery", {}).get("provider", ""),
        relay=tables.get("smtp", {}).get("host", ""),
    )
