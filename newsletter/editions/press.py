"""From a file to an Edition: the one place where reading an issue, loading its theme and compiling meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.editions.compiler import compile_issue
from newsletter.editions.media import read_images
from newsletter.editions.theme import load_theme
from newsletter.editions.theme_images import read_theme_images
from newsletter.errors import IssueError, did_you_mean
from newsletter.issues import load_issue, parse_document

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from newsletter.config import Publication
    from newsletter.editions.edition import Edition
    from newsletter.editions.media import Image
    from newsletter.editions.theme import Theme
    from newsletter.issues import Document, Issue


@dataclass(frozen=True)
class Pressed:
    """An issue, what it says, the edition it was compiled into, the local images in it, and its theme.

    Before anybody gets the edition, `publish` its images.
    """

    issue: Issue
    document: Document
    edition: Edition
    images: tuple[Image, ...] = ()
    theme: Theme | None = None

    def contents(self) -> dict[str, bytes]:
        """The bytes of the attached images by name, from the files beside the issue; of one that went, none.

        For looking at an edition; one that is mailed reads what was published.
        """
        attached = {each.name for each in self.edition.attachments}
        return {image.name: _bytes(image.path) for image in self.images if image.name in attached}


def press(publication: Publication, path: Path, attributes: Collection[str] | None = None) -> Pressed:
    """Read the issue at *path* and compile it with its theme, or the publication's.

    Args:
        publication: whose issue it is.
        path: the issue's file.
        attributes: the names of custom attributes that subscribers have, for catching misspelt merge tags;
            None when the list is not known.

    Raises:
        IssueError, ThemeError: with file and line.
    """
    issue = load_issue(path)
    settings = publication.settings.publication
    theme = load_theme(issue.theme or settings.theme, publication.themes)
    document = parse_document(issue)
    images = read_theme_images(theme, publication.root) | read_images(issue, document, publication.root)
    edition = compile_issue(issue, theme, settings, attributes=attributes, images=images, document=document)
    shown = tuple({image.name: image for image in images.values()}.values())
    return Pressed(issue, document, edition, shown, theme)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def find_issue(publication: Publication, name: str, directory: Path) -> Path:
    """The file that *name* means: a path from *directory* or the publication, or the name of an issue.

    Raises:
        IssueError: there is none; the hint names the nearest.
    """
    for candidate in (directory / name, publication.root / name, publication.issues / f"{name}.md"):
        if candidate.is_file():
            return candidate
    known = [path.stem for path in publication.issues.glob("*.md")]
    hint = did_you_mean(name, known) if known else "make one with `newsletter new TITLE`"
    raise IssueError("there is no such issue", where=name, hint=hint)
