"""What stands around the body of an issue: language, date, byline, labels, and the inbox's preview line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.editions.language import direction_of, full_date, in_language
from newsletter.errors import ThemeError
from newsletter.issues import Paragraph, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from newsletter.config import PublicationSettings
    from newsletter.editions.theme import Theme
    from newsletter.issues import Document, Inline, Issue

#: In characters; inboxes show 40 to about 100 of a preheader.
_PREHEADER_LONGEST = 140
#: A theme that has this file signs.
SIGNATURE_FILE = "signature.mjml.j2"
_SENTENCE = re.compile(r".+?[.!?…。！？](?=\s|$)")


@dataclass(frozen=True)
class Frame:
    """The facts about an issue that a theme and the plain text both show.

    Attributes:
        language: BCP 47 tag.
        direction: ``ltr`` or ``rtl``.
        date: as one writes it in the issue's language; empty if the issue has none.
        byline: such as ``By Ada and Grace``; empty if the issue names no authors.
        preheader: the issue's own, else the beginning of its text.
        labels: the theme's words in the issue's language.
    """

    language: str
    direction: str
    date: str
    byline: str
    preheader: str
    labels: Mapping[str, str]


def frame_of(issue: Issue, document: Document, theme: Theme, publication: PublicationSettings) -> Frame:
    """The frame of *issue* in *theme*.

    Raises:
        ThemeError: the theme has no labels.
    """
    language = issue.language or publication.language
    tables = theme.settings.get("labels", {})
    if "en" not in tables:
        raise ThemeError(
            "the theme has no labels", where=theme.place("theme.toml"), hint="add a table `[labels.en]`"
        )
    labels = {**tables["en"], **in_language(tables, language)}
    return Frame(
        language=language,
        direction=issue.direction or direction_of(language),
        date=full_date(issue.date, language) if issue.date else "",
        byline=labels["by"].format(authors=_joined(issue.authors, labels["and"])) if issue.authors else "",
        preheader=document.preheader or _beginning(document),
        labels=labels,
    )


def signed_by(issue: Issue, theme: Theme, publication: PublicationSettings) -> tuple[tuple[str, ...], ...]:
    """Who wrote *issue*, as the theme says it below the body: paragraphs of lines, some with an address.

    A theme with a signature is signed by name. What else is known of authors is told by every theme.
    """
    paragraphs: list[tuple[str, ...]] = []
    credits = [author for author in issue.credits if author.about or author.url]
    if SIGNATURE_FILE in theme.files:
        words = theme.settings.get("signature", {})
        alone = issue.credits[0] if len(issue.credits) == 1 else None
        role = (alone.about if alone else "") or words.get("role", "")
        name = ", ".join(issue.authors) or publication.name
        paragraphs += [(words.get("closing", ""),), (name, role, alone.url if alone else "")]
        credits = [] if alone else credits
    paragraphs += [(author.name, author.about, author.url) for author in credits]
    return tuple(kept for lines in paragraphs if (kept := tuple(filter(None, lines))))


def _joined(names: tuple[str, ...], conjunction: str) -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {conjunction} {names[-1]}"


def _beginning(document: Document) -> str:
    """The first sentence of the deck, or of the first paragraph there is, cut at a word if it is long."""
    bodies = (document.lead, *(section.blocks for section in document.sections))
    stories = (story.blocks for section in document.sections for story in section.stories)
    for blocks in (*bodies, *stories):
        for block in blocks:
            if isinstance(block, Paragraph) and (text := _uncited(block.content)):
                return _shortened(text)
    return ""


def _uncited(content: Inline) -> str:
    """The text of *content* without its citations and the spaces before them."""
    text = ""
    for token in content:
        text = text.rstrip() if token.type == "citation" else text + text_of((token,))
    return " ".join(text.split())


def _shortened(text: str) -> str:
    sentence = _SENTENCE.match(text)
    text = sentence[0] if sentence else text
    if len(text) <= _PREHEADER_LONGEST:
        return text
    return text[:_PREHEADER_LONGEST].rsplit(" ", 1)[0].rstrip(",;:–— ") + "…"
