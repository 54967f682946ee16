"""From a file to an Issue."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from newsletter.errors import IssueError, at
from newsletter.issues.fields import KNOWN, Fields, check_text
from newsletter.issues.frontmatter import split_front_matter
from newsletter.issues.markdown import parse_markdown
from newsletter.issues.model import Issue
from newsletter.issues.slugs import slugify
from newsletter.issues.walk import text_of

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.issues.frontmatter import FrontMatter

LARGEST = 5 * 1024 * 1024
#: How files that are no text begin, and what they are.
_BINARY = {
    b"PK\x03\x04": "a ZIP archive, such as a Word document",
    b"%PDF-": "a PDF document",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"\xd0\xcf\x11\xe0": "an old Word document",
}
_MAYBE_HEADING = re.compile(r"^ {0,3}(?:#(?!#)|=)", re.MULTILINE)


def load_issue(path: Path) -> Issue:
    """Read the issue at *path*.

    Raises:
        IssueError: there is no such file, it is no UTF-8 text of at most 5 MB, or `parse_issue` refuses it.
    """
    return parse_issue(_read(path), path)


def parse_issue(text: str, path: Path | None = None, slug: str | None = None) -> Issue:
    """The Issue that *text* is.

    Args:
        text: the file's content; a byte order mark and any line ends are tolerated.
        path: where it is from, for errors and for the slug.
        slug: the name of the issue unless its front matter gives one; by default it is made of *path*, or
            of the title.

    Raises:
        IssueError: it is empty, its front matter cannot be read or has a key or value that does not fit, or
            it has no title.
    """
    matter = split_front_matter(_legible(text, path), path, KNOWN)
    fields = Fields(matter, path)
    title, body = fields.text("title"), matter.body
    lines = dict(fields.lines)
    heading = first_heading(matter, path)
    if heading and (not title or heading.title == title):
        # Blank lines in its place keep the numbers of all other lines.
        body = blanked(body, heading)
        title = title or heading.title
        lines.setdefault("title", matter.body_line + heading.first)
    if not title:
        raise _untitled(fields, path)
    people = fields.credits()
    return Issue(
        slug=fields.slug() or slug or slugify(path.stem if path else title),
        title=title,
        body=body,
        path=path,
        body_line=matter.body_line,
        subject=fields.text("subject") or title,
        preheader=fields.text("preheader"),
        date=fields.date(),
        authors=tuple(author.name for author in people),
        language=fields.language(),
        direction=fields.direction(),
        theme=fields.text("theme") or None,
        segment=fields.text("segment") or None,
        topic=fields.text("topic") or None,
        credits=people,
        toc=fields.toc(),
        images=fields.images(),
        tracking=fields.yes_or_no("tracking"),
        archive=fields.archive(),
        extra=fields.extra,
        lines=lines,
    )


def _untitled(fields: Fields, path: Path | None) -> IssueError:
    """The error of an issue without a title, at the key that was perhaps meant to be one."""
    slip = next(iter(get_close_matches("title", fields.extra, 1, 0.7)), "")
    hint = "add `title: …` to its front matter, or a line `# …`"
    return IssueError(
        "the issue has no title",
        where=at(path, fields.lines.get(slip, 1)),
        hint=f"did you mean `title` by `{slip}`?" if slip else hint,
    )


@dataclass(frozen=True)
class FirstHeading:
    """The first first-level heading of a body: its text and the lines it takes, counted from 0."""

    title: str
    first: int
    end: int


def first_heading(matter: FrontMatter, path: Path | None) -> FirstHeading | None:
    """The first heading of the first level in the body, which is the title where no other is given."""
    if not _MAYBE_HEADING.search(matter.body):
        return None
    tokens = parse_markdown(matter.body, path=path, line=matter.body_line)
    for index, token in enumerate(tokens):
        if token.tag == "h1" and token.nesting == 1 and token.level == 0 and token.map:
            inline = tokens[index + 1]
            # Markdown would take the quotes and underscores of a merge tag for its own.
            text = inline.content if "{{" in inline.content else text_of(tuple(inline.children or ()))
            title = check_text("title", " ".join(text.split()), path, matter.body_line + token.map[0])
            if title:
                return FirstHeading(title, *token.map)
    return None


def blanked(body: str, heading: FirstHeading) -> str:
    """*body* with blank lines in the place of *heading*."""
    lines = body.split("\n")
    lines[heading.first : heading.end] = [""] * (heading.end - heading.first)
    return "\n".join(lines)


def _read(path: Path) -> str:
    """The text of the file at *path*."""
    try:
        if path.is_dir():
            raise IssueError(
                "this is a folder, not an issue", where=at(path), hint="name one of the files in it"
            )
        if path.stat().st_size > LARGEST:
            raise IssueError(
                "the issue is larger than 5 MB", where=at(path), hint="put images beside it, not into it"
            )
        content = path.read_bytes()
        _refuse_binary(content, path)
        return content.decode("utf-8")
    except FileNotFoundError as error:
        raise IssueError("there is no such file", where=at(path), hint=_near(path)) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise IssueError(
            "the issue is no UTF-8 text", where=at(path, line), hint="save it as UTF-8"
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise IssueError(
            f"the issue cannot be read: {reason}", where=at(path), hint="check its name and its rights"
        ) from error


def _refuse_binary(content: bytes, path: Path) -> None:
    """Refuse archives, documents and pictures; UTF-16, which has NUL bytes too, is told apart by its mark."""
    known = next((name for mark, name in _BINARY.items() if content.startswith(mark)), "")
    if known or (b"\0" in content and not content.startswith((b"\xff\xfe", b"\xfe\xff"))):
        raise IssueError(
            f"this is no text but {known}" if known else "this is no text: it has NUL characters",
            where=at(path, None if known else content[: content.index(b"\0")].count(b"\n") + 1),
            hint="an issue is Markdown in a text file; save or export it as plain text in UTF-8",
        )


def _near(path: Path) -> str:
    """The names of files like the one that is missing."""
    folder = path.parent
    names = sorted(file.name for file in folder.glob("*.md")) if folder.is_dir() else []
    near = get_close_matches(path.name, names, n=3, cutoff=0.5)
    if near:
        return "did you mean " + " or ".join(f"`{name}`" for name in near) + "?"
    return "make one with `newsletter new TITLE`"


def _legible(text: str, path: Path | None) -> str:
    r"""*text* without a byte order mark, its line ends ``\n``; refused if there is nothing to read in it."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise IssueError("the issue is empty", where=at(path), hint="write a `title:` and some text into it")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise IssueError(
            "the issue is no text: it has NUL characters", where=at(path, line), hint="save it as UTF-8 text"
        )
    return text
