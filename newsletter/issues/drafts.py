"""A text that is Markdown already, told apart from pasted digest text, and taken over word for word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.errors import UsageError, at
from newsletter.issues.digest import dump_front_matter
from newsletter.issues.fields import KNOWN, Fields
from newsletter.issues.frontmatter import split_front_matter
from newsletter.issues.loader import blanked, first_heading

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

#: What nobody writes but in Markdown: front matter, a heading, a fence, the line under a table's head, a link
#: or image, a footnote, a condition.
_CERTAIN = re.compile(
    r"\A(?:---|\+\+\+)[ \t]*\n(?:.*\n)*?(?:---|\+\+\+)[ \t]*$"
    r"|(?:\A|\n[ \t]*\n)#{1,6}[ \t]+\S"
    r"|^ {0,3}(?:`{3,}|~{3,})[\w+-]*[ \t]*$"
    r"|^ {0,3}\|?(?:[ \t]*:?-+:?[ \t]*\|)+(?:[ \t]*:?-+:?[ \t]*)?$"
    r"|\]\((?:https?://|mailto:|#|\.{0,2}/)[^\s)]*"
    r"|!\[[^\]\n]*\]\(\S"
    r"|^\[\^[^\]\s]+\]:"
    r"|^\{%",
    re.MULTILINE,
)
#: Bold words, which a single pair of asterisks in a text of words may only seem to be.
_BOLD = re.compile(r"\*\*(?=\S)[^*\n]+(?<=\S)\*\*")


@dataclass(frozen=True)
class Draft:
    """A Markdown text: the title and date that it gives, and the rest of it as an issue file."""

    title: str
    date: date | None
    markdown: str


def is_markdown(text: str) -> bool:
    """Whether *text* has marks that only Markdown has; text copied from a page has none."""
    text = _lines(text)
    return _CERTAIN.search(text) is not None or len(_BOLD.findall(text)) > 1


def read_draft(text: str, path: Path | None = None, title: str | None = None) -> Draft:
    """The Draft that *text* is; the heading that became its title is not in the body any more.

    Args:
        text: Markdown, with front matter or without.
        path: where it is from, for errors.
        title: its title; by default that of the front matter, else the first heading of the first level.

    Raises:
        UsageError: it has no title.
        IssueError: its front matter cannot be read.
    """
    matter = split_front_matter(_lines(text), path, KNOWN)
    fields = Fields(matter, path)
    heading = first_heading(matter, path)
    given = fields.text("title") or (heading.title if heading else "")
    if not (title or given):
        raise UsageError(
            "the text has no title",
            where=at(path),
            hint='write a line `# TITLE` above it, or `newsletter new "TITLE" --from FILE`',
        )
    body = blanked(matter.body, heading) if heading and heading.title == given else matter.body
    values = f"---\n{dump_front_matter(matter.values)}---\n\n" if matter.values else ""
    return Draft(title or given, fields.date(), values + body.lstrip("\n"))


def _lines(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
